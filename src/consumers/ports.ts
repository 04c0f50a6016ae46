import type { Recorded } from '../domain/kernel/metadata.ts';
import type { Position } from '../domain/values/ids.ts';

/** An event that cannot be read (unknown type or version, a schema it fails) is handed on as such, to be parked. */
export type Unreadable = Omit<Recorded, 'event'> & { readonly unreadable: { readonly type: string; readonly code: string } };
export type FeedBatch = { readonly events: readonly (Recorded | Unreadable)[]; readonly upTo: Position; readonly caughtUp: boolean };
export type Filter = { readonly nouns?: readonly string[]; readonly types?: readonly string[] };

/** The log as consumers read it: decoded once, personal fields sealed. */
export interface EventFeed {
  subscribe(after: Position | 'start', filter: Filter, signal: AbortSignal): AsyncIterable<FeedBatch>;
  readAll(after: Position | 'start', filter: Filter, limit: number): Promise<FeedBatch>;
  head(): Promise<Position | 'start'>;
}

/** What a consumer writes with, inside the transaction that moves its checkpoint. */
export interface Transaction {
  /** A named statement is prepared once per connection. Rows come as plain objects. */
  query<Row extends object = object>(statement: {
    readonly name?: string;
    readonly text: string;
    readonly values?: readonly unknown[];
  }): Promise<readonly Row[]>;
}

/** The database of read models, as the worker's role. */
export interface Database extends Transaction {
  /**
   * Everything or nothing, on the primary, read committed. `idleMs`: a consumer's batch; the server ends a session that stands still that long
   * inside the transaction, so that a frozen process does not keep its row locks, and finds rows by their keys whatever it thinks of a table. @throws PortError `unavailable` (also for deadlocks), `invalid`.
   */
  transaction<T>(work: (tx: Transaction) => Promise<T>, limits?: { readonly idleMs?: number }): Promise<T>;
  /**
   * Payloads of NOTIFY on the channel, until the returned function is called. After a gap (a lost connection) `heard` is called
   * without a payload: something may have been missed.
   */
  listen(channel: string, heard: (payload: string | undefined) => void): Promise<() => Promise<void>>;
  /**
   * The key of an advisory lock that this process has for as long as it is connected: others see that it is gone by having that lock
   * themselves. Undefined while it is not connected.
   */
  presence(): string | undefined;
}

/** The same database as the owner of the schema: makes and drops the tables of projections. */
export type Owner = Pick<Database, 'transaction'>;

/** Timers and elapsed time come in from outside, so that a test can hold them. */
export interface Time {
  /** Milliseconds since the epoch. */
  epochMs(): number;
  /** Runs once after so many ms; the returned function cancels. */
  after(ms: number, run: () => void): () => void;
}

/**
 * Events → a read model. Folds the batch in memory, then writes one statement per table. Never rejects, never reads another
 * projection, never calls the network; applying an event twice changes nothing. Its tables end in a suffix (`_v1`, `_v2`, …): a
 * rebuild fills the next one beside the live one and is swapped in (docs/architecture.md).
 */
export interface Projection {
  readonly name: string;
  /** Of the code: when it differs from what the live tables were built with, a rebuild is due. */
  readonly version: number;
  readonly nouns: readonly string[];
  /** Absent: every type of these nouns. */
  readonly types?: readonly string[];
  /** A facts stream's parked event cannot be skipped (docs/architecture.md). */
  readonly facts: boolean;
  /** The SQL that makes its tables, indexes, row-level security (`tidings_protect`) and grants; run by the owner. */
  readonly schema: (suffix: string) => string;
  /** Names of its tables without suffix. */
  readonly tables: readonly string[];
  /** Its tables have no suffix and come from a migration: a rebuild empties them and starts again. */
  readonly inPlace?: boolean;
  /** Nobody acts on its rows unasked, so that under load it takes in more at a time; whoever waits for a position is served at once. */
  readonly unhurried?: boolean;
  readonly apply: (events: readonly Recorded[], tx: Transaction, suffix: string) => Promise<void>;
}

/** An event that a projection could not take in, and set aside with what follows it in its stream. */
export type ParkedEvent = {
  /** Of the tables that lack it: the live ones, or new ones that are being filled. */
  readonly suffix: string;
  readonly id: string;
  readonly position: string;
  readonly stream: string;
  readonly error: string;
  readonly tries: number;
  readonly wish: 'retry' | 'skip' | null;
  readonly parkedAt: string;
};

/** Which suffix a projection's queries read: cached, renewed by NOTIFY; the tables it replaced stay a while for those still reading. */
export interface LiveTables {
  /** @throws PortError `unavailable`, `projection_not_ready` before its tables were made and have been at the head once. */
  suffixOf(projection: string): Promise<string>;
}
