import type { Indexes, Subjects } from '../../commands/ports.ts';
import { present } from '../../domain/kernel/present.ts';
import { deliveryIdIn } from '../../domain/notification/delivery.ts';
import { addressKeyText } from '../../domain/values/addressKey.ts';
import { isNotificationId } from '../../domain/values/ids.ts';
import type { SubjectId, TenantId } from '../../domain/values/ids.ts';
import type { DeliveryRow } from '../../projections/notifications/queries.ts';
import { recipientsPage } from '../../projections/recipients/queries.ts';
import { explanationView } from '../deliveryView.ts';
import type { Explaining } from '../explaining.ts';
import { instantIn } from '../notificationBody.ts';
import type { NotificationReads } from '../notificationReads.ts';
import { operation, plain } from '../operation.ts';
import type { Operation } from '../operation.ts';
import { addressHash, isKnown, labelsOf, subjectOf } from '../people.ts';
import type { Reads } from '../ports.ts';
import { ExplainNotificationQuery, ExplainQuery, Explanation, Explanations } from '../schemas/delivery.ts';
import { IdParams } from '../schemas/values.ts';
import { noDelivery } from './deliveries.ts';
import { noNotification } from './notifications.ts';

export type ExplainPorts = {
  readonly queries: NotificationReads;
  readonly people: Pick<Subjects, 'find' | 'labels'>;
  readonly indexes: Indexes;
  readonly reads: Reads;
  readonly explaining: Explaining;
};

const tag = 'Explanations';
const reads = ['notifications', 'recipients'];
/** How many deliveries one question is answered with: the newest. */
const MOST = 20;
/** People who share an e-mail address. */
const MOST_PEOPLE = 10;

const NEVER = {
  data: [],
  code: 'never_requested',
  sentence: 'Nothing of the kind was requested for this person: no service asked for it, or it was asked for under another id or address.',
} as const;

/** Everybody whom the question may mean: by id, or by an address that stands in a profile or came with a request. */
async function subjectsMeant(
  { people, indexes, reads: read }: ExplainPorts,
  tenant: TenantId,
  { recipientId, email }: { readonly recipientId?: string; readonly email?: string },
): Promise<readonly SubjectId[]> {
  if (recipientId !== undefined) return [await subjectOf(people, tenant, recipientId)].filter(isKnown);
  if (email === undefined) return [];
  const [inline, hash] = await Promise.all([
    people.find(tenant, [{ address: addressKeyText('email', email) }]),
    addressHash(indexes, tenant, 'email', email),
  ]);
  const registered =
    hash === undefined
      ? []
      : (await read.read(tenant, 'recipients', (tx, suffix) => recipientsPage(tx, suffix, { tenant, email: hash }, { limit: MOST_PEOPLE })))
          .rows;
  return [...new Set([...inline.filter(isKnown), ...registered.map(({ subject }) => subject)])];
}

async function explainedRows(
  { people, explaining }: ExplainPorts,
  tenant: TenantId,
  rows: readonly DeliveryRow[],
): Promise<readonly object[]> {
  const [labelOf, told] = await Promise.all([
    labelsOf(
      people,
      tenant,
      rows.map(({ subject }) => subject),
    ),
    Promise.all(rows.map(({ notification, n }) => explaining.delivery(tenant, notification, n))),
  ]);
  return rows.flatMap(({ notification, subject }, place) => {
    const it = told[place];
    return it === undefined ? [] : [explanationView(notification, labelOf(subject), it.explanation)];
  });
}

/** Why a message came, or did not: the gates, the timeline, and a sentence for a person. */
export const explainRoutes = (ports: ExplainPorts): readonly Operation[] => [
  operation({
    ...plain,
    id: 'explainDelivery',
    method: 'get',
    path: '/v1/deliveries/{id}/explain',
    tag,
    summary: 'Why this delivery went, or did not',
    scope: 'read',
    reads,
    params: IdParams,
    responses: { 200: { description: 'The trace.', schema: Explanation } },
    handler: async ({ access: { tenant }, params }) => {
      const id = deliveryIdIn(params.id);
      const told = id === undefined ? undefined : await ports.explaining.delivery(tenant, id.notification, id.n);
      if (id === undefined || told === undefined) return noDelivery();
      const labelOf = await labelsOf(ports.people, tenant, [told.subject]);
      return { status: 200, body: explanationView(id.notification, labelOf(told.subject), told.explanation) };
    },
  }),
  operation({
    ...plain,
    id: 'explainNotification',
    method: 'get',
    path: '/v1/notifications/{id}/explain',
    tag,
    summary: 'What became of a notification for one person, channel by channel',
    scope: 'read',
    reads,
    params: IdParams,
    query: ExplainNotificationQuery,
    responses: { 200: { description: 'The traces.', schema: Explanations } },
    handler: async ({ access: { tenant }, params: { id }, query: { recipientId } }) => {
      if (!isNotificationId(id)) return noNotification();
      const subject = await subjectOf(ports.people, tenant, recipientId);
      if ((await ports.explaining.requested(tenant, id)) === undefined) return noNotification();
      const told = isKnown(subject) ? await ports.explaining.ofPerson(tenant, id, subject) : undefined;
      if (told === undefined) return { status: 200, body: NEVER };
      return { status: 200, body: { data: told.map((it) => explanationView(id, recipientId, it.explanation)) } };
    },
  }),
  operation({
    ...plain,
    id: 'explain',
    method: 'get',
    path: '/v1/explain',
    tag,
    summary: '“Why did Ana not get it?” without knowing an id',
    description: `The newest ${MOST} deliveries that fit.`,
    scope: 'read',
    reads,
    query: ExplainQuery,
    responses: { 200: { description: 'The traces, newest first.', schema: Explanations } },
    handler: async ({ access: { tenant }, query }) => {
      const { type, since, until } = query;
      const subjects = await subjectsMeant(ports, tenant, query);
      const filter = present({
        type,
        since: since === undefined ? undefined : instantIn(since),
        until: until === undefined ? undefined : instantIn(until),
      });
      const found = await Promise.all(subjects.map((subject) => ports.queries.deliveries(tenant, { ...filter, subject }, { limit: MOST })));
      const rows = found
        .flatMap((page) => page.rows)
        .sort((a, b) => (a.requestedAt < b.requestedAt ? 1 : -1))
        .slice(0, MOST);
      if (rows.length === 0) return { status: 200, body: NEVER };
      return { status: 200, body: { data: await explainedRows(ports, tenant, rows) } };
    },
  }),
];
