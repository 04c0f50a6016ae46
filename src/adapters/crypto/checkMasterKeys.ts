import { PortError } from '../../domain/kernel/portError.ts';
import type { Pool } from '../postgres/pool.ts';
import { over } from '../postgres/transaction.ts';
import { KEY_TABLES, type KeyTableRow } from './keyTables.ts';
import { unwrap, type MasterKeys } from './masterKeys.ts';

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
    for (const row of rows) checkOne(masters, row, place(row));
  }
}

function checkOne(masters: MasterKeys, { master_id: masterId, wrapped }: Row, place: string): void {
  try {
    unwrap(masters, { masterId, wrapped }, place);
  } catch (error) {
    if (!(error instanceof PortError)) throw error;
    throw new PortError(
      'invalid',
      'master_keys_other',
      `TIDINGS_MASTER_KEYS does not open the keys of this installation that master key ${masterId} wrapped. Set the master keys that it began with, beside newer ones.`,
      { cause: error },
    );
  }
}
