import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PortError } from '../../domain/kernel/portError.ts';
import { openDataDirectory } from './dataDirectory.ts';
import { draftOf } from './draftOf.ts';

/**
 * A secret that is made once and kept in the data directory (mode 0600). Written beside and linked into place, so that it is there
 * whole or not at all, and of two processes that start at once both get the same.
 * @throws PortError `invalid` when the file is empty: a lost master key must never be replaced by a new one in silence; when the
 * directory cannot be used.
 */
export function generatedSecret(dataDir: string, name: string, make: () => string): { readonly value: string; readonly file: string } {
  const file = join(dataDir, name);
  try {
    const value = readFileSync(file, 'utf8').trim();
    if (value === '') throw new PortError('invalid', 'secret_empty', `${file} is empty: restore it from your backup.`);
    return { value, file };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  openDataDirectory(dataDir);
  const draft = draftOf(file);
  writeFileSync(draft, `${make()}\n`, { mode: 0o600 });
  try {
    linkSync(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(draft, { force: true });
  }
  return { value: readFileSync(file, 'utf8').trim(), file };
}
