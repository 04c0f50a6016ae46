import { eventFeed } from '../adapters/codec/eventFeed.ts';
import { eventLog } from '../adapters/codec/eventLog.ts';
import { codecOf } from '../adapters/codec/codec.ts';
import { mergeStorage } from '../adapters/codec/registry.ts';
import { KEYS_CHANNEL } from '../adapters/crypto/destroy.ts';
import { checkKeysFit, type KeysFit } from '../adapters/crypto/checkKeysFit.ts';
import { checkMasterKeys, settleFirstKey } from '../adapters/crypto/checkMasterKeys.ts';
import { keysOver, type Keys } from '../adapters/crypto/keys.ts';
import { checkKeyStore } from '../adapters/crypto/keyStoreId.ts';
import type { MasterKeys } from '../adapters/crypto/masterKeys.ts';
import { PostgresKeyRows } from '../adapters/crypto/postgresKeyRows.ts';
import { memoryEventStore } from '../adapters/eventstore/memory/memoryEventStore.ts';
import type { EventStore } from '../adapters/eventstore/port.ts';
import type { StoreObserver } from '../adapters/eventstore/observer.ts';
import { openPostgresEventStore } from '../adapters/eventstore/postgres/postgresEventStore.ts';
import type { EventLog } from '../commands/ports.ts';
import { AGGREGATES } from '../commands/registry.ts';
import { present } from '../domain/kernel/present.ts';
import type { EventFeed } from '../consumers/ports.ts';
import { checkBegun, checkLog } from './checkLog.ts';
import type { Closing } from './closing.ts';
import type { Databases } from './databases.ts';

export type Logged = {
  readonly store: EventStore;
  readonly log: EventLog;
  readonly feed: EventFeed;
  readonly keys: Keys;
  /** Bytes waiting to be appended. */ readonly queuedBytes: () => number;
};

/**
 * `keysFit`: how much of the log is looked at where read models are tied to keys for the first time. `mustHaveBegun`: a log that holds nothing
 * of ours is refused.
 */
export type LogParts = {
  readonly databases: Databases;
  readonly masters: MasterKeys;
  readonly observer: StoreObserver;
  readonly keysFit?: KeysFit;
  readonly mustHaveBegun?: true;
};

/**
 * The log in the domain's words, and the keys that open what is personal in it.
 * @throws PortError `invalid`: the master keys, the keys, the log and the read models do not belong together.
 */
export async function openLogged(parts: LogParts, closing: Closing): Promise<Logged> {
  const { databases, masters, observer, keysFit } = parts;
  await checkMasterKeys(databases.keys.worker, masters);
  const rows = new PostgresKeyRows(databases.keys.worker);
  const keys = keysOver(rows, masters);
  const end = await databases.keys.listener.subscribe(KEYS_CHANNEL, () => {
    keys.clear();
  });
  closing.add('key notices', end);
  const store = await openStore(databases, observer);
  closing.add('event store', () => store.close());
  const codec = codecOf(mergeStorage(...AGGREGATES.map(({ storage }) => storage)), keys.vault);
  const feed = eventFeed(store, codec);
  // Before anything is tied to it.
  if (parts.mustHaveBegun) await checkBegun(store);
  await checkKeyStore(databases.keys.worker, databases.models.worker, () => checkKeysFit({ feed, rows, vault: keys.vault }, keysFit));
  await settleFirstKey(rows, masters);
  // A log in memory is another one each time.
  if (databases.log !== undefined) await checkLog(store, databases.models.worker);
  return { store, log: eventLog(store, codec), feed, keys, queuedBytes: () => store.queuedBytes ?? 0 };
}

/** `queuedBytes`: of a store that has a queue. */
async function openStore({ log }: Databases, observer: StoreObserver): Promise<EventStore & { readonly queuedBytes?: number }> {
  if (log === undefined) return memoryEventStore();
  if ('esdb' in log) {
    // Loading its client takes a tenth of a start: nobody else is to wait for it.
    const { openEventStoreDb } = await import('../adapters/eventstore/eventstoredb/eventStoreDb.ts');
    return openEventStoreDb({ url: log.esdb, ...present({ prefix: log.prefix }), observer });
  }
  return openPostgresEventStore({ url: log.url, pool: log.worker, listener: log.listener, observer });
}
