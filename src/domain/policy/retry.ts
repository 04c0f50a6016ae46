import { instantOf, epochMsOf, type Instant } from '../values/instant.ts';

export type RetryPolicy = {
  /** Tries that may count against a delivery before it is a dead letter. */
  readonly maxTries: number;
  /** Starts in all, also those that do not count: a provider that throttles for ever ends as a dead letter too. */
  readonly maxStarts: number;
  /** Milliseconds; the delay before try k is drawn from 0 to min(cap, base × 2^k) (full jitter). */
  readonly baseMs: number;
  readonly capMs: number;
};
export const RETRY: RetryPolicy = { maxTries: 8, maxStarts: 40, baseMs: 10_000, capMs: 3_600_000 };

/** `jitter` is drawn by the caller from [0, 1). */
export type Draw = { readonly retry: RetryPolicy; readonly jitter: number };

/** Retries go to bucketed instants, so that what failed together goes on together and costs one row. */
const bucketMs = (delayMs: number): number => (delayMs < 60_000 ? 1_000 : 10_000);

/**
 * When to try again after so many tries. What the provider asked for (`Retry-After`) is the least, and the
 * jitter comes on top, or everyone would be back at the same second.
 */
export function retryAt(now: Instant, tries: number, { retry: policy, jitter }: Draw, retryAfterMs = 0): Instant {
  const ceiling = Math.min(policy.capMs, policy.baseMs * 2 ** Math.min(tries, 30));
  const delay = Math.min(Math.max(retryAfterMs, 0), policy.capMs) + jitter * ceiling;
  const bucket = bucketMs(delay);
  return instantOf(Math.ceil((epochMsOf(now) + delay) / bucket) * bucket);
}
