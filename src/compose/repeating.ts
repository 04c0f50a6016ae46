import type { Time } from '../consumers/ports.ts';
import type { Closing } from './closing.ts';

type Repeating = { readonly everyMs: number; readonly time: Pick<Time, 'after'>; readonly closing: Closing };

/** Runs it at once and again so many milliseconds after it has ended, until all is closed; what runs at that moment is told so, and waited for. */
export function repeating(what: string, { everyMs, time, closing }: Repeating, run: (signal: AbortSignal) => Promise<void>): void {
  const closed = new AbortController();
  let cancel = (): void => undefined;
  let running = Promise.resolve();
  const again = (): void => {
    running = run(closed.signal).finally(() => {
      if (!closed.signal.aborted) cancel = time.after(everyMs, again);
    });
  };
  again();
  closing.add(what, async () => {
    closed.abort();
    cancel();
    await running;
  });
}
