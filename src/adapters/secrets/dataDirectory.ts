import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { PortError } from '../../domain/kernel/portError.ts';
import { draftOf } from './draftOf.ts';

const isDirectory = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

/**
 * Step by step: `recursive` never comes back where a directory is there and takes none (`/proc`), with Node 20. Others may pass through, so
 * that the OS user `postgres` gets to its own files; each secret in it has mode 0600.
 */
function make(directory: string): void {
  if (isDirectory(directory)) return;
  const above = dirname(directory);
  if (above !== directory) make(above);
  try {
    mkdirSync(directory, { mode: 0o711 });
  } catch (error) {
    // Another process may have been faster.
    if (!isDirectory(directory)) throw error;
  }
}

/**
 * The data directory, made where it is missing.
 * @throws PortError `invalid`, `data_directory_unusable` when it cannot be made or written to.
 */
export function openDataDirectory(dataDir: string): void {
  const directory = resolve(dataDir);
  const probe = draftOf(join(directory, '.writable'));
  try {
    make(directory);
    writeFileSync(probe, '', { mode: 0o600 });
    rmSync(probe, { force: true });
  } catch (error) {
    throw new PortError(
      'invalid',
      'data_directory_unusable',
      `TIDINGS_DATA_DIR: ${directory} cannot be made or written to (${String((error as NodeJS.ErrnoException).code)}): set it to a directory of your own.`,
    );
  }
}
