import type { Standing, Window } from '../../http/rateLimits.ts';

/**
 * A window as both limiters keep it: a single number, the instant when all of the quota is there again (generic cell rate algorithm,
 * ITU-T I.371). What is used up to then shrinks by itself, so that nothing is counted down. Times in whole microseconds.
 */
export type Bucket = { readonly quota: number; /** What one takes. */ readonly each: number };

export const bucketOf = ({ quota, seconds }: Window): Bucket => ({ quota, each: Math.max(1, Math.round((seconds * 1_000_000) / quota)) });

/** `used`: what is used of the bucket now, after what has been taken if it has. */
export function standingOf({ quota, each }: Bucket, used: number, taken: boolean): Standing {
  const free = quota * each - used;
  const left = Math.max(0, Math.floor(free / each));
  return { exceeded: !taken && free < each, left, waitMs: Math.ceil((left > 0 ? used : each - free) / 1000) };
}
