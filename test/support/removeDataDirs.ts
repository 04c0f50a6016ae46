import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const NOTE = 'postgres-location.txt';

/**
 * A scratch folder with the data directories below it, and the embedded databases that belong to them: root's lie in `/var/lib/tidings`,
 * since `postgres` can't enter a folder of the temporary ones (src/adapters/postgres/embedded.ts).
 */
export function removeDataDirs(folder: string): void {
  if (!existsSync(folder)) return;
  const notes = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith(NOTE));
  for (const note of notes) {
    const [database] = /^\/var\/lib\/tidings\/[0-9a-f]{16}$/m.exec(readFileSync(join(folder, note), 'utf8')) ?? [];
    if (database !== undefined) rmSync(database, { recursive: true, force: true });
  }
  rmSync(folder, { recursive: true, force: true });
}
