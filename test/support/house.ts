import { codecOf } from '../../src/adapters/codec/codec.ts';
import { eventFeed } from '../../src/adapters/codec/eventFeed.ts';
import { eventLog } from '../../src/adapters/codec/eventLog.ts';
import { mergeStorage } from '../../src/adapters/codec/registry.ts';
import type { Keys } from '../../src/adapters/crypto/keys.ts';
import { memoryKeys } from './memoryKeys.ts';
import { memoryEventStore } from '../../src/adapters/eventstore/memory/memoryEventStore.ts';
import type { EventStore } from '../../src/adapters/eventstore/port.ts';
import type { Caller } from '../../src/commands/caller.ts';
import type { EventLog, Ids } from '../../src/commands/ports.ts';
import type { EventFeed } from '../../src/consumers/ports.ts';
import type { AnyFact } from '../../src/domain/kernel/decider.ts';
import type { Recorded } from '../../src/domain/kernel/metadata.ts';
import type { TenantId } from '../../src/domain/values/ids.ts';
import type { Instant } from '../../src/domain/values/instant.ts';
import { manualClock, type ManualClock } from './manualClock.ts';
import { allStorages } from './storedSamples.ts';

/** What commands stand on, in memory: a log with its codec, keys, a clock that stands still. */
export type House = {
  readonly store: EventStore;
  readonly log: EventLog;
  readonly feed: EventFeed;
  readonly keys: Keys;
  readonly vault: Keys['vault'];
  readonly indexes: Keys['indexes'];
  readonly subjects: Keys['subjects'];
  readonly clock: ManualClock;
  readonly ids: Ids;
  /** Everything in the log, in order; it must all be readable. */
  readonly recorded: () => Promise<readonly Recorded[]>;
  readonly events: () => Promise<readonly AnyFact[]>;
};

export const ACME = 'acme' as TenantId;
export const START = '2026-11-21T10:00:00.000Z' as Instant;
export const caller = (more: Partial<Caller> = {}): Caller => ({
  tenant: ACME,
  actor: { kind: 'key', id: 'k1' },
  correlationId: 'correlation',
  ...more,
});

/** UUIDs of version 7 that count. */
function countedIds(): Ids {
  let count = 0;
  return { uuid: () => `019a0000-0000-7000-8000-${String(++count).padStart(12, '0')}` };
}

/** On a store in memory unless it is given another. */
export async function openHouse(store: EventStore = memoryEventStore()): Promise<House> {
  const keys = memoryKeys();
  const codec = codecOf(mergeStorage(...(await allStorages()).values()), keys.vault);
  const feed = eventFeed(store, codec);
  const recorded = async (): Promise<readonly Recorded[]> => {
    const { events } = await feed.readAll('start', {}, 10_000);
    return events.map((it) => {
      if ('unreadable' in it) throw new Error(`${it.unreadable.type}: ${it.unreadable.code}`);
      return it;
    });
  };
  return {
    store,
    log: eventLog(store, codec),
    feed,
    keys,
    vault: keys.vault,
    indexes: keys.indexes,
    subjects: keys.subjects,
    clock: manualClock(START),
    ids: countedIds(),
    recorded,
    events: async () => (await recorded()).map(({ event }) => event),
  };
}
