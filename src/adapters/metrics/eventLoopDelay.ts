import { monitorEventLoopDelay } from 'node:perf_hooks';

/** How late this process gets to what it has to do. */
export type EventLoopDelay = {
  /** Mean since it was last asked, milliseconds. */ readonly takeMs: () => number;
  readonly close: () => void;
};

export function eventLoopDelay(): EventLoopDelay {
  const histogram = monitorEventLoopDelay({ resolution: 20 });
  histogram.enable();
  return {
    takeMs: () => {
      const ms = histogram.mean / 1e6;
      histogram.reset();
      return Number.isFinite(ms) ? ms : 0;
    },
    close: () => {
      histogram.disable();
    },
  };
}
