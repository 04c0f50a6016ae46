const PARTS = 5;

/** Of the port that tells the time: runs once after so many ms; the returned function cancels. */
export type Timers = { readonly after: (ms: number, run: () => void) => () => void };

/**
 * As `after`, for deadlines of answers. It counts in parts, so that a loop that stood still, however long, has heard what came
 * meanwhile before its time is over: a timer that fell due would run first.
 */
export function afterHearing(time: Timers, ms: number, run: () => void): () => void {
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
