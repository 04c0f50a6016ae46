import { PortError } from '../domain/kernel/portError.ts';
import type { Position } from '../domain/values/ids.ts';
import { applying, type ApplyOptions, type Held, type Wants } from './applying.ts';
import { BEYOND_HEAD, GONE_BACK, outlivesDoubt, raisesDoubt } from './doubt.ts';
import { codeOf } from './failure.ts';
import { LeaseLost, rateAfter, releaseLease, renewLease, setDoubt, stopForGood, takeLease, type BuiltKey, type Lease } from './lease.ts';
import { parkedStreams, skippedEvents } from './parking.ts';
import { pause } from './pause.ts';
import { isBefore } from './position.ts';
import type { EventFeed, FeedBatch, Projection } from './ports.ts';
import { retrying } from './retrying.ts';
import type { Member, TailReader } from './tailReader.ts';

export type ConsumerOptions = ApplyOptions & {
  readonly feed: EventFeed;
  readonly tail: TailReader;
  /** Names this process among standbys. */
  readonly holder: string;
  /** Events in one transaction, at most. */
  readonly batchEvents: number;
  /** Milliseconds between two moves of the checkpoint while nothing that concerns the consumer is written. */
  readonly idleMs: number;
  readonly onBatch?: (consumer: string, events: number, ms: number) => void;
  readonly onStopped?: (consumer: string, code: string) => void;
  readonly onError?: (consumer: string, code: string) => void;
};

/** Milliseconds after a failure, doubled with each that follows within a lease: a deadlock, say, is over at once. */
const RETRY_MS = 200;

/** At the most so many ms pass until a consumer at the head looks around, or a standby looks whether the holder is there. */
const LOOK_MS = 1_000;

/**
 * Milliseconds that a consumer rests between two batches: as long as the last one took, so that under load what is written meanwhile goes in one
 * transaction, while what comes alone is taken at once. Rows that nobody acts on rest longer: the deliveries of a batch change a few at a time,
 * and their notification is counted anew with each.
 */
const restAfter = ({ unhurried }: Projection, tookMs: number): number =>
  unhurried === true ? Math.min(4 * tookMs, 200) : Math.min(tookMs, 25);

/** `onCaughtUp` is called, now and then, while the consumer is at the head; the next batch waits for it. */
type Hooks = { readonly onCaughtUp: (held: Held) => Promise<void> };

/**
 * Holds one consumer's lease while it can, and takes batches in (docs/architecture.md). Returns when the signal aborts, when the tables were
 * retired, or when it was stopped for good.
 */
export async function runConsumer(
  consumer: Projection,
  key: BuiltKey,
  options: ConsumerOptions & Hooks & { readonly wants: Wants },
  signal: AbortSignal,
): Promise<void> {
  const { db, feed, time, leaseMs, holder, wants, onError } = options;
  const standBy = (): Promise<void> => wants.bell.wait(Math.min(leaseMs / 3, LOOK_MS));
  const apply = applying(consumer, options);
  let failures = 0;

  while (!signal.aborted) {
    const began = time.epochMs();
    const lease = await takeLease(db, key, { holder, presence: db.presence() }, leaseMs).catch((error: unknown) => {
      onError?.(consumer.name, codeOf(error));
      return undefined;
    });
    if (!lease) {
      await standBy();
      continue;
    }
    let pauseMs: number | undefined;
    try {
      await hold(lease);
    } catch (error) {
      if (!(error instanceof LeaseLost)) {
        onError?.(consumer.name, codeOf(error));
        failures = time.epochMs() - began > leaseMs ? 1 : failures + 1;
        pauseMs = Math.min(RETRY_MS * 2 ** (failures - 1), leaseMs / 3);
      }
    }
    await releaseLease(db, lease, signal.aborted).catch((error: unknown) => onError?.(consumer.name, codeOf(error)));
    // Not by the bell, which has rung for what was to be taken in.
    if (!signal.aborted) await (pauseMs === undefined ? standBy() : pause(time, pauseMs, signal));
  }

  async function stopped(lease: Lease, code: string): Promise<void> {
    await stopForGood(db, lease, code);
    options.onStopped?.(consumer.name, code);
  }

  async function hold(lease: Lease): Promise<void> {
    const lost = new AbortController();
    const held: Held = {
      lease,
      position: lease.position,
      caughtUp: false,
      applied: 0,
      parked: new Set(await parkedStreams(db, lease)),
      skipped: new Set(await skippedEvents(db, lease)),
      signal: AbortSignal.any([signal, lost.signal]),
      wants,
    };
    const stopRenewing = keepLease(held, lost);
    try {
      const isDoubted = lease.isDoubted || (await raisesDoubt(feed, consumer, held));
      if (isDoubted && !(await outlivesDoubt(consumer, options, held))) await stopped(lease, GONE_BACK);
      else await takePart(held);
    } finally {
      stopRenewing();
    }
  }

  async function takePart(held: Held): Promise<void> {
    const member = options.tail.join(held.position, consumer, wants.bell.ring);
    const wake = (): void => wants.bell.ring();
    held.signal.addEventListener('abort', wake);
    try {
      await takeIn(held, member);
    } finally {
      held.signal.removeEventListener('abort', wake);
      member.leave();
    }
  }

  /** Renews in the background, also while a batch takes long; the fence in each batch holds whatever becomes of this. */
  function keepLease(held: Held, lost: AbortController): () => void {
    let [cancel, seen, rate]: [() => void, number, number] = [() => undefined, 0, 0];
    const everyMs = leaseMs / 3;
    const renew = async (): Promise<void> => {
      rate = rateAfter(rate, held.applied - seen, everyMs);
      seen = held.applied;
      const { lease, caughtUp } = held;
      const kept = await renewLease(db, lease, leaseMs, { presence: db.presence(), caughtUp, rate }).catch((error: unknown) => {
        onError?.(consumer.name, codeOf(error));
        return true;
      });
      if (!kept) lost.abort();
      else if (!held.signal.aborted) schedule();
    };
    const schedule = (): void => {
      cancel = time.after(everyMs, () => void renew());
    };
    schedule();
    return () => {
      lost.abort();
      cancel();
    };
  }

  async function takeIn(held: Held, member: Member): Promise<void> {
    const grantWishes = retrying(consumer, options);
    const idle = idling(held);
    wants.parked = held.parked.size > 0;

    while (!held.signal.aborted) {
      const code = member.failed();
      if (code === BEYOND_HEAD) await doubt(held);
      if (code !== undefined) return stopped(held.lease, code);
      if (wants.parked) {
        wants.parked = false;
        await grantWishes(held);
      }
      const batch = member.take(options.batchEvents);
      if (!batch) await idle.wait();
      else if (batch.events.length === 0) await idle.note(batch);
      else {
        const began = time.epochMs();
        await apply(held, batch);
        idle.noted();
        const tookMs = time.epochMs() - began;
        options.onBatch?.(consumer.name, batch.events.length, tookMs);
        if (batch.events.length < options.batchEvents) await rest(held, restAfter(consumer, tookMs));
      }
      if (held.caughtUp) await options.onCaughtUp(held);
    }
  }

  /** @throws PortError always: what was read and is not taken in yet is not to be trusted either. */
  async function doubt({ lease }: Held): Promise<never> {
    await setDoubt(db, lease, true);
    throw new PortError('unavailable', GONE_BACK, 'the log seems to end before what has been read of it');
  }

  /** Whoever waits for a position ends it, or for this one to take something. */
  async function rest(held: Held, ms: number): Promise<void> {
    const until = time.epochMs() + ms;
    const isWanted = (): boolean => wants.parked || isBefore(held.position, wants.position) || options.tail.heldUp();
    for (let left = ms; left > 0 && !held.signal.aborted && !isWanted(); left = until - time.epochMs()) await wants.bell.wait(left);
  }

  /** Moves the checkpoint over what does not concern the consumer: at once when someone waits for it, else now and then. */
  function idling(held: Held) {
    let upTo: Position | undefined;
    let movedAt = time.epochMs();

    const noted = (): void => {
      upTo = undefined;
      movedAt = time.epochMs();
    };
    const flush = async (): Promise<void> => {
      if (upTo === undefined) return;
      await apply(held, { events: [], upTo, caughtUp: held.caughtUp });
      noted();
    };
    const isWanted = (): boolean => upTo !== undefined && isBefore(held.position, wants.position);
    const wait = async (): Promise<void> => {
      const left = movedAt + options.idleMs - time.epochMs();
      if (isWanted() || (upTo !== undefined && left <= 0)) await flush();
      else await wants.bell.wait(upTo === undefined ? LOOK_MS : left);
    };
    return {
      wait,
      noted,
      note: async (batch: FeedBatch): Promise<void> => {
        held.caughtUp = batch.caughtUp;
        upTo = batch.upTo;
        if (isWanted()) await flush();
      },
    };
  }
}
