import { LeaseLost, setDoubt, type LastEvent } from './lease.ts';
import type { Held } from './applying.ts';
import { pause } from './pause.ts';
import { isBefore, type Checkpoint } from './position.ts';
import type { Database, EventFeed, FeedBatch, Filter, Projection, Time } from './ports.ts';

/** Milliseconds for which a log that ends before a checkpoint is looked at again. A node that was cut off may believe for seconds that it leads. */
const DOUBT_MS = 60_000;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 10_000;

/** The first is the one that is looked for, but where a release has begun to take in what this consumer did not. */
const PAGE_EVENTS = 10;

/** Why a consumer doubts, and in the end stops. */
export const GONE_BACK = 'head_below_checkpoint';
/** What the store says of it. */
export const BEYOND_HEAD = 'position_beyond_head';

export type DoubtOptions = {
  readonly db: Database;
  readonly feed: Pick<EventFeed, 'head' | 'readAll'>;
  readonly time: Time;
  readonly onError?: (consumer: string, code: string) => void;
};

/**
 * Whether the log ends before the checkpoint, or does not hold the last event that was taken in: an older backup that others have written on may
 * be as long as the one that was read. Looked at whenever a lease is taken, so only as far as that event, and not to the checkpoint, as below:
 * what lies between them may be most of the log.
 * @throws LeaseLost
 */
export async function raisesDoubt(feed: DoubtOptions['feed'], filter: Filter, held: Held): Promise<boolean> {
  const { position, last } = held.lease;
  if (isBefore(await feed.head(), position)) return true;
  if (last === undefined) return false;
  for (let from = last.after; isBefore(from, position);) {
    if (held.signal.aborted) throw new LeaseLost();
    const page = await feed.readAll(from, filter, PAGE_EVENTS);
    if (page.events.some(({ id }) => id === last.id)) return false;
    if (page.caughtUp && isBefore(page.upTo, position)) return true;
    from = page.upTo;
  }
  return true;
}

/**
 * Looks at a log that seemed to end before the checkpoint, or to be another, until it does so no more, for a bounded while; whether what was
 * taken in is what it holds. A backup that was restored may have been written on by then, beyond the checkpoint too, and is no longer told by
 * its end.
 * @throws LeaseLost, PortError `unavailable`: the doubt stays.
 */
export async function outlivesDoubt(consumer: Projection, { db, feed, time, onError }: DoubtOptions, held: Held): Promise<boolean> {
  const until = time.epochMs() + DOUBT_MS;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    const found = await compared(feed, consumer, held);
    await setDoubt(db, held.lease, found !== 'same');
    if (found !== 'shorter') return found === 'same';
    onError?.(consumer.name, GONE_BACK);
    const left = until - time.epochMs();
    if (left <= 0) return false;
    await pause(time, Math.min(pauseMs, left), held.signal);
    if (held.signal.aborted) throw new LeaseLost();
  }
}

/** Whether the last event that was taken in stands where it stood, and nothing between it and the checkpoint. */
async function compared(feed: DoubtOptions['feed'], filter: Filter, held: Held): Promise<'same' | 'another' | 'shorter'> {
  const { position, last } = held.lease;
  if (isBefore(await feed.head(), position)) return 'shorter';
  const { after = 'start', id }: Partial<LastEvent> = last ?? {};
  const found: string[] = [];
  for (let from: Checkpoint = after; isBefore(from, position) && found.length <= 1;) {
    if (held.signal.aborted) throw new LeaseLost();
    const page = await feed.readAll(from, filter, 1);
    found.push(...within(page, position));
    // A page may come from where the head was not: of another node.
    if (page.caughtUp && isBefore(page.upTo, position)) return 'shorter';
    from = page.upTo;
  }
  return isOnly(found, id) ? 'same' : 'another';
}

const within = ({ events }: FeedBatch, upTo: Checkpoint): readonly string[] =>
  events.filter(({ position }) => !isBefore(upTo, position)).map(({ id }) => id);
const isOnly = (found: readonly string[], id: string | undefined): boolean => (id === undefined ? found.length === 0 : found.join() === id);
