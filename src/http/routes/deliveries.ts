import type { Subjects } from '../../commands/ports.ts';
import { present } from '../../domain/kernel/present.ts';
import { CHANNELS } from '../../domain/values/channel.ts';
import type { Channel } from '../../domain/values/channel.ts';
import { channelOf, deliveryIdIn, deliveryIdOf } from '../../domain/notification/delivery.ts';
import { isBatchId, isNotificationId } from '../../domain/values/ids.ts';
import type { TenantId } from '../../domain/values/ids.ts';
import type { DeliveryFilter, DeliveryRow } from '../../projections/notifications/queries.ts';
import { deliveryViews, statusesOf, statusOfRow } from '../deliveryView.ts';
import { instantIn } from '../notificationBody.ts';
import type { NotificationQueries } from '../notificationQueries.ts';
import { operation, plain } from '../operation.ts';
import type { Operation, Reply } from '../operation.ts';
import { isKnown, subjectOf } from '../people.ts';
import { refuse } from '../problems.ts';
import type { Refusal } from '../problems.ts';
import type { DeliveryStatus, Outcome } from '../schemas/delivery.ts';
import { Delivery, DeliveryPage, DeliveryQuery, TimelinePage } from '../schemas/delivery.ts';
import { IdParams, PageQuery, RecipientParams } from '../schemas/values.ts';
import { noNotification } from './notifications.ts';
import { noRecipient } from './recipients.ts';

export type DeliveryPorts = {
  readonly queries: NotificationQueries;
  readonly people: Pick<Subjects, 'find' | 'labels'>;
};

const tag = 'Deliveries';
const reads = ['notifications'];
export const noDelivery = (): Refusal => refuse('delivery_not_found', 'There is no delivery of this id.');
const EMPTY: Reply = { status: 200, page: { data: [], next: null } };

type Filters = {
  readonly recipientId?: string;
  readonly channel?: Channel;
  readonly status?: DeliveryStatus;
  readonly outcome?: Outcome;
  readonly provider?: string;
  readonly type?: string;
  readonly batchId?: string;
  readonly since?: string;
  readonly until?: string;
};

function statusesIn({ status, outcome }: Filters): readonly DeliveryStatus[] | undefined {
  if (outcome === undefined) return status === undefined ? undefined : [status];
  return statusesOf(outcome).filter((it) => status === undefined || it === status);
}

/** Filters of a request → of the read model. `nobody`: they name somebody or something that nothing can be of. */
export async function deliveryFilterIn(
  people: Pick<Subjects, 'find'>,
  tenant: TenantId,
  filters: Filters,
): Promise<DeliveryFilter | 'nobody'> {
  const { recipientId, channel, provider, type, batchId, since, until } = filters;
  const subject = recipientId === undefined ? undefined : await subjectOf(people, tenant, recipientId);
  if (subject !== undefined && !isKnown(subject)) return 'nobody';
  if (batchId !== undefined && !isBatchId(batchId)) return 'nobody';
  return present({
    subject,
    batchId,
    provider,
    type,
    channel: channel === undefined ? undefined : CHANNELS.indexOf(channel),
    status: statusesIn(filters),
    since: since === undefined ? undefined : instantIn(since),
    until: until === undefined ? undefined : instantIn(until),
  });
}

const timelineEntry = (row: DeliveryRow): object => ({
  at: row.sentAt ?? row.plannedAt ?? row.requestedAt,
  kind: 'delivery',
  deliveryId: deliveryIdOf(row.notification, row.n),
  notificationId: row.notification,
  type: row.type,
  channel: channelOf(row.n),
  ...statusOfRow(row),
  code: row.code,
});

/** One recipient × one channel: lists, one by one, and a person's timeline. */
export const deliveryRoutes = ({ queries, people }: DeliveryPorts): readonly Operation[] => [
  operation({
    ...plain,
    id: 'listDeliveries',
    method: 'get',
    path: '/v1/deliveries',
    tag,
    summary: 'Deliveries, newest first',
    scope: 'read',
    reads,
    query: DeliveryQuery,
    responses: { 200: { description: 'A page.', schema: DeliveryPage } },
    handler: async ({ access: { tenant }, query: { limit, cursor: _cursor, ...filters }, place }) => {
      const filter = await deliveryFilterIn(people, tenant, filters);
      if (filter === 'nobody') return EMPTY;
      const { rows, next } = await queries.deliveries(tenant, filter, { limit, ...present({ place }) });
      return { status: 200, page: { data: await deliveryViews(people, tenant, rows), next } };
    },
  }),
  operation({
    ...plain,
    id: 'listDeliveriesOfNotification',
    method: 'get',
    path: '/v1/notifications/{id}/deliveries',
    tag,
    summary: 'Deliveries of one notification',
    scope: 'read',
    reads,
    params: IdParams,
    query: PageQuery,
    responses: { 200: { description: 'A page.', schema: DeliveryPage } },
    handler: async ({ access: { tenant }, params: { id }, query: { limit }, place }) => {
      if (!isNotificationId(id) || (await queries.get(tenant, id)) === undefined) return noNotification();
      const { rows, next } = await queries.deliveries(tenant, { notificationId: id }, { limit, ...present({ place }) });
      return { status: 200, page: { data: await deliveryViews(people, tenant, rows), next } };
    },
  }),
  operation({
    ...plain,
    id: 'getDelivery',
    method: 'get',
    path: '/v1/deliveries/{id}',
    tag,
    summary: 'One delivery',
    scope: 'read',
    reads,
    params: IdParams,
    responses: { 200: { description: 'The delivery.', schema: Delivery } },
    handler: async ({ access: { tenant }, params }) => {
      const id = deliveryIdIn(params.id);
      const row = id === undefined ? undefined : await queries.delivery(tenant, id.notification, id.n);
      if (id === undefined || row === undefined) return noDelivery();
      const [body] = await deliveryViews(people, tenant, [row]);
      return { status: 200, body };
    },
  }),
  operation({
    ...plain,
    id: 'getTimeline',
    method: 'get',
    path: '/v1/recipients/{recipientId}/timeline',
    tag,
    summary: 'Everything sent and not sent to one person, newest first',
    scope: 'read',
    reads,
    params: RecipientParams,
    query: PageQuery,
    responses: { 200: { description: 'A page.', schema: TimelinePage } },
    handler: async ({ access: { tenant }, params: { recipientId }, query: { limit }, place }) => {
      const subject = await subjectOf(people, tenant, recipientId);
      if (!isKnown(subject)) return noRecipient();
      const { rows, next } = await queries.deliveries(tenant, { subject }, { limit, ...present({ place }) });
      return { status: 200, page: { data: rows.map(timelineEntry), next } };
    },
  }),
];
