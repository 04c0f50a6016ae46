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
  query<Row extends object = object>(statement: { readonly name?: string; readonly text: string; readonly values?: readonly unknown[] }): Promise<readonly Row[]>;
}

/**
 * Events → a read model. Folds the batch in memory, then writes one statement per table. Never rejects, never reads another
 * projection, never calls the network; applying an event twice changes nothing. Its tables are `<name>_v<version>`; during a
 * rebuild `tables(n)` of the version being built are filled beside the live ones.
 */
export interface Projection {
  readonly name: string;
  readonly version: number;
  readonly nouns: readonly string[];
  /** Absent: every type of these nouns. */
  readonly types?: readonly string[];
  /** A facts stream's parked event cannot be skipped (mechanics.md §4). */
  readonly facts: boolean;
  /** The SQL that makes the tables of this version if they are not there, with row-level security; idempotent. */
  readonly schema: string;
  /** Names of its tables, for truncation and dropping. */
  readonly tables: readonly string[];
  readonly apply: (events: readonly Recorded[], tx: Transaction) => Promise<void>;
}
