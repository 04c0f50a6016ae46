import type { EventLog } from '../commands/ports.ts';
import { indexOf } from '../domain/notification/delivery.ts';
import type { EngagementEvent } from '../domain/engagement/events.ts';
import type { Aftermath } from '../domain/notification/aftermath.ts';
import { deliveriesOf, explain } from '../domain/notification/explanation.ts';
import type { Explanation } from '../domain/notification/explanation.ts';
import type { NotificationEvent } from '../domain/notification/events.ts';
import { foldNotification } from '../commands/foldNotification.ts';
import type { RequestedNotification } from '../domain/notification/evolve.ts';
import type { NotificationId, SubjectId, TenantId } from '../domain/values/ids.ts';
import { streamOf } from '../domain/values/streams.ts';
import type { Recorded } from '../domain/kernel/metadata.ts';
import { present } from '../domain/kernel/present.ts';
import type { RefusalRow } from '../projections/notifications/queries.ts';

export type Told = { readonly n: number; readonly subject: SubjectId; readonly explanation: Explanation };
export type PersonTold = { readonly deliveries: readonly Told[]; readonly refusals: readonly RefusalRow[] };
type Followed = {
  readonly events: readonly Recorded<NotificationEvent>[];
  readonly aftermathOf: (n: number) => readonly Aftermath[];
};

/** Notifications as their log tells them, which answers for as long as the log is there. */
export function explaining(log: EventLog) {
  async function events(tenant: TenantId, id: NotificationId): Promise<readonly Recorded<NotificationEvent>[]> {
    const stream = streamOf('notification', tenant, id);
    return (await log.read<NotificationEvent>([stream])).get(stream) ?? [];
  }

  /** Undefined: no such notification. */
  async function requested(tenant: TenantId, id: NotificationId): Promise<RequestedNotification | undefined> {
    return foldNotification(await events(tenant, id));
  }

  /** What happened, and what was heard of it afterwards: two streams, since callbacks never wait for hand-offs. */
  async function followed(tenant: TenantId, id: NotificationId): Promise<Followed> {
    const [stream, engagement] = [streamOf('notification', tenant, id), streamOf('engagement', tenant, id)];
    const read = await log.read<NotificationEvent | EngagementEvent>([stream, engagement]);
    const events = (read.get(stream) ?? []).filter(isOfNotification);
    const heard = (read.get(engagement) ?? []).filter(isOfEngagement);
    return { events, aftermathOf: (n) => heard.flatMap((it) => aftermathIn(it, n)) };
  }

  async function delivery(tenant: TenantId, id: NotificationId, n: number): Promise<Told | undefined> {
    const { events: read, aftermathOf } = await followed(tenant, id);
    const explanation = explain(read, n, aftermathOf(n));
    const recipient = foldNotification(read)?.requested.recipients.find(({ index }) => index === indexOf(n));
    return explanation === undefined || recipient === undefined ? undefined : { n, subject: recipient.subject, explanation };
  }

  /** Every delivery of one person in one notification, and every refusal of theirs; undefined: no such notification. */
  async function ofPerson(tenant: TenantId, id: NotificationId, subject: SubjectId): Promise<PersonTold | undefined> {
    const { events: read, aftermathOf } = await followed(tenant, id);
    const state = foldNotification(read);
    if (state === undefined) return undefined;
    const { recipients, terms } = state.requested;
    const recipient = recipients.find((it) => it.subject === subject);
    const deliveries = recipient === undefined ? [] : deliveriesOf(terms.channels, recipient.index);
    const told = deliveries.flatMap((n) => {
      const explanation = explain(read, n, aftermathOf(n));
      return explanation === undefined ? [] : [{ n, subject, explanation }];
    });
    return { deliveries: told, refusals: read.flatMap((it) => refusalsIn(it, subject)) };
  }

  return { requested, delivery, ofPerson };
}
export type Explaining = ReturnType<typeof explaining>;

type Either = Recorded<NotificationEvent | EngagementEvent>;
const isOfEngagement = (it: Either): it is Recorded<EngagementEvent> => it.event.type === 'EngagementRecorded';
const isOfNotification = (it: Either): it is Recorded<NotificationEvent> => it.event.type !== 'EngagementRecorded';

const aftermathIn = ({ event, position }: Recorded<EngagementEvent>, n: number): readonly Aftermath[] =>
  event.data.items
    .filter((item) => item.n === n)
    .map(({ kind, at, provider, bounceType, machine }) => ({ kind, at, provider, position, ...present({ bounceType, machine }) }));

/** As the read model has them. */
function refusalsIn({ event, position }: Recorded<NotificationEvent>, asked: SubjectId): readonly RefusalRow[] {
  if (event.type !== 'NotificationRequested') return [];
  const { notificationId: notification, requestedAt, terms, refused, batch } = event.data;
  const of = { notification, batch: batch?.batchId ?? null, requestedAt, type: terms.type, position, subject: asked };
  return refused.flatMap(({ subject, index: place, code, detail }) => (subject === asked ? [{ ...of, place, code, detail }] : []));
}
