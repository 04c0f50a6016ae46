import type { Measured } from '../adapters/metrics/metrics.ts';
import type { Time } from '../consumers/ports.ts';
import { afterHearing } from '../domain/kernel/afterHearing.ts';
import { PortError } from '../domain/kernel/portError.ts';

/** What the other threads of this process answer. @throws PortError `thread_silent`: one of them does not get to it. */
export type OtherThreads = {
  readonly lives: () => Promise<void>;
  readonly measured: () => Promise<readonly Measured[]>;
};

export const NO_OTHER_THREAD: OtherThreads = { lives: () => Promise.resolve(), measured: () => Promise.resolve([]) };

/** A loop that is busy for longer than this does none of its work in time. */
const SILENT_MS = 10_000;

/** Asks another thread; whatever it says next is the answer to all who wait. */
export function asking<Answer>(
  ask: () => void,
  time: Pick<Time, 'after'>,
): { readonly answer: () => Promise<Answer>; readonly told: (it: Answer) => void } {
  const waiting = new Set<(answer: Answer) => void>();
  return {
    answer: () =>
      new Promise((resolve, reject) => {
        const hear = (answer: Answer): void => {
          cancel();
          resolve(answer);
        };
        const cancel = afterHearing(time, SILENT_MS, () => {
          waiting.delete(hear);
          reject(new PortError('unavailable', 'thread_silent', 'another thread of this process does not answer'));
        });
        waiting.add(hear);
        ask();
      }),
    told: (answer) => {
      for (const hear of waiting) hear(answer);
      waiting.clear();
    },
  };
}
