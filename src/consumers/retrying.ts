import type { Recorded } from '../domain/kernel/metadata.ts';
import type { StreamName } from '../domain/values/ids.ts';
import type { Held } from './applying.ts';
import { codeOf, isPassing } from './failure.ts';
import { LeaseLost, moveCheckpoint } from './lease.ts';
import { parkAgain, skip, unpark, waitingIn, wishes, type Parked } from './parking.ts';
import type { Database, EventFeed, Projection, Transaction } from './ports.ts';

export type RetryOptions = { readonly db: Database; readonly feed: EventFeed; readonly leaseMs: number };

const AT_ONCE = 100;

/**
 * Grants what operators asked for: tries parked streams again, oldest event first, until one fails again or the stream is free; leaves
 * out what is to be skipped. Only the holder of the lease does this, between two batches, so the order of a stream is kept.
 */
export function retrying(consumer: Projection, { db, feed, leaseMs }: RetryOptions): (held: Held) => Promise<void> {
  const fenced = async (held: Held, applied: number, work: (tx: Transaction) => Promise<void>): Promise<void> => {
    const at = held.position;
    await db.transaction(
      async (tx) => {
        await work(tx);
        await moveCheckpoint(tx, held.lease, {
          from: at,
          to: at,
          applied,
          caughtUp: held.caughtUp,
          leaseMs,
          awaited: held.wants.position !== 'start',
        });
      },
      { idleMs: Math.floor(leaseMs / 2) },
    );
    held.applied += applied;
  };

  /** The event itself, from the log: nothing of it was kept. A page looks only so far, and what was applied before it may lie far behind. */
  async function read(parked: Parked): Promise<Recorded | { readonly code: string }> {
    let page = await feed.readAll(parked.after, consumer, 1);
    while (page.events.length === 0 && !page.caughtUp) page = await feed.readAll(page.upTo, consumer, 1);
    const [event] = page.events;
    if (event?.id !== parked.id) return { code: 'event_missing' };
    return 'unreadable' in event ? { code: event.unreadable.code } : event;
  }

  async function retryOne(held: Held, parked: Parked): Promise<boolean> {
    const event = await read(parked);
    try {
      if ('code' in event) {
        await fenced(held, 0, (tx) => parkAgain(tx, held.lease, parked, event.code));
        return false;
      }
      await fenced(held, 1, async (tx) => {
        await consumer.apply([event], tx, held.lease.suffix);
        await unpark(tx, held.lease, [parked.position]);
      });
      return true;
    } catch (error) {
      if (error instanceof LeaseLost || isPassing(error)) throw error;
      await fenced(held, 0, (tx) => parkAgain(tx, held.lease, parked, codeOf(error)));
      return false;
    }
  }

  async function retryStream(held: Held, stream: StreamName): Promise<void> {
    for (;;) {
      const waiting = await waitingIn(db, held.lease, stream, AT_ONCE);
      for (const parked of waiting) if (held.signal.aborted || !(await retryOne(held, parked))) return;
      if (waiting.length === 0) break;
    }
    held.parked.delete(stream);
  }

  return async (held) => {
    const asked = await wishes(db, held.lease);
    const skipped = asked.filter(({ wish }) => wish === 'skip' && !consumer.facts);
    if (skipped.length > 0) {
      const positions = skipped.map(({ position }) => position);
      await fenced(held, 0, (tx) => skip(tx, held.lease, positions));
      for (const { id } of skipped) held.skipped.add(id);
    }
    // What waited behind a skipped event goes on, so its stream is tried as well.
    for (const stream of new Set(asked.map(({ stream }) => stream))) await retryStream(held, stream);
  };
}
