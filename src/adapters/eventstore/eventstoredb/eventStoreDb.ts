import { PortError } from '../../../domain/kernel/portError.ts';
import type { Position, StreamName } from '../../../domain/values/ids.ts';
import { appendedOf, checkCount, checkStreams, failed, MAX_REVISION, rangeOf, refusalOf } from '../checks.ts';
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
import { Appends, type EventStoreDbAppendOptions } from './appends.ts';
import { checkVersion, connectionTo, type Connection } from './connection.ts';
import { StreamNames } from './names.ts';
import { Reads, type PageLimits } from './reads.ts';
import { subscription } from './subscription.ts';

export type EventStoreDbOptions = {
  /** `esdb://`, `esdb+discover://` or `kurrentdb://`, with user and password where the server wants them. */
  readonly url: string;
  /** Names this installation on a server that others use as well: letters, digits and underscores. */
  readonly prefix?: string;
  readonly observer?: StoreObserver;
  /** What differs from the defaults below. */
  readonly append?: Partial<EventStoreDbAppendOptions>;
  readonly page?: Partial<PageLimits>;
  /** Milliseconds for one read. */
  readonly readMs?: number;
  /** Milliseconds of silence after which a subscription is compared with the log, on average. */
  readonly silenceMs?: number;
};

const APPEND: EventStoreDbAppendOptions = { deadlineMs: 15_000, attemptMs: 5_000, queueBytes: QUEUE_BYTES, atOnce: 256 };
const PAGE: PageLimits = { events: 500, bytes: 4_000_000, window: 5_000 };
const READ_MS = 10_000;
const SILENCE_MS = 2_000;

/**
 * The log in EventStoreDB or KurrentDB (docs/decisions/0008). @throws PortError `unavailable` when it does not answer, `invalid` when
 * it is older than 23.10, its URL cannot be read, or it does not know the user there.
 */
export async function openEventStoreDb(options: EventStoreDbOptions): Promise<EventStore & { readonly queuedBytes: number }> {
  const connection = connectionTo(options.url);
  try {
    await checkVersion(connection.client, options.readMs ?? READ_MS);
    const store = new EventStoreDb(connection, options);
    await store.head().catch((error: unknown) => {
      throw error instanceof PortError && error.code === 'log_read_denied' ? strangers() : error;
    });
    return store;
  } catch (error) {
    await connection.release();
    throw error;
  }
}

const strangers = (): PortError =>
  new PortError(
    'invalid',
    'event_store_denied',
    'the event store does not let us read: see that the user and password in EVENT_STORE_URL are right, and that this user may read $all',
  );

class EventStoreDb implements EventStore {
  readonly #connection: Connection;
  readonly #options: EventStoreDbOptions;
  readonly #limits: PageLimits;
  readonly #names: StreamNames;
  readonly #reads: Reads;
  readonly #appends: Appends;
  readonly #closed = new AbortController();

  constructor(connection: Connection, options: EventStoreDbOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#limits = { ...PAGE, ...options.page };
    this.#names = new StreamNames(options.prefix);
    this.#reads = new Reads(connection.client, this.#names, options.readMs ?? READ_MS);
    this.#appends = new Appends(connection.client, this.#names, { ...APPEND, ...options.append }, options.observer ?? {});
  }

  get queuedBytes(): number {
    return this.#appends.queuedBytes;
  }

  async append(stream: StreamName, at: ExpectedRevision, events: readonly EncodedEvent[]): Promise<Appended> {
    return appendedOf(await this.#write({ stream, at, events }));
  }

  appendMany(writes: readonly Write[]): Promise<readonly WriteOutcome[]> {
    return Promise.all(writes.map((write) => this.#write(write)));
  }

  async readStream(stream: StreamName, how: ReadStream = {}): Promise<readonly StoredEvent[]> {
    checkStreams([stream]);
    return this.#reads.stream(stream, rangeOf(how));
  }

  async readStreams(streams: readonly StreamName[]): Promise<ReadonlyMap<StreamName, readonly StoredEvent[]>> {
    checkStreams(streams);
    return this.#reads.streams(streams, rangeOf({}));
  }

  async readAll(after: Position | 'start', filter: Filter, limit: number): Promise<FeedBatch> {
    checkCount(limit);
    return this.#reads.page(after, filter, { ...this.#limits, events: Math.min(limit, MAX_REVISION) });
  }

  subscribe(after: Position | 'start', filter: Filter, signal: AbortSignal): AsyncIterable<FeedBatch> {
    const options = {
      client: this.#connection.client,
      names: this.#names,
      reads: this.#reads,
      limits: this.#limits,
      silenceMs: this.#options.silenceMs ?? SILENCE_MS,
      onFailure: (code: string) => this.#options.observer?.onFeedFailure?.({ code }),
    };
    return subscription(options, after, filter, AbortSignal.any([signal, this.#closed.signal]));
  }

  head(): Promise<Position | 'start'> {
    return this.#reads.head();
  }

  /** Settles what was accepted, within the appends' deadline; ends every subscription. */
  async close(): Promise<void> {
    this.#closed.abort();
    await this.#appends.close();
    await this.#connection.release();
  }

  #write(write: Write): Promise<WriteOutcome> {
    const error = refusalOf(write);
    return error ? Promise.resolve(failed(error)) : this.#appends.append(write);
  }
}
