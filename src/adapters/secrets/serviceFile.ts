import { randomUUID } from 'node:crypto';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { draftOf } from './draftOf.ts';

const read = (file: string): string | undefined => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
};

/**
 * Tells the command line where the service of this data directory answers. Returns what takes it back, where no other process has told of
 * itself since.
 */
export function writeServiceFile(dataDir: string, running: { readonly url: string; readonly pid: number }): () => void {
  const file = join(dataDir, 'service.json');
  const text = `${JSON.stringify({ ...running, start: randomUUID() })}\n`;
  const draft = draftOf(file);
  writeFileSync(draft, text, { mode: 0o600 });
  renameSync(draft, file);
  return () => {
    if (read(file) === text) rmSync(file, { force: true });
  };
}
