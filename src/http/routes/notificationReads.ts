import type { Indexes, Subjects, Vault } from '../../commands/ports.ts';
import { present } from '../../domain/kernel/present.ts';
import { isBatchId, isNotificationId } from '../../domain/values/ids.ts';
import type { TenantId } from '../../domain/values/ids.ts';
import type { NotificationFilter } from '../../projections/notifications/queries.ts';
import type { Explaining } from '../explaining.ts';
import { instantIn } from '../notificationBody.ts';
import type { NotificationQueries } from '../notificationQueries.ts';
import { notificationView, summaryView } from '../notificationView.ts';
import { operation, plain } from '../operation.ts';
import type { Operation } from '../operation.ts';
import { isKnown, subjectOf } from '../people.ts';
import { Notification, NotificationPage, NotificationQuery } from '../schemas/notificationView.ts';
import { IdParams } from '../schemas/values.ts';
import { noNotification } from './notifications.ts';

export type NotificationReadPorts = {
  readonly queries: NotificationQueries;
  readonly people: Pick<Subjects, 'find' | 'labels'>;
  readonly indexes: Indexes;
  readonly vault: Vault;
  readonly explaining: Explaining;
};

const tag = 'Notifications';
const reads = ['notifications'];

type Filters = Omit<NotificationFilter, 'subject' | 'key' | 'batchId' | 'since' | 'until'> & {
  readonly recipientId?: string;
  readonly key?: string;
  readonly batchId?: string;
  readonly since?: string;
  readonly until?: string;
};

async function filterIn(
  { people, indexes }: NotificationReadPorts,
  tenant: TenantId,
  { recipientId, key, batchId, since, until, ...same }: Filters,
): Promise<NotificationFilter | 'nobody'> {
  const subject = recipientId === undefined ? undefined : await subjectOf(people, tenant, recipientId);
  if (subject !== undefined && !isKnown(subject)) return 'nobody';
  if (batchId !== undefined && !isBatchId(batchId)) return 'nobody';
  const [hash] = key === undefined ? [] : await indexes.hash(tenant, 'key', [key]);
  return {
    ...same,
    ...present({
      subject,
      batchId,
      key: hash,
      since: since === undefined ? undefined : instantIn(since),
      until: until === undefined ? undefined : instantIn(until),
    }),
  };
}

export const notificationReadRoutes = (ports: NotificationReadPorts): readonly Operation[] => [
  operation({
    ...plain,
    id: 'listNotifications',
    method: 'get',
    path: '/v1/notifications',
    tag,
    summary: 'Notifications, newest first',
    scope: 'read',
    reads,
    query: NotificationQuery,
    responses: { 200: { description: 'A page.', schema: NotificationPage } },
    handler: async ({ access: { tenant }, query: { limit, cursor: _cursor, ...filters }, place }) => {
      const filter = await filterIn(ports, tenant, filters);
      if (filter === 'nobody') return { status: 200, page: { data: [], next: null } };
      const { rows, next } = await ports.queries.list(tenant, filter, { limit, ...present({ place }) });
      return { status: 200, page: { data: rows.map(summaryView), next } };
    },
  }),
  operation({
    ...plain,
    id: 'getNotification',
    method: 'get',
    path: '/v1/notifications/{id}',
    tag,
    summary: 'One notification: its status, counts, and everything asked for',
    description:
      'Addresses and names are masked, and content, variables, files and metadata left out, unless the key has the scope `pii` too.',
    scope: 'read',
    reads,
    params: IdParams,
    responses: { 200: { description: 'The notification.', schema: Notification } },
    handler: async ({ access: { tenant, scopes }, params: { id } }) => {
      if (!isNotificationId(id)) return noNotification();
      const [row, state] = await Promise.all([ports.queries.get(tenant, id), ports.explaining.requested(tenant, id)]);
      if (row === undefined || state === undefined) return noNotification();
      const body = await notificationView(ports, tenant, { row, state }, scopes.has('pii'));
      return { status: 200, body, shown: { resource: `notifications/${id}` } };
    },
  }),
];
