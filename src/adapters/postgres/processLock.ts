import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { draftOf } from '../secrets/draftOf.ts';
import { isAlive } from './server.ts';

/** When a process started, in clock ticks since boot: tells two processes apart that had the same pid. Empty where there is no /proc. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

/** The live holder's pid, `stale` for a dead one's file, undefined where there is no file. */
function holderOf(file: string): number | 'stale' | undefined {
  try {
    const [pid = '', start = ''] = readFileSync(file, 'utf8').trim().split(' ');
    const holder = Number(pid);
    return holder !== process.pid && isAlive(holder) && startOf(holder) === start ? holder : 'stale';
  } catch {
    return undefined;
  }
}

/** A link appears with its content or not at all, and fails where there is one. */
function linked(draft: string, file: string): boolean {
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/**
 * One process at a time, by a file with its pid and start time; a dead holder's file is taken over, so SIGKILL leaves nothing behind
 * that needs a hand.
 * @returns what releases it, or the pid of the live holder.
 */
export function lockByPid(file: string): { readonly release: () => void } | { readonly heldBy: number } {
  const draft = draftOf(file);
  writeFileSync(draft, `${process.pid} ${startOf(process.pid)}\n`, { mode: 0o600 });
  try {
    for (;;) {
      const heldBy = holderOf(file);
      if (typeof heldBy === 'number') return { heldBy };
      // Only what was seen to be stale is removed: a file that came up meanwhile may be a live process's.
      if (heldBy === 'stale') rmSync(file, { force: true });
      if (linked(draft, file)) return { release: () => rmSync(file, { force: true }) };
    }
  } finally {
    rmSync(draft, { force: true });
  }
}
