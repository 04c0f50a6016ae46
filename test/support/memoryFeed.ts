import type { EventFeed, FeedBatch, Filter, Unreadable } from '../../src/consumers/ports.ts';
import { passes } from '../../src/consumers/backlog.ts';
import { PortError } from '../../src/domain/kernel/portError.ts';
import type { Recorded } from '../../src/domain/kernel/metadata.ts';
import type { Position } from '../../src/domain/values/ids.ts';

type Fed = Recorded | Unreadable;
export type NewEvent = Omit<Recorded, 'position'> | Omit<Unreadable, 'position'>;

export const positionAt = (number: number): Position => String(number).padStart(16, '0') as Position;

/** A log of decoded events in memory, as the codec hands it on. Positions count from 1. */
export type MemoryFeed = EventFeed & {
  readonly add: (...events: readonly NewEvent[]) => Position;
  readonly log: () => readonly Fed[];
  /** Takes the newest away, as a restored backup would. */
  readonly forget: (count: number) => void;
  /** Subscriptions opened from now on deliver nothing, until it is called with false. */
  readonly stall: (isStalled: boolean) => void;
  /** How often subscriptions and pages have handed out an event. */
  readonly handedOut: () => { readonly subscribed: number; readonly paged: number };
};

export function memoryFeed(pageEvents = 500): MemoryFeed {
  const log: Fed[] = [];
  const waiting = new Set<() => void>();
  const counts = { subscribed: 0, paged: 0 };
  let isStalled = false;

  const wake = (): void => {
    for (const one of [...waiting]) one();
  };
  function page(after: Position | 'start', filter: Filter, limit: number): FeedBatch {
    const from = after === 'start' ? 0 : Number(after);
    if (from > log.length) throw new PortError('invalid', 'position_beyond_head', 'beyond the end of the log');
    const concerns = passes(filter);
    const events: Fed[] = [];
    let at = from;
    for (; at < log.length && events.length < limit; at += 1) if (concerns(log[at]!)) events.push(log[at]!);
    return { events, upTo: positionAt(at), caughtUp: at === log.length };
  }
  const grown = (at: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const done = (): void => {
        if (!signal.aborted && (log.length <= at || isStalled)) return;
        waiting.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      waiting.add(done);
      signal.addEventListener('abort', done);
      done();
    });

  return {
    add: (...events) => {
      for (const event of events) log.push({ ...event, position: positionAt(log.length + 1) });
      wake();
      return positionAt(log.length);
    },
    log: () => log,
    forget: (count) => {
      log.splice(log.length - count, count);
      wake();
    },
    stall: (value) => {
      isStalled = value;
      wake();
    },
    handedOut: () => ({ ...counts }),
    async *subscribe(after, filter, signal) {
      let at = after;
      let isFirst = true;
      while (!signal.aborted) {
        if (isStalled) await grown(Number.MAX_SAFE_INTEGER, signal);
        if (signal.aborted) return;
        const batch = page(at, filter, pageEvents);
        counts.subscribed += batch.events.length;
        if (isFirst || at === 'start' || batch.upTo > at) yield batch;
        isFirst = false;
        at = batch.upTo;
        if (batch.caughtUp) await grown(Number(at), signal);
      }
    },
    readAll: async (after, filter, limit) => {
      const batch = page(after, filter, limit);
      counts.paged += batch.events.length;
      return batch;
    },
    head: async () => (log.length === 0 ? 'start' : positionAt(log.length)),
  };
}
