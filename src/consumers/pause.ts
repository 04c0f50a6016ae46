import type { Time } from './ports.ts';

/** Waits so many milliseconds, or until the signal aborts. */
export const pause = (time: Pick<Time, 'after'>, ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const cancel = time.after(ms, done);
    if (signal?.aborted === true) done();
    else signal?.addEventListener('abort', done);
  });
