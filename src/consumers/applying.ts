import type { Recorded } from '../domain/kernel/metadata.ts';
import type { StreamName } from '../domain/values/ids.ts';
import type { FedEvent } from './backlog.ts';
import type { Bell } from './bell.ts';
import { codeOf, isPassing } from './failure.ts';
import { LeaseLost, moveCheckpoint, type LastEvent, type Lease } from './lease.ts';
import { park, type ToPark } from './parking.ts';
import { pause } from './pause.ts';
import { isBefore, type Checkpoint } from './position.ts';
import type { Database, FeedBatch, Projection, Time } from './ports.ts';

/** A consumer while it holds its lease. */
export type Held = {
  readonly lease: Lease;
  /** The checkpoint as this holder moved it. */
  position: Checkpoint;
  caughtUp: boolean;
  /** Since the lease was taken. */
  applied: number;
  readonly parked: Set<StreamName>;
  /** Ids of events that an operator left out. */
  readonly skipped: Set<string>;
  /** Aborts when the lease is lost or the process stops. */
  readonly signal: AbortSignal;
  readonly wants: Wants;
};

/** What others want of a running consumer. */
export type Wants = {
  /** Rung when something below changes. */
  readonly bell: Bell;
  /** The furthest position that someone waits for; `start`: nobody waits. */
  readonly position: Checkpoint;
  readonly want: (position: Checkpoint) => void;
  /** The consumer has come to it. */
  readonly met: () => void;
  /** An operator asked for a parked event, or this holder has not looked yet. */
  parked: boolean;
};

/** Whether reaching the position is what someone waits for. */
const isAwaited = ({ position: wanted }: Wants, position: Checkpoint): boolean => wanted !== 'start' && !isBefore(position, wanted);

export type ApplyOptions = {
  readonly db: Database;
  readonly time: Time;
  readonly leaseMs: number;
  /** How often an event is tried on its own before it is parked. */
  readonly tries: number;
  /** Milliseconds before the second try; doubled each time. */
  readonly backOffMs: number;
  readonly onParked?: (consumer: string, code: string) => void;
  readonly onRetry?: (consumer: string, code: string) => void;
};

const LONGEST_BACK_OFF_MS = 5_000;

type Sorted = { readonly fit: readonly Recorded[]; readonly aside: readonly ToPark[] };

/** What can be applied, and what is set aside: poison, what cannot be read, and what lies behind those in the same stream. */
function sort(held: Held, events: readonly FedEvent[], poison: ReadonlyMap<string, string>, tries: number): Sorted {
  const streams = new Set(held.parked);
  const fit: Recorded[] = [];
  const aside: ToPark[] = [];
  let after = held.position;
  for (const event of events) {
    if (held.skipped.has(event.id)) continue;
    const own = 'unreadable' in event ? event.unreadable.code : poison.get(event.id);
    if (streams.has(event.stream)) aside.push({ event, after, error: own ?? 'behind', tries: 0 });
    else if (own !== undefined) aside.push({ event, after, error: own, tries: 'unreadable' in event ? 1 : tries });
    else if (!('unreadable' in event)) fit.push(event);
    if (own !== undefined) streams.add(event.stream);
    after = event.position;
  }
  return { fit, aside };
}

function lastOf(events: readonly FedEvent[], from: Checkpoint): LastEvent | undefined {
  const last = events.at(-1);
  return last && { id: last.id, after: events.at(-2)?.position ?? from };
}

/** Everything up to the position is applied or set aside when it returns. @throws LeaseLost */
export type Apply = (held: Held, batch: FeedBatch) => Promise<void>;

/** Takes batches into a consumer's tables: rows and checkpoint in one transaction, poison isolated by halving. */
export function applying(consumer: Projection, options: ApplyOptions): Apply {
  const { db, time, leaseMs, tries, backOffMs, onParked, onRetry } = options;

  async function commit(held: Held, { fit, aside }: Sorted, { events, upTo, caughtUp }: FeedBatch): Promise<void> {
    const from = held.position;
    const last = lastOf(events, from);
    const applied = fit.length;
    await db.transaction(
      async (tx) => {
        if (fit.length > 0) await consumer.apply(fit, tx, held.lease.suffix);
        await park(tx, held.lease, aside);
        await moveCheckpoint(tx, held.lease, { from, to: upTo, applied, last, caughtUp, leaseMs, awaited: isAwaited(held.wants, upTo) });
      },
      { idleMs: Math.floor(leaseMs / 2) },
    );
    held.position = upTo;
    held.caughtUp = caughtUp;
    held.applied += applied;
    if (isAwaited(held.wants, upTo)) held.wants.met();
    for (const { event, error } of aside) {
      held.parked.add(event.stream);
      onParked?.(consumer.name, error);
    }
  }

  async function backOff(held: Held, tried: number, error: unknown): Promise<void> {
    onRetry?.(consumer.name, codeOf(error));
    await pause(time, Math.min(backOffMs * 2 ** (tried - 1), LONGEST_BACK_OFF_MS), held.signal);
    if (held.signal.aborted) throw new LeaseLost();
  }

  /** Halves of a batch that failed: the first reaches to its own last event only. */
  function halves({ events, upTo, caughtUp }: FeedBatch): readonly FeedBatch[] {
    const middle = Math.ceil(events.length / 2);
    const first = events.slice(0, middle);
    const end = first.at(-1)?.position ?? upTo;
    return [
      { events: first, upTo: end, caughtUp: false },
      { events: events.slice(middle), upTo, caughtUp },
    ];
  }

  /** Nothing when it was committed; else what it failed with for good. */
  async function attempt(
    held: Held,
    part: FeedBatch,
    poison: ReadonlyMap<string, string>,
  ): Promise<{ readonly failed: unknown } | undefined> {
    for (let [tried, passing] = [1, 1]; ;) {
      const sorted = sort(held, part.events, poison, tries);
      try {
        await commit(held, sorted, part);
        return undefined;
      } catch (error) {
        if (error instanceof LeaseLost) throw error;
        const later = isPassing(error);
        // A large batch may be what a time-out is about, so it is halved too; one event is waited for as long as it takes.
        if (later ? passing >= 3 && sorted.fit.length > 1 : sorted.fit.length > 1 || tried >= tries) return { failed: error };
        await backOff(held, later ? passing : tried, error);
        if (later) passing += 1;
        else tried += 1;
      }
    }
  }

  return async (held, batch) => {
    const fresh = batch.events.filter((event) => isBefore(held.position, event.position));
    const parts: FeedBatch[] = [{ ...batch, events: fresh }];
    const poison = new Map<string, string>();
    for (let part = parts.shift(); part; part = parts.shift()) {
      const outcome = await attempt(held, part, poison);
      if (!outcome) continue;
      const [first, second] = sort(held, part.events, poison, tries).fit;
      // Nothing of it is applied, so no event is to blame.
      if (!first) throw outcome.failed;
      if (!second) {
        poison.set(first.id, codeOf(outcome.failed));
        parts.unshift(part);
      } else parts.unshift(...halves(part));
    }
  };
}
