import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { PortError } from '../../domain/kernel/portError.ts';

/**
 * A backup of keys is NDJSON: a head, one line a row, and a foot that counts the rows and holds the SHA-256 (hex) of all bytes before
 * it. Keys in it are wrapped as in the tables; to be opened it takes the master keys that the foot names.
 */
export const BACKUP_FORMAT = 'tidings-keys/1';
export const BACKUP_TABLES = ['subject_keys', 'period_keys', 'index_keys', 'subject_aliases'] as const;
export type BackupTable = (typeof BACKUP_TABLES)[number];

export type BackupHead = { readonly format: typeof BACKUP_FORMAT; readonly store: string; readonly createdAt: string };
export type BackupFoot = {
  readonly rows: Readonly<Record<BackupTable, number>>;
  /** Ids of the master keys that wrapped them. */
  readonly masters: readonly string[];
  readonly sha256: string;
};
export type BackupLine =
  { readonly head: BackupHead } | { readonly foot: BackupFoot } | { readonly table: BackupTable; readonly row: object };

export const noRows = (): Record<BackupTable, number> => ({ subject_keys: 0, period_keys: 0, index_keys: 0, subject_aliases: 0 });

const broken = (why: string): PortError => new PortError('invalid', 'backup_broken', `this is no whole backup of keys: ${why}`);

/** The lines of a file with their text. What ends without a line feed was cut off, and its foot is missing. */
export async function* backupLines(file: string): AsyncGenerator<{ readonly line: BackupLine; readonly text: string }> {
  const handle = await open(file).catch((cause: unknown) => {
    throw new PortError('invalid', 'backup_unreadable', 'the backup cannot be read', { cause });
  });
  for await (const text of handle.readLines()) {
    let line: BackupLine;
    try {
      // Judged by its head, its foot and their digest, all of which our own writer made.
      line = JSON.parse(text) as BackupLine;
    } catch (error) {
      if (error instanceof SyntaxError) throw broken('a line is not JSON');
      throw error;
    }
    yield { line, text };
  }
}

/** Reads it through once. @throws PortError `invalid`, `backup_broken`, unless it is whole and unchanged. */
export async function checkBackup(file: string): Promise<{ readonly head: BackupHead; readonly foot: BackupFoot }> {
  const hash = createHash('sha256');
  const rows = noRows();
  let [head, foot]: [BackupHead?, BackupFoot?] = [];
  for await (const { line, text } of backupLines(file)) {
    if (foot !== undefined) throw broken('it goes on after its foot');
    if ('foot' in line) {
      foot = line.foot;
      continue;
    }
    hash.update(`${text}\n`);
    if ('head' in line) head = line.head;
    else rows[line.table] += 1;
  }
  if (head?.format !== BACKUP_FORMAT) throw broken('it has no head of this format');
  if (foot === undefined) throw broken('it has no foot');
  if (BACKUP_TABLES.some((table) => foot.rows[table] !== rows[table])) throw broken('rows are missing');
  if (foot.sha256 !== hash.digest('hex')) throw broken('its digest differs');
  return { head, foot };
}
