import { backOff } from '../clock/backOff.ts';

/** Before an append is sent again; no longer than an attempt, since whoever waits may have time for no more than a few. */
export const betweenAttempts = (attemptMs: number): (() => number) => backOff(20, Math.min(1_000, attemptMs));

/** Before a subscription tries again. */
export const betweenReads = (): (() => number) => backOff(50, 2_000);
