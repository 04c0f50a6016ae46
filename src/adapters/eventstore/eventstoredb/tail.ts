import {
  eventTypeFilter,
  START,
  streamNameFilter,
  type AllStreamSubscription,
  type EventStoreDBClient,
  type Filter as ServerFilter,
} from '@eventstore/db-client';
import type { Position } from '../../../domain/values/ids.ts';
import { bytesOfEvent } from '../checks.ts';
import type { FeedBatch, Filter, StoredEvent } from '../port.ts';
import type { StreamNames } from './names.ts';
import { placeOf, positionOf, taking, type Recorded } from './wire.ts';

export type TailParts = {
  readonly client: EventStoreDBClient;
  readonly names: StreamNames;
  /** Of a batch. */
  readonly limits: { readonly events: number; readonly bytes: number };
};

/** Events that the client holds for a reader that thinks; then the server is not read on. */
const HELD_EVENTS = 128;
/** Times 32: events examined between two marks of how far the server has looked. */
const CHECKPOINT_INTERVAL = 8;

/** One subscription of the server, strictly after a position, read in batches at the reader's pace. It breaks for good. */
export class Tail {
  readonly #subscription: AllStreamSubscription;
  readonly #ours: (event: Recorded) => StoredEvent | undefined;
  readonly #limits: TailParts['limits'];
  #examined: Position | undefined;
  #isLive = false;
  #broken: { readonly error: unknown } | undefined;
  #hasNews = false;
  #isComing = false;
  #wake: () => void = () => undefined;

  constructor({ client, names, limits }: TailParts, after: Position, filter: Filter) {
    const place = placeOf(after);
    this.#ours = taking(names, filter);
    this.#limits = limits;
    this.#subscription = client.subscribeToAll(
      { fromPosition: place === 'start' ? START : place, filter: this.#serverFilter(names, filter), requiresLeader: true },
      { highWaterMark: HELD_EVENTS },
    );
    this.#subscription
      .on('readable', () => this.#news())
      .on('caughtUp', () => this.#live(true))
      .on('fellBehind', () => this.#live(false))
      // It neither ends nor reconnects when the server goes.
      .on('error', (error: unknown) => this.#break(error))
      .on('end', () => this.#break({ code: 'subscription_ended' }));
  }

  /** What there is by now after the cursor. @throws what broke the subscription, once nothing is left. */
  take(cursor: Position): FeedBatch {
    const events: StoredEvent[] = [];
    let [upTo, bytes] = [cursor, 0];
    while (events.length < this.#limits.events && bytes < this.#limits.bytes) {
      const next = this.#next(upTo);
      if (next === undefined) break;
      upTo = next.at;
      const stored = this.#ours(next.event);
      if (stored === undefined) continue;
      bytes += bytesOfEvent(stored);
      events.push(stored);
    }
    if (this.#subscription.readableLength > 0) return { events, upTo, caughtUp: false };
    if (events.length === 0 && this.#broken) throw this.#broken.error;
    const examined = this.#examined ?? upTo;
    return { events, upTo: examined > upTo ? examined : upTo, caughtUp: this.#isLive };
  }

  #next(after: Position): { readonly at: Position; readonly event: Recorded } | undefined {
    for (;;) {
      const resolved = this.#subscription.read() as { readonly event?: Recorded } | null;
      if (resolved === null) return undefined;
      const { event } = resolved;
      const at = event?.position && positionOf(event.position.commit);
      if (event && at && at > after) return { at, event };
    }
  }

  /** Resolves when `take` may have something new, when so many milliseconds have passed (`false`), and when the signal aborts. */
  changed(ms: number, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (isNews: boolean): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', abort);
        this.#wake = () => undefined;
        this.#hasNews = false;
        resolve(isNews);
      };
      const abort = (): void => end(true);
      const timer = setTimeout(() => end(false), ms);
      signal.addEventListener('abort', abort, { once: true });
      this.#wake = () => end(true);
      if (this.#hasNews || signal.aborted) end(true);
    });
  }

  /** The call ends only where what is still on its way is taken as well, so that the stream flows on, to nobody, and is not destroyed. */
  close(): void {
    for (const event of ['readable', 'caughtUp', 'fellBehind']) this.#subscription.removeAllListeners(event);
    this.#subscription.on('data', () => undefined).resume();
    this.#subscription.unsubscribe().catch(() => undefined);
  }

  #live(isLive: boolean): void {
    this.#isLive = isLive;
    this.#news();
  }

  #break(error: unknown): void {
    this.#broken ??= { error };
    this.#news();
  }

  /** Told a turn of the loop later: what comes in one piece over the wire is taken together. */
  #news(): void {
    if (this.#isComing) return;
    this.#isComing = true;
    setImmediate(() => {
      this.#isComing = false;
      this.#hasNews = true;
      this.#wake();
    });
  }

  /** The server goes by one thing only; what it lets pass is looked at again. Its own streams begin with a dollar sign. */
  #serverFilter(names: StreamNames, { nouns, types }: Filter): ServerFilter {
    const marks = {
      checkpointInterval: CHECKPOINT_INTERVAL,
      checkpointReached: (_: unknown, { commit }: { readonly commit: bigint }) => {
        this.#examined = positionOf(commit);
        this.#news();
      },
    };
    if (types && !nouns) return eventTypeFilter({ prefixes: [...types], ...marks });
    const beginnings = names.beginnings(nouns);
    if (beginnings) return streamNameFilter({ prefixes: [...beginnings], ...marks });
    return streamNameFilter({ regex: '^[^$]', ...marks });
  }
}
