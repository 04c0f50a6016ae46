import { epochMsOf, plusMs, type Instant } from '../values/instant.ts';

const [LEAST_MS, MOST_MS, OF_ITS_WAIT] = [60_000, 15 * 60_000, 10];

/**
 * When to look again at what waits for facts, with nobody to tell that they are there: after a tenth of the time that it has waited since it
 * was to go, from a minute to a quarter of an hour. Each look is an event of its stream, and a fault may last for days.
 */
export const factsAgainAt = (wasToGo: Instant, now: Instant): Instant =>
  plusMs(now, Math.min(Math.max(Math.round((epochMsOf(now) - epochMsOf(wasToGo)) / OF_ITS_WAIT), LEAST_MS), MOST_MS));
