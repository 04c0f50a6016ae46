import { readFileSync } from 'node:fs';

/** User and system time of a process so far, in milliseconds (`/proc/<pid>/stat`; a tick is a hundredth of a second). */
export function cpuMsOf(pid: number): number {
  const fields = readFileSync(`/proc/${String(pid)}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** Bytes that a process holds in memory: now (`VmRSS`), or the most so far (`VmHWM`). */
export const memoryOf = (pid: number, which: 'VmRSS' | 'VmHWM'): number =>
  Number(new RegExp(`^${which}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))?.[1] ?? 0) * 1024;
