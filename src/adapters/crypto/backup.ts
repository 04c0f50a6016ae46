import { createHash } from 'node:crypto';
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import type { Clock } from '../../commands/ports.ts';
import type { Transaction } from '../../consumers/ports.ts';
import type { Pool } from '../postgres/pool.ts';
import { over, transaction } from '../postgres/transaction.ts';
import { BACKUP_FORMAT, BACKUP_TABLES, noRows, type BackupFoot, type BackupHead, type BackupLine, type BackupTable } from './backupFile.ts';
import { keyStoreId } from './keyStoreId.ts';

const PAGE = 5_000;

/** Rows as JSON, made by the server: bytes as hex, since its base64 breaks lines. */
const ROWS: Readonly<Record<BackupTable, string>> = {
  subject_keys: `select tenant, subject, generation, master_id, encode(wrapped, 'hex') as wrapped, encode(label, 'hex') as label, destroyed_at from subject_keys`,
  period_keys: `select tenant, class, period, master_id, encode(wrapped, 'hex') as wrapped, destroyed_at from period_keys`,
  index_keys: `select tenant, master_id, encode(wrapped, 'hex') as wrapped from index_keys`,
  subject_aliases: `select tenant, hmac, subject, normalisation, erased_at from subject_aliases`,
};

type Row = { readonly master_id?: string | null };

async function* rowsOf(tx: Transaction, table: BackupTable): AsyncGenerator<readonly Row[]> {
  await tx.query({ text: `declare backup_rows cursor for ${ROWS[table]}` });
  for (;;) {
    const rows = await tx.query<Row>({ text: `fetch ${PAGE} from backup_rows` });
    if (rows.length === 0) break;
    yield rows;
  }
  await tx.query({ text: 'close backup_rows' });
}

async function writeAll(file: FileHandle, tx: Transaction, head: BackupHead): Promise<BackupFoot> {
  const hash = createHash('sha256');
  const rows = noRows();
  const masters = new Set<string>();
  const write = async (lines: readonly BackupLine[]): Promise<void> => {
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
    hash.update(text);
    await file.writeFile(text);
  };
  await write([{ head }]);
  for (const table of BACKUP_TABLES)
    for await (const page of rowsOf(tx, table)) {
      rows[table] += page.length;
      page.forEach(({ master_id: master }) => typeof master === 'string' && masters.add(master));
      await write(page.map((row) => ({ table, row })));
    }
  const foot: BackupFoot = { rows, masters: [...masters].sort(), sha256: hash.digest('hex') };
  await file.writeFile(`${JSON.stringify({ foot } satisfies BackupLine)}\n`);
  return foot;
}

/**
 * Writes all keys, tombstones and aliases, as of one moment and still wrapped, to one file (mode 0600) that exists only once it is
 * whole. Attachments are not in it. Its age decides when an erasure is final, so it has a retention of its own.
 */
export async function backupKeys(pool: Pool, clock: Clock, path: string): Promise<BackupFoot> {
  const head: BackupHead = { format: BACKUP_FORMAT, store: await keyStoreId(over(pool)), createdAt: clock.now() };
  const draft = `${path}.part`;
  const file = await open(draft, 'w', 0o600);
  try {
    const foot = await transaction(pool, (tx) => writeAll(file, tx, head), 'begin isolation level repeatable read read only');
    await file.sync();
    await file.close();
    await rename(draft, path);
    return foot;
  } catch (error) {
    await file.close().catch(() => undefined);
    await rm(draft, { force: true });
    throw error;
  }
}
