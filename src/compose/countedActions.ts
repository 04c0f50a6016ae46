import type { Clock } from '../commands/ports.ts';

/** So many that are due are counted at every look; more of them takes too long for that. */
const SOME = 10_000;
const EVERY_MS = 30_000;

/**
 * How many are due, as admission and metrics go by it: more than 10,000 are counted but twice a minute at the most, up to one more than are
 * `allowed`, or admission would never hear of it. `count`: those that are due, up to a number.
 */
export function countedActions(
  count: (most: number) => Promise<number>,
  allowed: number,
  clock: Pick<Clock, 'epochMs'>,
): () => Promise<number> {
  let [many, countedAt] = [0, Number.NEGATIVE_INFINITY];
  return async () => {
    const some = await count(SOME);
    if (some < SOME) return some;
    if (clock.epochMs() >= countedAt + EVERY_MS) {
      countedAt = clock.epochMs();
      many = await count(allowed + 1);
    }
    return Math.max(some, many);
  };
}
