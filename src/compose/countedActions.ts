import type { Backlog } from '../adapters/postgres/actions/parkedActions.ts';
import type { Clock } from '../commands/ports.ts';

/** So many that are due are counted at every look; more of them takes too long for that. */
const SOME = 10_000;
const EVERY_MS = 30_000;

/**
 * What is to be done, as admission and metrics go by it: more than 10,000 that are due are counted up to `most`, but twice a minute at the most.
 * `count`: those that are due, up to a number.
 */
export function countedActions(
  count: (most: number) => Promise<Backlog>,
  most: number,
  clock: Pick<Clock, 'epochMs'>,
): () => Promise<Backlog> {
  let [many, countedAt] = [0, Number.NEGATIVE_INFINITY];
  return async () => {
    const some = await count(SOME);
    if (some.due < SOME) return some;
    if (clock.epochMs() >= countedAt + EVERY_MS) {
      countedAt = clock.epochMs();
      many = (await count(most)).due;
    }
    return { ...some, due: Math.max(some.due, many) };
  };
}
