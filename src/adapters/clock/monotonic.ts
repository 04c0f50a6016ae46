import { performance } from 'node:perf_hooks';

/** Milliseconds that only go forwards, for durations. */
export const monotonicMs = (): number => performance.now();
