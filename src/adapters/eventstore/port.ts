import type { PortError } from '../../domain/kernel/portError.ts';
import type { Position, StreamName } from '../../domain/values/ids.ts';

/**
 * The event store port (docs/architecture.md): what the codec calls and each store adapter implements. Events are text here: the store
 * neither reads nor changes `data` and `metadata`. Every adapter passes `test/contract/eventStore.ts`.
 */
export type EncodedEvent = {
  /** Lower-case UUID, derived from the command's id and the event's index: a repeat carries the same. */
  readonly id: string;
  readonly type: string;
  /** JSON text, stored verbatim. */
  readonly data: string;
  /** JSON text, stored verbatim. */
  readonly metadata: string;
};

export type StoredEvent = EncodedEvent & {
  readonly stream: StreamName;
  /** From 0. */
  readonly revision: number;
  readonly position: Position;
};

/** `absent`: the stream must not exist; a number: the revision of its last event. "Any" does not exist. */
export type ExpectedRevision = number | 'absent';

export type Write = { readonly stream: StreamName; readonly at: ExpectedRevision; readonly events: readonly EncodedEvent[] };

/** `revision` and `position` are those of the last event of the write. */
export type Appended = { readonly ok: true; readonly revision: number; readonly position: Position };
/** `actual`: the stream's revision as the store saw it when it refused. */
export type Conflict = { readonly ok: false; readonly conflict: true; readonly actual: ExpectedRevision };
/** Refused before it was sent (too large, bad id) or given up with an open outcome (`retryable`). */
export type Failed = { readonly ok: false; readonly conflict: false; readonly error: PortError };
export type WriteOutcome = Appended | Conflict | Failed;

export type ReadStream = { readonly from?: number | 'end'; readonly direction?: 'forwards' | 'backwards'; readonly limit?: number };
/** An event passes when the noun of its stream is among `nouns` and its type among `types`; an absent list lets all pass. */
export type Filter = { readonly nouns?: readonly string[]; readonly types?: readonly string[] };

/**
 * A batch of a subscription. `upTo`: everything that matches up to this position has been delivered, also when `events` is empty;
 * `caughtUp`: at that moment nothing lay behind it.
 */
export type FeedBatch = { readonly events: readonly StoredEvent[]; readonly upTo: Position; readonly caughtUp: boolean };

export interface EventStore {
  /**
   * All events or none, at exactly this revision. A repeat with the same ids at the same expectation answers as the first time did,
   * also after later appends; so does a prefix of them. A partial overlap is a conflict. A repeat is looked for only there: an id that
   * the stream has already is written again at its current head. An open outcome is sent again until the answer is definite.
   * @throws PortError `conflict` (with `actual`); `invalid` (`append_too_large`, `append_empty`, `append_not_json`, `bad_event_id`, `stream_deleted`, …);
   * `unavailable`: `append_open` (it may have been written); this call wrote nothing, which of a repeat says nothing of the calls before it:
   * `append_not_written`, `append_denied`, `append_queue_full`, `store_closed`.
   */
  append(stream: StreamName, at: ExpectedRevision, events: readonly EncodedEvent[]): Promise<Appended>;
  /** Independent streams, one outcome each, in order; one that fails takes no neighbour with it. Never throws for one write. */
  appendMany(writes: readonly Write[]): Promise<readonly WriteOutcome[]>;
  /**
   * A missing stream is an empty list. Forwards from revision 0 unless told; backwards from the end. @throws PortError `invalid`,
   * `stream_deleted`: somebody deleted it for good, which is not missing, as nothing can be appended to it; `unavailable`.
   */
  readStream(stream: StreamName, how?: ReadStream): Promise<readonly StoredEvent[]>;
  /** Whole streams, in one go; a missing one is an empty list. @throws PortError as `readStream` does, for any of them. */
  readStreams(streams: readonly StreamName[]): Promise<ReadonlyMap<StreamName, readonly StoredEvent[]>>;
  /**
   * A page in global order, strictly after the position; `upTo` is how far the page looked, so paging never repeats. Where one has caught
   * up, all that any process had acknowledged before has been read; a subscription hears of it a moment later.
   */
  readAll(after: Position | 'start', filter: Filter, limit: number): Promise<FeedBatch>;
  /**
   * Live batches strictly after the position, until the signal aborts. The reader's pace bounds memory. Heals by itself when
   * connections go. @throws PortError `invalid` when `after` lies beyond the head (a restored backup).
   */
  subscribe(after: Position | 'start', filter: Filter, signal: AbortSignal): AsyncIterable<FeedBatch>;
  /** The position of the newest event; `start` in an empty store. */
  head(): Promise<Position | 'start'>;
  close(): Promise<void>;
}
