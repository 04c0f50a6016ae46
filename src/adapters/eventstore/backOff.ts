/**
 * How long (ms) to wait before each further try: up to twice as long each time, never longer than `longest`. Half of it is chance, so that those
 * who failed together do not come back together.
 */
export function backOff(first: number, longest: number): () => number {
  let upTo = first;
  return () => {
    const pause = Math.min(upTo, longest) * (0.5 + 0.5 * Math.random());
    upTo = Math.min(2 * upTo, longest);
    return pause;
  };
}

/** Before an append is sent again; no longer than an attempt, since whoever waits may have time for no more than a few. */
export const betweenAttempts = (attemptMs: number): (() => number) => backOff(20, Math.min(1_000, attemptMs));

/** Before a subscription tries again. */
export const betweenReads = (): (() => number) => backOff(50, 2_000);
