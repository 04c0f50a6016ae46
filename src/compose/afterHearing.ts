import type { Time } from '../consumers/ports.ts';

const PARTS = 5;

/**
 * As `time.after`, for deadlines of answers. It counts in parts, so that a loop that stood still, however long, has heard what came
 * meanwhile before its time is over: a timer that fell due would run first.
 */
export function afterHearing(time: Pick<Time, 'after'>, ms: number, run: () => void): () => void {
  let left = PARTS;
  let cancel: () => void = () => undefined;
  const next = (): void => {
    cancel = time.after(ms / PARTS, () => {
      left -= 1;
      if (left === 0) run();
      else next();
    });
  };
  next();
  return () => {
    cancel();
  };
}
