import { setTimeout as sleep } from 'node:timers/promises';
import { PortError } from '../../../domain/kernel/portError.ts';
import type { Position } from '../../../domain/values/ids.ts';
import { betweenReads } from '../retrying.ts';
import type { FeedBatch, Filter } from '../port.ts';
import { codeOf } from './failure.ts';
import type { PageLimits, Reads } from './reads.ts';
import { Tail, type TailParts } from './tail.ts';
import { ORIGIN } from './wire.ts';

export type SubscriptionOptions = TailParts & {
  readonly reads: Reads;
  readonly limits: PageLimits;
  /** Milliseconds of silence after which a subscription is compared with the log, on average. */
  readonly silenceMs: number;
  readonly onFailure: (code: string) => void;
};

/**
 * A subscription that goes on by itself: whenever the server's breaks (a server that goes, a reader that was too slow for it) or stands still
 * without a word, another begins where it has come to.
 * @throws PortError `invalid` when the cursor lies beyond the head, at first or after a backup was restored.
 */
export async function* subscription(
  options: SubscriptionOptions,
  after: Position | 'start',
  filter: Filter,
  signal: AbortSignal,
): AsyncGenerator<FeedBatch, void, void> {
  const follower = new Follower(options, after, filter);
  let pauseMs = betweenReads();
  while (!signal.aborted) {
    try {
      for await (const batch of follower.follow(signal)) {
        pauseMs = betweenReads();
        yield batch;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof PortError && !error.retryable) throw error;
      options.onFailure(error instanceof PortError ? error.code : codeOf(error));
    }
    await sleep(pauseMs(), undefined, { signal }).catch(() => undefined);
  }
}

const jittered = (ms: number): number => ms * (0.75 + 0.5 * Math.random());

/** Where a reader stands, from one subscription of the server's to the next. */
class Follower {
  readonly #options: SubscriptionOptions;
  readonly #filter: Filter;
  #cursor: Position;
  #toldCaughtUp = false;
  /** The log has something that the subscription had not brought a silence ago. */
  #isMissing = false;

  constructor(options: SubscriptionOptions, after: Position | 'start', filter: Filter) {
    this.#options = options;
    this.#filter = filter;
    this.#cursor = after === 'start' ? ORIGIN : after;
  }

  /** One subscription of the server's, until it breaks. */
  async *follow(signal: AbortSignal): AsyncGenerator<FeedBatch, void, void> {
    await this.#options.reads.headAfter(this.#cursor);
    const tail = new Tail(this.#options, this.#cursor, this.#filter);
    this.#isMissing = false;
    try {
      while (!signal.aborted) {
        const batch = tail.take(this.#cursor);
        const news = this.#isNews(batch) ? batch : await this.#afterSilence(tail, signal);
        if (news) yield this.#tell(news);
      }
    } finally {
      tail.close();
    }
  }

  /** Waits for something to take. After a silence the log is asked: if nothing matches there either, the cursor may move on. */
  async #afterSilence(tail: Tail, signal: AbortSignal): Promise<FeedBatch | undefined> {
    const { reads, limits, silenceMs } = this.#options;
    if (await tail.changed(jittered(silenceMs), signal)) return undefined;
    const page = await reads.page(this.#cursor, this.#filter, { ...limits, events: 1 });
    const isMissing = page.events.length > 0;
    // It may have come while the log was read; still missing after another silence, it does not come at all.
    if (isMissing && this.#isMissing) throw new PortError('unavailable', 'subscription_stalled', 'the subscription stands still');
    this.#isMissing = isMissing;
    return !isMissing && this.#isNews(page) ? page : undefined;
  }

  #isNews({ events, upTo, caughtUp }: FeedBatch): boolean {
    return events.length > 0 || upTo > this.#cursor || (caughtUp && !this.#toldCaughtUp);
  }

  #tell(batch: FeedBatch): FeedBatch {
    this.#cursor = batch.upTo;
    this.#toldCaughtUp = batch.caughtUp;
    this.#isMissing = false;
    return batch;
  }
}
