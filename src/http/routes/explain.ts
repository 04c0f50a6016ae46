import type { Indexes, Subjects } from '../../commands/ports.ts';
import { present } from '../../domain/kernel/present.ts';
import { deliveryIdIn } from '../../domain/notification/delivery.ts';
import { addressKeyText } from '../../domain/values/addressKey.ts';
import { isNotificationId } from '../../domain/values/ids.ts';
import type { SubjectId, TenantId } from '../../domain/values/ids.ts';
import type { Instant } from '../../domain/values/instant.ts';
import type { DeliveryRow, RefusalRow } from '../../projections/notifications/queries.ts';
import { recipientsPage } from '../../projections/recipients/queries.ts';
import type { Explaining } from '../explaining.ts';
import { explanationView, refusalView } from '../explanationView.ts';
import { instantIn } from '../notificationBody.ts';
import type { NotificationQueries } from '../notificationQueries.ts';
import { operation, plain } from '../operation.ts';
import type { Answer, Operation } from '../operation.ts';
import { addressHash, isKnown, labelsOf, subjectOf } from '../people.ts';
import type { Reads } from '../ports.ts';
import { ExplainNotificationQuery, ExplainQuery, Explanation, Explanations } from '../schemas/explanation.ts';
import { IdParams } from '../schemas/values.ts';
import { noDelivery } from './deliveries.ts';
import { noNotification } from './notifications.ts';

export type ExplainPorts = {
  readonly queries: NotificationQueries;
  readonly people: Pick<Subjects, 'find' | 'labels'>;
  readonly indexes: Indexes;
  readonly reads: Reads;
  readonly explaining: Explaining;
};

const tag = 'Explanations';
const reads = ['notifications', 'recipients'];
/** How many deliveries and refusals one question is answered with: the newest. */
const MOST = 20;
/** People who share an e-mail address. */
const MOST_PEOPLE = 10;

/** Nothing to explain, and why. */
const none = (code: string, sentence: string) => ({ status: 200, body: { data: [], code, sentence } });
const NEVER = none(
  'never_requested',
  'Nothing of the kind was requested for this person: no service asked for it, its request was refused as a whole, ' +
    'or it was asked for under another id or address.',
);
const ERASED = none('erased', 'This person has been erased: what was sent to them, and why, can no longer be told.');

type Person = SubjectId | 'erased' | 'unknown';

/** Everybody whom the question may mean: by id, or by an address that stands in a profile or came with a request. */
async function subjectsMeant(
  { people, indexes, reads: read }: ExplainPorts,
  tenant: TenantId,
  { recipientId, email }: { readonly recipientId?: string; readonly email?: string },
): Promise<readonly Person[]> {
  if (recipientId !== undefined) return [await subjectOf(people, tenant, recipientId)];
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
  return [...new Set([...inline, ...registered.map(({ subject }) => subject)])];
}

type Found = { readonly at: Instant } & ({ readonly delivery: DeliveryRow } | { readonly refusal: RefusalRow });

/** The newest of both, newest first. */
function newest(deliveries: readonly DeliveryRow[], refusals: readonly RefusalRow[]): readonly Found[] {
  const all: readonly Found[] = [
    ...deliveries.map((delivery) => ({ at: delivery.requestedAt, delivery })),
    ...refusals.map((refusal) => ({ at: refusal.requestedAt, refusal })),
  ];
  return [...all].sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0)).slice(0, MOST);
}

/** Where nothing but refusals is found, the answer as a whole says so. */
function answerOf(data: readonly object[], refusals: readonly { readonly sentence: string }[]): Answer {
  const [first] = refusals;
  const onlyRefused = first !== undefined && refusals.length === data.length;
  return { status: 200, body: { data, ...(onlyRefused && { code: 'rejected_at_accept', sentence: first.sentence }) } };
}

async function explained({ people, explaining }: ExplainPorts, tenant: TenantId, found: readonly Found[]): Promise<Answer> {
  const [labelOf, views] = await Promise.all([
    labelsOf(
      people,
      tenant,
      found.map((it) => ('delivery' in it ? it.delivery.subject : it.refusal.subject)),
    ),
    Promise.all(
      found.map(async (it) => ('delivery' in it ? explaining.delivery(tenant, it.delivery.notification, it.delivery.n) : undefined)),
    ),
  ]);
  const refusals = new Map(
    found.flatMap((it) => ('refusal' in it ? [[it, refusalView(it.refusal, labelOf(it.refusal.subject))] as const] : [])),
  );
  const data = found.flatMap((it, place) => {
    if ('refusal' in it) return refusals.get(it) ?? [];
    const told = views[place];
    return told === undefined ? [] : [explanationView(it.delivery.notification, labelOf(it.delivery.subject), told.explanation)];
  });
  return answerOf(data, [...refusals.values()]);
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
      if (!isKnown(subject)) return subject === 'erased' ? ERASED : NEVER;
      const { deliveries = [], refusals: refused = [] } = (await ports.explaining.ofPerson(tenant, id, subject)) ?? {};
      if (deliveries.length + refused.length === 0) return NEVER;
      const refusals = refused.map((it) => refusalView(it, recipientId));
      return answerOf([...deliveries.map((it) => explanationView(id, recipientId, it.explanation)), ...refusals], refusals);
    },
  }),
  operation({
    ...plain,
    id: 'explain',
    method: 'get',
    path: '/v1/explain',
    tag,
    summary: '“Why did Ana not get it?” without knowing an id',
    description: `The newest ${MOST} deliveries that fit, and refusals of this person when they were asked for.`,
    scope: 'read',
    reads,
    query: ExplainQuery,
    responses: { 200: { description: 'The traces, newest first.', schema: Explanations } },
    handler: async ({ access: { tenant }, query }) => {
      const { type, since, until } = query;
      const meant = await subjectsMeant(ports, tenant, query);
      const subjects = meant.filter(isKnown);
      const filter = present({
        type,
        since: since === undefined ? undefined : instantIn(since),
        until: until === undefined ? undefined : instantIn(until),
      });
      const [pages, refusals] = await Promise.all([
        Promise.all(subjects.map((subject) => ports.queries.deliveries(tenant, { ...filter, subject }, { limit: MOST }))),
        subjects.length === 0 ? [] : ports.queries.refusals({ tenant, subjects, filter }, MOST),
      ]);
      const found = newest(
        pages.flatMap(({ rows }) => rows),
        refusals,
      );
      if (found.length === 0) return meant.includes('erased') ? ERASED : NEVER;
      return explained(ports, tenant, found);
    },
  }),
];
