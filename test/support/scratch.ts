import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder for the work, also for that of a Postgres in it. `discard` takes it away with all that it holds. */
export function newScratch(what: string): { readonly scratch: string; readonly discard: () => void } {
  const scratch = mkdtempSync(join(tmpdir(), `tidings-${what}-`));
  // Postgres runs as another user and has to get through.
  chmodSync(scratch, 0o711);
  return { scratch, discard: () => rmSync(scratch, { recursive: true, force: true }) };
}

/** With a folder that is gone afterwards. */
export async function inScratch(what: string, work: (scratch: string) => Promise<void>): Promise<void> {
  const { scratch, discard } = newScratch(what);
  try {
    await work(scratch);
  } finally {
    discard();
  }
}
