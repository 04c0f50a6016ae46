import type { Measured } from '../adapters/metrics/metrics.ts';
import type { Time } from '../consumers/ports.ts';
import { PortError } from '../domain/kernel/portError.ts';

/** What the other threads of this process have measured. @throws PortError `thread_silent`: one of them does not get to answer. */
export type MeasuredElsewhere = () => Promise<readonly Measured[]>;

/** A loop that is busy for longer than this does none of its work in time. */
const SILENT_MS = 10_000;

/** Asks the other thread what it has measured; whatever it says next is the answer to all who wait. */
export function measuring(
  ask: () => void,
  time: Pick<Time, 'after'>,
): { readonly of: MeasuredElsewhere; readonly told: (it: Measured) => void } {
  const waiting = new Set<(measured: Measured) => void>();
  return {
    of: () =>
      new Promise((resolve, reject) => {
        const answer = (measured: Measured): void => {
          cancel();
          resolve([measured]);
        };
        const cancel = time.after(SILENT_MS, () => {
          waiting.delete(answer);
          reject(new PortError('unavailable', 'thread_silent', 'another thread of this process does not answer'));
        });
        waiting.add(answer);
        ask();
      }),
    told: (measured) => {
      for (const answer of waiting) answer(measured);
      waiting.clear();
    },
  };
}
