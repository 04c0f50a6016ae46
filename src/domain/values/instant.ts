/** RFC 3339 in UTC with milliseconds (`2026-12-01T09:00:00.000Z`): 24 characters, so text order is time order. */
export type Instant = string & { readonly __instant: never };

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
export const isInstant = (text: string): text is Instant => INSTANT.test(text) && !Number.isNaN(Date.parse(text));

/** @throws RangeError beyond the years that RFC 3339 can write. */
export function instantOf(epochMs: number): Instant {
  const text = new Date(epochMs).toISOString();
  if (!isInstant(text)) throw new RangeError(`${epochMs} ms is no instant of RFC 3339`);
  return text;
}

const [EARLIEST_MS, LATEST_MS] = [Date.UTC(1000, 0), Date.UTC(9000, 0)];
/**
 * Whether milliseconds since the epoch can be taken from outside: far enough from the ends of RFC 3339 that what is reckoned from them
 * (a duration, a zone's offset) is an instant too, and one that Postgres can hold. It knows no year 0.
 */
export const isWithinReach = (epochMs: number): boolean => epochMs >= EARLIEST_MS && epochMs < LATEST_MS;

export const epochMsOf = (instant: Instant): number => Date.parse(instant);
export const plusMs = (instant: Instant, ms: number): Instant => instantOf(epochMsOf(instant) + ms);
/** `YYYY-MM`: the month in UTC that names a period. */
export const periodOf = (instant: Instant): string => instant.slice(0, 7);
