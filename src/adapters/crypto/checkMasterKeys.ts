import { randomBytes } from 'node:crypto';
import { PortError } from '../../domain/kernel/portError.ts';
import { DEFAULT_TENANT } from '../../domain/tenant/tenant.ts';
import type { Pool } from '../postgres/pool.ts';
import { over } from '../postgres/transaction.ts';
import { placeOfIndexKey, type KeyRows } from './keyRows.ts';
import { KEY_TABLES, type KeyTableRow } from './keyTables.ts';
import { unwrap, wrap, type MasterKeys, type WrappedKey } from './masterKeys.ts';

/** Of these there are few, and no message goes without one of each. */
const CHECKED: ReadonlySet<string> = new Set(['index_keys', 'period_keys']);

type Row = KeyTableRow & { readonly master_id: string; readonly wrapped: Buffer };

/**
 * Makes sure that the master keys open what they are to open, with one key of each master: a service that started with others would
 * read nothing, and wrap new keys by them beside the old.
 * @throws PortError `invalid`, `master_keys_other`.
 */
export async function checkMasterKeys(keys: Pool, masters: MasterKeys): Promise<void> {
  for (const { name, key, place } of KEY_TABLES) {
    if (!CHECKED.has(name)) continue;
    const columns = key.map(({ column }) => column).join(', ');
    const rows = await over(keys).query<Row>({
      text: `select distinct on (master_id) ${columns}, master_id, wrapped from ${name} where wrapped is not null order by master_id`,
    });
    for (const row of rows) checkOne(masters, { masterId: row.master_id, wrapped: row.wrapped }, place(row));
  }
}

/**
 * Makes the key that no installation goes without, or opens it: of those who begin one at the same time with different master keys, all but
 * one find that theirs are others before anything is wrapped by them.
 * @throws PortError `invalid`, `master_keys_other`.
 */
export async function settleFirstKey(rows: Pick<KeyRows, 'indexKey'>, masters: MasterKeys): Promise<void> {
  const place = placeOfIndexKey(DEFAULT_TENANT);
  const key = await rows.indexKey(DEFAULT_TENANT, wrap(masters, randomBytes(32), place));
  checkOne(masters, key, place);
}

function checkOne(masters: MasterKeys, key: WrappedKey, place: string): void {
  try {
    unwrap(masters, key, place);
  } catch (error) {
    if (!(error instanceof PortError)) throw error;
    throw new PortError(
      'invalid',
      'master_keys_other',
      `TIDINGS_MASTER_KEYS does not open the keys of this installation that master key ${key.masterId} wrapped. Set the master keys that it began with, beside newer ones.`,
      { cause: error },
    );
  }
}
