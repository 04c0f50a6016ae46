import { plusMs, type Instant } from '../values/instant.ts';

/** `expiresAt`: whatever happens; `expiresAfterMs`: counted from when it may first go, so it moves with the schedule and the zone. */
export type Expiry = { readonly expiresAt?: Instant; readonly expiresAfterMs?: number };

/** The instant from which it is of no use any more, for what may first go at `from`. Undefined: never. */
export function expiryOf({ expiresAt, expiresAfterMs }: Expiry, from: Instant): Instant | undefined {
  const after = expiresAfterMs === undefined ? undefined : plusMs(from, expiresAfterMs);
  if (expiresAt === undefined || after === undefined) return expiresAt ?? after;
  return after < expiresAt ? after : expiresAt;
}
