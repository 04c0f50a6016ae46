import { setTimeout as sleep } from 'node:timers/promises';
import { PortError } from '../../../domain/kernel/portError.ts';
import type { Position, StreamName } from '../../../domain/values/ids.ts';
import type { Listener } from '../../postgres/notify.ts';
import { clientConfig } from '../../postgres/pool.ts';
import { betweenReads } from '../retrying.ts';
import { appendedOf, checkCount, checkStreams, failed, MAX_REVISION, rangeOf, refusalOf } from '../checks.ts';
import { feed } from '../feed.ts';
import type { StoreObserver } from '../observer.ts';
import { QUEUE_BYTES } from '../pendingAppends.ts';
import type {
  Appended,
  EncodedEvent,
  EventStore,
  ExpectedRevision,
  FeedBatch,
  Filter,
  ReadStream,
  StoredEvent,
  Write,
  WriteOutcome,
} from '../port.ts';
import { positionOf } from '../positions.ts';
import { Appender } from './appender.ts';
import type { AppenderOptions } from './appender.ts';
import { OnDisk } from './onDisk.ts';
import { Pages } from './pages.ts';
import type { PageLimits, Queryable } from './pages.ts';
import { Wakeups } from './wakeups.ts';

export type PostgresEventStoreOptions = {
  /** The database of the log. Appends go over a few connections of the store's own, as tidings_worker. */
  readonly url: string;
  /** For reads, as tidings_worker; stays open when the store is closed. */
  readonly pool: Queryable;
  /** Of the same database: hears of appends; stays open when the store is closed. */
  readonly listener: Pick<Listener, 'subscribe'>;
  readonly observer?: StoreObserver;
  /** What differs from the defaults below. */
  readonly append?: Partial<AppenderOptions>;
  readonly page?: Partial<PageLimits>;
  /** Milliseconds for one read. */
  readonly readMs?: number;
  /** Milliseconds after which a subscription looks unasked, on average. */
  readonly pollMs?: number;
};

/** `queuedBytes`: appends that wait or are under way, for metrics and for admission. */
export type PostgresEventStore = EventStore & { readonly queuedBytes: number };

const APPEND: AppenderOptions = {
  deadlineMs: 15_000,
  attemptMs: 5_000,
  queueBytes: QUEUE_BYTES,
  batchWrites: 500,
  batchBytes: 4_000_000,
  lanes: 2,
};
const PAGE: PageLimits = { events: 500, bytes: 4_000_000, window: 20_000 };
const READ_MS = 10_000;
const POLL_MS = 2_000;

/** The log in Postgres 14 or newer (docs/decisions/0002; tables: `migrations/log`). @throws PortError `unavailable` when they can't be read. */
export async function openPostgresEventStore(options: PostgresEventStoreOptions): Promise<PostgresEventStore> {
  const store = new PostgresLog(options);
  await store.head();
  return store;
}

class PostgresLog implements PostgresEventStore {
  readonly #pages: Pages;
  readonly #limits: PageLimits;
  readonly #appender: Appender;
  readonly #wakeups: Wakeups;
  readonly #observer: StoreObserver;
  readonly #closed = new AbortController();

  constructor(options: PostgresEventStoreOptions) {
    const { url, pool, listener, observer = {} } = options;
    const connection = clientConfig({ url, role: 'tidings_worker', applicationName: 'tidings append' });
    const onDisk = new OnDisk();
    this.#pages = new Pages(pool, options.readMs ?? READ_MS, onDisk);
    this.#limits = { ...PAGE, ...options.page };
    this.#appender = new Appender(connection, { ...APPEND, ...options.append }, onDisk, observer);
    this.#wakeups = new Wakeups(listener, options.pollMs ?? POLL_MS, onDisk);
    this.#observer = observer;
  }

  get queuedBytes(): number {
    return this.#appender.queuedBytes;
  }

  async append(stream: StreamName, at: ExpectedRevision, events: readonly EncodedEvent[]): Promise<Appended> {
    return appendedOf(await this.#write({ stream, at, events }));
  }

  appendMany(writes: readonly Write[]): Promise<readonly WriteOutcome[]> {
    return Promise.all(writes.map((write) => this.#write(write)));
  }

  async readStream(stream: StreamName, how: ReadStream = {}): Promise<readonly StoredEvent[]> {
    checkStreams([stream]);
    const { from, backwards, limit } = rangeOf(how);
    if (from === 'end' && !backwards) return [];
    return this.#pages.stream(stream, from === 'end' ? MAX_REVISION : from, { backwards, limit });
  }

  async readStreams(streams: readonly StreamName[]): Promise<ReadonlyMap<StreamName, readonly StoredEvent[]>> {
    checkStreams(streams);
    return this.#pages.streams(streams);
  }

  async readAll(after: Position | 'start', filter: Filter, limit: number): Promise<FeedBatch> {
    checkCount(limit);
    return this.#pages.current(after, filter, { ...this.#limits, events: Math.min(limit, MAX_REVISION) });
  }

  subscribe(after: Position | 'start', filter: Filter, signal: AbortSignal): AsyncIterable<FeedBatch> {
    const source = {
      origin: positionOf(0),
      page: (cursor: Position, stop: AbortSignal): Promise<FeedBatch> =>
        this.#persistently(() => this.#pages.after(cursor, filter, this.#limits), stop),
      grown: this.#wakeups.follow(),
    };
    return feed(source, after, AbortSignal.any([signal, this.#closed.signal]));
  }

  head(): Promise<Position | 'start'> {
    return this.#pages.head();
  }

  /** Settles what was accepted, within the appends' deadline; ends every subscription. */
  async close(): Promise<void> {
    this.#closed.abort();
    this.#wakeups.close();
    await this.#appender.close();
  }

  #write(write: Write): Promise<WriteOutcome> {
    const error = refusalOf(write);
    return error ? Promise.resolve(failed(error)) : this.#appender.append(write);
  }

  /** A subscription outlives the connections that it reads over. */
  async #persistently(read: () => Promise<FeedBatch>, stop: AbortSignal): Promise<FeedBatch> {
    for (const pauseMs = betweenReads(); ;) {
      try {
        return await read();
      } catch (error) {
        if (!(error instanceof PortError && error.retryable) || stop.aborted) throw error;
        this.#observer.onFeedFailure?.({ code: error.code });
        await sleep(pauseMs(), undefined, { signal: stop });
      }
    }
  }
}
