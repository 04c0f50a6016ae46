import { performance } from 'node:perf_hooks';
import type { Clock } from '../../commands/ports.ts';
import type { Time } from '../../consumers/ports.ts';
import { PortError } from '../../domain/kernel/portError.ts';
import { instantOf } from '../../domain/values/instant.ts';

export type DatabaseClockOptions = {
  /** Milliseconds between two readings of the database's clock. */
  readonly everyMs?: number;
  /** Of readings that failed; the last good one goes on meanwhile. */
  readonly onError?: (error: unknown) => void;
  /** Milliseconds that only go forwards; a test counts its own. */
  readonly monotonicMs?: () => number;
};

export type DatabaseClock = Clock & Time & { readonly read: () => Promise<void>; readonly close: () => void };

/** A reading whose answer took longer says less than the drift since the last one. */
const TOO_SLOW_MS = 500;

/**
 * Follows the database's clock, by which claims and leases are judged, so that all processes agree and an operator who sets this
 * machine's clock changes nothing: between readings it counts on the monotonic clock. A reading is dated at the middle of its round
 * trip, so it is right within half of that.
 * @throws PortError `unavailable` when the first reading fails.
 */
export async function databaseClock(readEpochMs: () => Promise<number>, options: DatabaseClockOptions = {}): Promise<DatabaseClock> {
  const monotonicMs = options.monotonicMs ?? (() => performance.now());
  let offsetMs: number | undefined;

  const read = async (): Promise<void> => {
    const before = monotonicMs();
    const epochMs = await readEpochMs();
    const tookMs = monotonicMs() - before;
    if (!Number.isFinite(epochMs)) throw new PortError('unavailable', 'clock_unreadable', 'the database did not tell the time');
    if (offsetMs === undefined || tookMs <= TOO_SLOW_MS) offsetMs = epochMs - (before + tookMs / 2);
  };
  await read();

  const timer = setInterval(() => {
    read().catch((error: unknown) => options.onError?.(error));
  }, options.everyMs ?? 30_000);
  timer.unref();

  const epochMs = (): number => Math.floor(monotonicMs() + (offsetMs ?? 0));
  return {
    epochMs,
    now: () => instantOf(epochMs()),
    after(ms, run) {
      const once = setTimeout(run, Math.min(Math.max(ms, 0), LONGEST_TIMER_MS));
      return () => clearTimeout(once);
    },
    read,
    close: () => clearInterval(timer),
  };
}

/** Node turns longer time-outs into 1 ms. Whoever is woken early looks at the clock and waits again. */
const LONGEST_TIMER_MS = 2_147_483_647;
