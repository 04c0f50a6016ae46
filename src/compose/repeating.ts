import type { Time } from '../consumers/ports.ts';
import type { Closing } from './closing.ts';

type Repeating = { readonly everyMs: number; readonly time: Pick<Time, 'after'>; readonly closing: Closing };

/** Runs it at once and again so many milliseconds after it has ended, until all is closed; what runs at that moment is waited for. */
export function repeating(what: string, { everyMs, time, closing }: Repeating, run: () => Promise<void>): void {
  let isClosing = false;
  let cancel = (): void => undefined;
  let running = Promise.resolve();
  const again = (): void => {
    running = run().finally(() => {
      if (!isClosing) cancel = time.after(everyMs, again);
    });
  };
  again();
  closing.add(what, async () => {
    isClosing = true;
    cancel();
    await running;
  });
}
