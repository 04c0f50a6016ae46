import { setTimeout as pause } from 'node:timers/promises';
import type { Program } from '../support/program.ts';

const EVERY_MS = 250;

/** Asks again and again whether it lives; `silent`: how often one that nobody has killed meanwhile did not answer in time. */
export function watchLife(
  program: () => Program | undefined,
  aliveMs: number,
  wasKilled: (program: Program) => boolean = () => false,
): { readonly silent: () => number; readonly stop: () => void } {
  let [silences, over] = [0, false];
  const look = async (): Promise<void> => {
    for (; !over; await pause(EVERY_MS)) {
      const asked = program();
      if (asked === undefined) continue;
      await fetch(`${asked.url}/health/live`, { signal: AbortSignal.timeout(aliveMs) }).catch(() => {
        if (!wasKilled(asked)) silences += 1;
      });
    }
  };
  void look();
  return { silent: () => silences, stop: () => (over = true) };
}
