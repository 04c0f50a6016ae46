import { readFileSync } from 'node:fs';

/** Clock ticks of user and system time: of a process itself, and of its children that have ended (`/proc/<pid>/stat`; one is 10 ms). */
function ticksOf(pid: number): { readonly own: number; readonly ended: number } {
  const fields = readFileSync(`/proc/${String(pid)}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  const sum = (...places: readonly number[]): number => places.reduce((all, place) => all + Number(fields[place]), 0);
  return { own: sum(11, 12), ended: sum(13, 14) };
}

/** User and system time of a process so far, in milliseconds. */
export const cpuMsOf = (pid: number): number => ticksOf(pid).own * 10;

/** The same with that of its children, also of those that have ended: of Postgres, by its postmaster. */
export function familyCpuMsOf(pid: number): number {
  const { own, ended } = ticksOf(pid);
  const children = readFileSync(`/proc/${String(pid)}/task/${String(pid)}/children`, 'utf8')
    .split(' ')
    .filter(Boolean);
  return (own + ended) * 10 + children.reduce((sum, child) => sum + livingCpuMsOf(Number(child)), 0);
}
/** Of one that may end in this moment. */
function livingCpuMsOf(pid: number): number {
  try {
    return cpuMsOf(pid);
  } catch {
    return 0;
  }
}

/** Bytes that a process holds in memory: now (`VmRSS`), or the most so far (`VmHWM`). */
export const memoryOf = (pid: number, which: 'VmRSS' | 'VmHWM'): number =>
  Number(new RegExp(`^${which}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))?.[1] ?? 0) * 1024;
