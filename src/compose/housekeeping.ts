import { expireReservations } from '../adapters/postgres/reservations.ts';
import type { Closing } from './closing.ts';
import type { Core } from './core.ts';
import { repeating } from './repeating.ts';

const EVERY_MS = 10 * 60_000;
const AT_ONCE = 1000;

/**
 * What has run out is removed now and then: uploads that nobody used, reservations whose window is over, captured messages of yesterday. Any
 * number of processes may.
 */
export function startHousekeeping({ blobs, models, captures, clock, log }: Core, closing: Closing): void {
  repeating('housekeeping', { everyMs: EVERY_MS, time: clock, closing }, async (signal) => {
    const untilNoneIsLeft = async (remove: () => Promise<number>): Promise<void> => {
      while (!signal.aborted && (await remove()) === AT_ONCE);
    };
    try {
      await untilNoneIsLeft(() => blobs.deleteExpired(AT_ONCE));
      await untilNoneIsLeft(() => expireReservations(models.db, clock.now(), AT_ONCE));
      await captures.purge();
    } catch (error) {
      log.warn('what has run out could not be removed and will be later', { error });
    }
  });
}
