import { setTimeout as sleep } from 'node:timers/promises';
import { PortError } from '../../domain/kernel/portError.ts';
import type { RunningServer } from './server.ts';

export type KeptObserver = {
  /** It ended without having been told to, and is being started again. */
  readonly onEnded?: () => void;
  readonly onRestarted?: () => void;
  /** It cannot be started any more: nothing works without it, so the process has to end. */
  readonly onLost?: (error: PortError) => void;
};

export type KeptTimes = {
  /** Milliseconds before the first new start, doubled each time up to 5 s: what a killed server leaves behind holds its memory for a while. */
  readonly pauseMs: number;
  /** Milliseconds after which a server that does not come back is given up. */
  readonly patienceMs: number;
};
const TIMES: KeptTimes = { pauseMs: 100, patienceMs: 60_000 };
const LONGEST_PAUSE_MS = 5_000;
/** One that ends so soon after its start so often in a row would only do so for ever. */
const [SOON_MS, SOON_TIMES] = [10_000, 5];

/** Starts a server again whenever it ends by itself, until it is stopped. */
export function keepServer(
  first: RunningServer,
  startAgain: () => Promise<RunningServer>,
  { onEnded, onRestarted, onLost }: KeptObserver,
  { pauseMs, patienceMs }: KeptTimes = TIMES,
): { readonly stop: () => Promise<void> } {
  const stopping = new AbortController();
  let current = first;

  async function restarted(): Promise<RunningServer | undefined> {
    let failure: unknown;
    const until = performance.now() + patienceMs;
    for (let wait = pauseMs; performance.now() < until; wait = Math.min(2 * wait, LONGEST_PAUSE_MS)) {
      await sleep(wait, undefined, { signal: stopping.signal, ref: false }).catch(() => undefined);
      if (stopping.signal.aborted) return undefined;
      try {
        return await startAgain();
      } catch (error) {
        failure = error;
      }
    }
    const why = failure instanceof PortError ? failure.message : 'it could not be started';
    onLost?.(new PortError('unavailable', 'embedded_postgres_lost', `The embedded database ended and did not come back: ${why}`));
    return undefined;
  }

  async function watch(): Promise<void> {
    for (let soon = 0; ;) {
      const began = performance.now();
      await current.ended;
      if (stopping.signal.aborted) return;
      soon = performance.now() - began < SOON_MS ? soon + 1 : 0;
      if (soon >= SOON_TIMES) {
        onLost?.(new PortError('unavailable', 'embedded_postgres_lost', 'The embedded database ends again and again: its log says why.'));
        return;
      }
      onEnded?.();
      const next = await restarted();
      if (next === undefined) return;
      current = next;
      if (stopping.signal.aborted) return;
      onRestarted?.();
    }
  }
  const watched = watch();

  return {
    stop: async () => {
      stopping.abort();
      // A start that is under way is waited for, or its server would outlive us.
      await current.stop();
      await watched;
      await current.stop();
    },
  };
}
