import type { RequestedNotification } from '../../domain/notification/evolve.ts';
import { indexOf, nOf, WORK, type Delivery } from '../../domain/notification/delivery.ts';
import type { NotificationEvent, RequestedRecipient } from '../../domain/notification/events.ts';
import type { Message } from '../../domain/values/message.ts';
import type { BatchEvent } from '../../domain/batch/events.ts';
import type { EngagementEvent } from '../../domain/engagement/events.ts';
import type { Recorded } from '../../domain/kernel/metadata.ts';
import type { Personal } from '../../domain/kernel/personal.ts';
import type { BatchId, StreamName, TenantId } from '../../domain/values/ids.ts';
import type { Instant } from '../../domain/values/instant.ts';
import { streamOf } from '../../domain/values/streams.ts';
import { foldNotification } from '../../commands/foldNotification.ts';
import type { EventLog } from '../../commands/ports.ts';
import type { ActionKind, Claim } from '../process.ts';

/** One notification of a group, as its log says. */
export type Job = {
  readonly tenant: TenantId;
  readonly stream: StreamName;
  revision: number;
  state: RequestedNotification;
  readonly correlationId: string;
  /** What the claim is for and the log still leaves to be done. */
  readonly due: readonly Delivery[];
  readonly recipients: ReadonlyMap<number, RequestedRecipient>;
  readonly message: Personal<Message>;
  /** Recipients (places in the request) who are known to have got it on some channel: routing `first … until delivered` asks. */
  readonly confirmed: ReadonlySet<number>;
};

type LoadedJob = Omit<Job, 'message' | 'confirmed'>;

/** Reads a group's notifications in one go and drops what their events say is done, cancelled or not due. */
export async function load(log: EventLog, batches: BatchMessages, claim: Claim, now: Instant): Promise<readonly Job[]> {
  const wanted = new Map<StreamName, { tenant: TenantId; items: Set<number> }>();
  for (const { tenant, target, items } of claim.actions) {
    const stream = streamOf('notification', tenant, target);
    const known = wanted.get(stream) ?? { tenant, items: new Set<number>() };
    for (const n of items) known.items.add(n);
    wanted.set(stream, known);
  }
  const streams = await log.read<NotificationEvent>([...wanted.keys()]);
  const found: LoadedJob[] = [];
  for (const [stream, { tenant, items }] of wanted) {
    const job = jobOf(stream, tenant, streams.get(stream) ?? [], (state) => dueOf(state, items, claim.kind, now));
    if (job !== undefined) found.push(job);
  }
  return withMessages(batches, await withConfirmed(log, found));
}

function jobOf(
  stream: StreamName,
  tenant: TenantId,
  events: readonly Recorded<NotificationEvent>[],
  dueIn: (state: RequestedNotification) => readonly Delivery[],
): LoadedJob | undefined {
  const state = foldNotification(events);
  const [first, last] = [events[0], events.at(-1)];
  if (state === undefined || first === undefined || last === undefined) return undefined;
  const due = dueIn(state);
  if (due.length === 0) return undefined;
  const recipients = new Map(state.requested.recipients.map((it) => [it.index, it]));
  return { tenant, stream, revision: last.revision, state, correlationId: first.meta.correlationId, due, recipients };
}

function dueOf(state: RequestedNotification, items: ReadonlySet<number>, kind: ActionKind, now: Instant): readonly Delivery[] {
  const due = [...state.deliveries.values()].filter((it) => items.has(it.n) && WORK[it.status] === kind && isDue(it, now));
  if (kind !== 'plan' || state.requested.terms.routing.method === 'all') return due;
  return withAlternatives(state, due);
}

/** A row can be older than the log it was derived from: a deferral, a retry or an open start that has moved on is not due. */
const isDue = (it: Delivery, now: Instant): boolean => it.until === undefined || it.until <= now;

/** Routing `first`: the channels behind the one that is due are looked at with it, in their order, should it not reach the person. */
function withAlternatives(state: RequestedNotification, due: readonly Delivery[]): readonly Delivery[] {
  const { channels } = state.requested.terms;
  const isWanted = new Set(due.map(({ n }) => n));
  return [...new Set(due.map(({ n }) => indexOf(n)))].flatMap((index) => {
    const all = channels.flatMap((channel) => state.deliveries.get(nOf(index, channel)) ?? []);
    const first = all.findIndex(({ n }) => isWanted.has(n));
    return all.filter((it, place) => isWanted.has(it.n) || (place > first && it.status === 'left'));
  });
}

/** Only a wait for a confirmation asks for engagement, and only then is its stream read. */
async function withConfirmed(log: EventLog, jobs: readonly LoadedJob[]): Promise<readonly (LoadedJob & Pick<Job, 'confirmed'>)[]> {
  const streamOfJob = (job: LoadedJob): StreamName => streamOf('engagement', job.tenant, job.state.requested.notificationId);
  const waits = jobs.filter(
    ({ state: { requested } }) => requested.terms.routing.method === 'first' && requested.terms.routing.until === 'delivered',
  );
  const streams =
    waits.length > 0
      ? await log.read<EngagementEvent>(waits.map(streamOfJob))
      : new Map<StreamName, readonly Recorded<EngagementEvent>[]>();
  return jobs.map((job) => {
    const items = (streams.get(streamOfJob(job)) ?? []).flatMap(({ event }) => event.data.items);
    return { ...job, confirmed: new Set(items.filter((it) => CONFIRMS.has(it.kind)).map((it) => indexOf(it.n))) };
  });
}
const CONFIRMS: ReadonlySet<string> = new Set(['confirmed', 'opened', 'clicked', 'read', 'actioned']);

/** The message of a batch stands once, in its first event; it never changes, so it is kept. */
export interface BatchMessages {
  messages(tenant: TenantId, batches: readonly BatchId[]): Promise<ReadonlyMap<BatchId, Personal<Message>>>;
}

async function withMessages(batches: BatchMessages, jobs: readonly (LoadedJob & Pick<Job, 'confirmed'>)[]): Promise<readonly Job[]> {
  const byTenant = new Map<TenantId, Set<BatchId>>();
  for (const { tenant, state } of jobs) {
    const id = state.requested.batch?.batchId;
    if (id !== undefined) byTenant.set(tenant, (byTenant.get(tenant) ?? new Set()).add(id));
  }
  const messages = new Map<string, Personal<Message>>();
  for (const [tenant, ids] of byTenant) {
    for (const [id, message] of await batches.messages(tenant, [...ids])) messages.set(`${tenant} ${id}`, message);
  }
  return jobs.flatMap((job) => {
    const { message, batch } = job.state.requested;
    const found = message ?? (batch && messages.get(`${job.tenant} ${batch.batchId}`));
    return found === undefined ? [] : [{ ...job, message: found }];
  });
}

/** Bounded: the messages of the batches in flight. */
export function batchMessages(log: EventLog, most = 100): BatchMessages {
  const kept = new Map<string, Personal<Message>>();
  return {
    messages: async (tenant, ids) => {
      const missing = ids.filter((id) => !kept.has(`${tenant} ${id}`));
      const streams = await log.read<BatchEvent>(missing.map((id) => streamOf('batch', tenant, id)));
      for (const id of missing) {
        const opened = streams.get(streamOf('batch', tenant, id))?.[0]?.event;
        if (opened?.type === 'BatchOpened') kept.set(`${tenant} ${id}`, opened.data.message);
      }
      const answer = new Map(
        ids.flatMap((id) => {
          const message = kept.get(`${tenant} ${id}`);
          return message === undefined ? [] : [[id, message] as const];
        }),
      );
      for (const oldest of [...kept.keys()].slice(0, Math.max(0, kept.size - most))) kept.delete(oldest);
      return answer;
    },
  };
}
