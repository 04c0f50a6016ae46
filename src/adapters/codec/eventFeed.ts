import type { EventFeed, FeedBatch } from '../../consumers/ports.ts';
import type { EventStore, FeedBatch as StoredBatch } from '../eventstore/port.ts';
import type { Codec } from './codec.ts';

/** The log as consumers read it: each event is decoded once. */
export function eventFeed(store: EventStore, codec: Codec): EventFeed {
  const decoded = ({ events, upTo, caughtUp }: StoredBatch): FeedBatch => ({ events: events.map(codec.decode), upTo, caughtUp });
  return {
    async *subscribe(after, filter, signal) {
      for await (const batch of store.subscribe(after, filter, signal)) yield decoded(batch);
    },
    readAll: async (after, filter, limit) => decoded(await store.readAll(after, filter, limit)),
    head: () => store.head(),
  };
}
