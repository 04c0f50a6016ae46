import { spawnSync } from 'node:child_process';
import { eventually } from '../support/client.ts';
import type { Program } from '../support/program.ts';

/** Until the points of a process count; once it has stopped itself at one, they don't until they are armed again. */
export async function arm(program: Program): Promise<void> {
  const times = (): number => program.stdout().split('armed').length;
  const before = times();
  process.kill(program.pid, 'SIGUSR2');
  await eventually('its points count', () => (times() > before ? true : undefined));
}

/** SIGSTOP holds it: it runs on with SIGCONT. */
export const isFrozen = ({ pid }: Program): boolean =>
  spawnSync('ps', ['-o', 'state=', '-p', String(pid)], { encoding: 'utf8' }).stdout.startsWith('T');
