import type { Position } from '../../domain/values/ids.ts';
import type { FeedBatch } from './port.ts';

/** Where a subscription gets its pages from. */
export type FeedSource = {
  /** The position before every event. */
  readonly origin: Position;
  /** One page strictly after the position, bounded in events and bytes. Throws when the position lies beyond the head. */
  readonly page: (after: Position, signal: AbortSignal) => Promise<FeedBatch>;
  /** Resolves when there may be something after the position, from time to time anyhow, and when the signal aborts. */
  readonly grown: (after: Position, signal: AbortSignal) => Promise<void>;
};

/**
 * A subscription as a pull: the next page is read when the reader asks for it, so a slow reader holds one page and no more.
 * The first batch comes at once, also when empty, and says whether the reader has caught up.
 */
export async function* feed(source: FeedSource, after: Position | 'start', signal: AbortSignal): AsyncGenerator<FeedBatch, void, void> {
  let cursor = after === 'start' ? source.origin : after;
  let first = true;
  while (!signal.aborted) {
    const page = await unlessAborted(signal, source.page(cursor, signal));
    if (page === undefined) return;
    if (first || page.upTo > cursor) yield page;
    first = false;
    cursor = page.upTo;
    if (page.caughtUp) await source.grown(cursor, signal);
  }
}

/** `undefined` as soon as the signal aborts, whatever becomes of the work. */
function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const stop = (): void => resolve(undefined);
    signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
