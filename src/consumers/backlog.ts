import type { Recorded } from '../domain/kernel/metadata.ts';
import { partsOf } from '../domain/values/streams.ts';
import { isBefore, type Checkpoint } from './position.ts';
import type { FeedBatch, Filter, Unreadable } from './ports.ts';

export type FedEvent = Recorded | Unreadable;

/** Events are arrays, so their number says little about memory: one unit is about one element of an array. */
export function weightOf(event: FedEvent): number {
  if ('unreadable' in event) return 1;
  let weight = 1;
  for (const value of Object.values(event.event.data)) if (Array.isArray(value)) weight += value.length;
  return weight;
}

export const typeOf = (event: FedEvent): string => ('unreadable' in event ? event.unreadable.type : event.event.type);

export function passes({ nouns, types }: Filter): (event: FedEvent) => boolean {
  const nounSet = nouns && new Set<string>(nouns);
  const typeSet = types && new Set<string>(types);
  return (event) => (nounSet?.has(partsOf(event.stream).noun) ?? true) && (typeSet?.has(typeOf(event)) ?? true);
}

/** What has been read for one consumer and not yet taken by it. */
export type Backlog = {
  /** How far it has been filled. */
  readonly at: () => Checkpoint;
  readonly weight: () => number;
  /** Leaves out what lies behind `at` already; a batch in which nothing concerns the consumer only moves it on. */
  readonly add: (batch: FeedBatch) => void;
  /** The oldest, at most so many events. */
  readonly take: (limit: number) => FeedBatch | undefined;
};

export function backlog(after: Checkpoint, filter: Filter): Backlog {
  const concerns = passes(filter);
  const batches: FeedBatch[] = [];
  let [at, weight] = [after, 0];
  return {
    at: () => at,
    weight: () => weight,
    add: ({ events, upTo, caughtUp }) => {
      if (isBefore(upTo, at) || (upTo === at && !caughtUp)) return;
      const fresh = events.filter((event) => isBefore(at, event.position) && concerns(event));
      for (const event of fresh) weight += weightOf(event);
      at = upTo;
      const last = batches.at(-1);
      if (fresh.length === 0 && last) batches[batches.length - 1] = { events: last.events, upTo, caughtUp };
      else batches.push({ events: fresh, upTo, caughtUp });
    },
    take: (limit) => {
      const first = batches.shift();
      if (!first) return undefined;
      const batch = split(joined(first, batches, limit), batches, limit);
      for (const event of batch.events) weight -= weightOf(event);
      return batch;
    },
  };
}

/** The first and as many of the next as fit whole. */
function joined(first: FeedBatch, batches: FeedBatch[], limit: number): FeedBatch {
  const events = [...first.events];
  let { upTo, caughtUp } = first;
  for (let next = batches[0]; next && events.length + next.events.length <= limit; next = batches[0]) {
    batches.shift();
    events.push(...next.events);
    ({ upTo, caughtUp } = next);
  }
  return { events, upTo, caughtUp };
}

/** What is too much goes back; the part that is taken reaches no further than its last event. */
function split(batch: FeedBatch, batches: FeedBatch[], limit: number): FeedBatch {
  const taken = batch.events.slice(0, limit);
  const last = taken.at(-1);
  if (taken.length === batch.events.length || !last) return batch;
  batches.unshift({ ...batch, events: batch.events.slice(limit) });
  return { events: taken, upTo: last.position, caughtUp: false };
}
