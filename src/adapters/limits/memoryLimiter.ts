import { LRUCache } from 'lru-cache';
import type { Limiter } from '../../http/rateLimits.ts';
import { bucketOf, standingOf } from './bucket.ts';

/** Those who have done nothing for longest are forgotten first: a window of theirs is mostly full again. */
const WINDOWS = 100_000;

/** Counts in this process alone: the twin of Redis where there is none. `nowMs` only goes forwards. */
export function memoryLimiter(nowMs: () => number): Limiter {
  /** By key: when all is there again, microseconds. */
  const fullAt = new LRUCache<string, number>({ max: WINDOWS });
  return {
    take: (windows) => {
      const now = Math.floor(nowMs() * 1000);
      const states = windows.map((window) => {
        const bucket = bucketOf(window);
        const used = Math.min(Math.max((fullAt.get(window.key) ?? 0) - now, 0), bucket.quota * bucket.each);
        return { key: window.key, bucket, used };
      });
      const taken = states.every(({ bucket, used }) => used + bucket.each <= bucket.quota * bucket.each);
      if (taken) for (const { key, bucket, used } of states) fullAt.set(key, now + used + bucket.each);
      return Promise.resolve(states.map(({ bucket, used }) => standingOf(bucket, taken ? used + bucket.each : used, taken)));
    },
  };
}
