import { Indexes } from './indexes.ts';
import type { KeyRows } from './keyRows.ts';
import { KeyStore } from './keyStore.ts';
import type { MasterKeys } from './masterKeys.ts';
import { Subjects } from './subjects.ts';
import { Vault } from './vault.ts';

/** All that rests on one set of keys. `clear` empties the cache of unwrapped keys: call it for every NOTIFY on `tidings_keys`. */
export type Keys = { readonly vault: Vault; readonly indexes: Indexes; readonly subjects: Subjects; readonly clear: () => void };

/** Puts vault, keyed hashes and subjects over the rows. `nowMs`: a monotonic clock for the cache of keys. */
export function keysOver(rows: KeyRows, masters: MasterKeys, nowMs?: () => number): Keys {
  const store = new KeyStore(rows, masters, nowMs);
  const indexes = new Indexes(rows, masters);
  return {
    vault: new Vault(store),
    indexes,
    subjects: new Subjects(rows, masters, indexes, store),
    clear: () => {
      store.clear();
    },
  };
}
