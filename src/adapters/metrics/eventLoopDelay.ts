import { monitorEventLoopDelay } from 'node:perf_hooks';

/** How late this thread gets to what it has to do. */
export type EventLoopDelay = {
  /** Mean since it was last asked, milliseconds; 0 while that would tell of the start. */ readonly takeMs: () => number;
  readonly close: () => void;
};

/** Looks that end what the process starts with: the first finds nothing yet, and before the second it has loaded and compiled everything. */
const LOOKS_OF_START = 2;

export function eventLoopDelay(): EventLoopDelay {
  const histogram = monitorEventLoopDelay({ resolution: 20 });
  histogram.enable();
  let looks = 0;
  return {
    takeMs: () => {
      looks += 1;
      const ms = histogram.mean / 1e6;
      histogram.reset();
      return looks > LOOKS_OF_START && Number.isFinite(ms) ? ms : 0;
    },
    close: () => {
      histogram.disable();
    },
  };
}
