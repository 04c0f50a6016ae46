import type { Transaction } from '../../consumers/ports.ts';
import { PortError } from '../../domain/kernel/portError.ts';
import type { Pool } from '../postgres/pool.ts';
import { transaction } from '../postgres/transaction.ts';
import { backupLines, BACKUP_TABLES, checkBackup, type BackupFoot, type BackupTable } from './backupFile.ts';
import { KEYS_CHANNEL } from './destroy.ts';
import { keyStoreId } from './keyStoreId.ts';

const PAGE = 5_000;

/** A row that is there stays, whatever the backup says, except that a tombstone of either side destroys: nothing comes back. */
const INSERTS: Readonly<Record<BackupTable, string>> = {
  subject_keys: `insert into subject_keys (tenant, subject, generation, master_id, wrapped, label, destroyed_at)
    select tenant, subject, generation, master_id, decode(wrapped, 'hex'), decode(label, 'hex'), destroyed_at
      from json_to_recordset($1) as w (tenant text, subject text, generation int, master_id text, wrapped text, label text, destroyed_at timestamptz)
    on conflict (tenant, subject, generation) do update
      set master_id = null, wrapped = null, label = null, destroyed_at = excluded.destroyed_at
      where subject_keys.destroyed_at is null and excluded.destroyed_at is not null`,
  period_keys: `insert into period_keys (tenant, class, period, master_id, wrapped, destroyed_at)
    select tenant, class, period, master_id, decode(wrapped, 'hex'), destroyed_at
      from json_to_recordset($1) as w (tenant text, class text, period text, master_id text, wrapped text, destroyed_at timestamptz)
    on conflict (tenant, class, period) do update
      set master_id = null, wrapped = null, destroyed_at = excluded.destroyed_at
      where period_keys.destroyed_at is null and excluded.destroyed_at is not null`,
  index_keys: `insert into index_keys (tenant, master_id, wrapped)
    select tenant, master_id, decode(wrapped, 'hex') from json_to_recordset($1) as w (tenant text, master_id text, wrapped text)
    on conflict do nothing`,
  subject_aliases: `insert into subject_aliases (tenant, hmac, subject, normalisation, erased_at)
    select tenant, hmac, subject, normalisation, erased_at
      from json_to_recordset($1) as w (tenant text, hmac text, subject text, normalisation smallint, erased_at timestamptz)
    on conflict do nothing`,
};

/** An alias that the backup brought back, of someone whose key was destroyed since. */
const EMPTY_ALIASES = `update subject_aliases a set subject = null, erased_at = now()
   where a.subject is not null and exists (select from subject_keys k where k.tenant = a.tenant and k.subject = a.subject)
     and not exists (select from subject_keys k where k.tenant = a.tenant and k.subject = a.subject and k.wrapped is not null)`;

async function claimStore(tx: Transaction, store: string): Promise<void> {
  if ((await keyStoreId(tx)) === store) return;
  const occupied = BACKUP_TABLES.map((table) => `exists (select from ${table})`).join(' or ');
  const [row] = await tx.query<{ readonly occupied: boolean }>({ text: `select ${occupied} as occupied` });
  if (row?.occupied !== false)
    throw new PortError('invalid', 'key_store_other', 'this database already holds other keys: restore into an empty one');
  await tx.query({ text: 'update key_store set id = $1', values: [store] });
}

async function insertAll(tx: Transaction, file: string): Promise<void> {
  let [table, page]: [BackupTable | undefined, object[]] = [undefined, []];
  const flush = async (): Promise<void> => {
    if (table !== undefined && page.length > 0) await tx.query({ text: INSERTS[table], values: [JSON.stringify(page)] });
    page = [];
  };
  for await (const { line } of backupLines(file)) {
    if (!('table' in line)) continue;
    if (line.table !== table || page.length === PAGE) await flush();
    table = line.table;
    page.push(line.row);
  }
  await flush();
}

/**
 * Brings a backup's keys back, in one transaction, into an empty database or over the one it was made of. What was destroyed, in the
 * backup or since, stays destroyed; erasures after the backup that the database has lost as well are the ledger's to apply.
 * @throws PortError `invalid`, `backup_broken` before anything is written; `key_store_other` where other keys live.
 */
export async function restoreKeys(pool: Pool, file: string): Promise<BackupFoot> {
  const { head, foot } = await checkBackup(file);
  await transaction(pool, async (tx) => {
    await claimStore(tx, head.store);
    await insertAll(tx, file);
    await tx.query({ text: EMPTY_ALIASES });
    await tx.query({ text: `select pg_notify('${KEYS_CHANNEL}', '')` });
  });
  return foot;
}
