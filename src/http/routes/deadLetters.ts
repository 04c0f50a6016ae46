import type { notificationControls } from '../../commands/controlNotifications.ts';
import type { Subjects } from '../../commands/ports.ts';
import { present } from '../../domain/kernel/present.ts';
import { deliveryIdIn } from '../../domain/notification/delivery.ts';
import type { NotificationId, Position } from '../../domain/values/ids.ts';
import { DEAD_LETTER_STATUSES } from '../../projections/notifications/queries.ts';
import type { DeliveryRow } from '../../projections/notifications/queries.ts';
import { deliveryViews } from '../deliveryView.ts';
import { closed, OutsideId } from '../schemas/values.ts';
import type { NotificationQueries } from '../notificationQueries.ts';
import { operation, plain } from '../operation.ts';
import type { Operation } from '../operation.ts';
import { isRefusal } from '../problems.ts';
import { Moved } from '../schemas/acceptance.ts';
import { DeadLetterQuery, DeliveryPage, RedriveFilter, Redriven, RedriveRequest } from '../schemas/delivery.ts';
import { deliveryFilterIn, noDelivery } from './deliveries.ts';

export type DeadLetterPorts = {
  readonly queries: NotificationQueries;
  readonly people: Pick<Subjects, 'find' | 'labels'>;
  readonly controls: ReturnType<typeof notificationControls>;
};

const tag = 'Dead letters';
const reads = ['notifications'];
/** How many deliveries one call sends on their way again. */
const AT_ONCE = 1000;

function byNotification(rows: readonly DeliveryRow[]): ReadonlyMap<NotificationId, readonly number[]> {
  const items = new Map<NotificationId, number[]>();
  for (const { notification, n } of rows) items.set(notification, [...(items.get(notification) ?? []), n]);
  return items;
}

/** What providers refused for good, what ran out of attempts, and what nobody knows the outcome of. */
export const deadLetterRoutes = ({ queries, people, controls }: DeadLetterPorts): readonly Operation[] => [
  operation({
    ...plain,
    id: 'listDeadLetters',
    method: 'get',
    path: '/v1/dead-letters',
    tag,
    summary: 'Deliveries that failed, ran out of attempts, or have an unknown outcome, newest first',
    scope: 'read',
    reads,
    query: DeadLetterQuery,
    responses: { 200: { description: 'A page.', schema: DeliveryPage } },
    handler: async ({ access: { tenant }, query: { limit, cursor: _cursor, ...filters }, place }) => {
      const filter = await deliveryFilterIn(people, tenant, filters);
      if (filter === 'nobody') return { status: 200, page: { data: [], next: null } };
      const dead = { ...filter, status: DEAD_LETTER_STATUSES };
      const { rows, next } = await queries.deliveries(tenant, dead, { limit, ...present({ place }) });
      return { status: 200, page: { data: await deliveryViews(people, tenant, rows), next } };
    },
  }),
  operation({
    ...plain,
    id: 'redriveDeadLetter',
    method: 'post',
    path: '/v1/dead-letters/{deliveryId}/redrive',
    tag,
    summary: 'Send one on its way again, with a fresh look at the gates',
    scope: 'manage',
    params: closed({ deliveryId: OutsideId }),
    body: RedriveRequest,
    bodyOptional: true,
    responses: { 202: { description: 'On its way again.', schema: Moved } },
    handler: async ({ caller, params, body: { reason } }) => {
      const id = deliveryIdIn(params.deliveryId);
      if (id === undefined) return noDelivery();
      const outcome = await controls.redrive(caller, id.notification, [id.n], reason);
      if (isRefusal(outcome)) return outcome.rejected === 'notification_not_found' ? noDelivery() : outcome;
      return { status: 202, body: { deliveries: outcome.moved }, ...present({ position: outcome.position }) };
    },
  }),
  operation({
    ...plain,
    id: 'redriveDeadLetters',
    method: 'post',
    path: '/v1/dead-letters/redrive',
    tag,
    summary: `Send those that fit a filter on their way again, ${AT_ONCE} at a time`,
    description: 'Without any filter it takes `all: true`: everything is not sent again by an oversight.',
    scope: 'manage',
    body: RedriveFilter,
    responses: { 202: { description: 'How many are on their way again.', schema: Redriven } },
    handler: async ({ caller, body: { reason, all: _all, ...filters } }) => {
      const filter = await deliveryFilterIn(people, caller.tenant, filters);
      if (filter === 'nobody') return { status: 202, body: { deliveries: 0, notifications: 0, more: false } };
      const { rows, next } = await queries.deliveries(caller.tenant, { ...filter, status: DEAD_LETTER_STATUSES }, { limit: AT_ONCE });
      const outcomes = await Promise.all([...byNotification(rows)].map(([id, items]) => controls.redrive(caller, id, items, reason)));
      const done = outcomes.flatMap((it) => (isRefusal(it) ? [] : [it]));
      const positions: readonly Position[] = done.flatMap(({ position }) => position ?? []).sort();
      const deliveries = done.reduce((sum, { moved }) => sum + moved, 0);
      return {
        status: 202,
        body: { deliveries, notifications: done.length, more: next !== null },
        ...present({ position: positions.at(-1) }),
      };
    },
  }),
];
