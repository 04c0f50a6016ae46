import type { PortError } from '../../../domain/kernel/portError.ts';
import type { Position, StreamName } from '../../../domain/values/ids.ts';
import {
  appendedOf,
  beyondHead,
  bytesOfEvent,
  checkCount,
  checkStreams,
  failed,
  notJson,
  rangeOf,
  refusalOf,
  storeClosed,
} from '../checks.ts';
import { feed } from '../feed.ts';
import { passing } from '../filter.ts';
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
import { numberOf, positionOf } from '../positions.ts';

const PAGE_EVENTS = 500;
const PAGE_BYTES = 4_000_000;

/** A store in this process: for tests and deterministic simulation. Nothing in it waits for anything but its readers. */
export function memoryEventStore(): EventStore {
  return new MemoryEventStore();
}

class MemoryEventStore implements EventStore {
  readonly #log: StoredEvent[] = [];
  readonly #streams = new Map<StreamName, StoredEvent[]>();
  readonly #waiting = new Set<() => void>();
  readonly #closed = new AbortController();

  async append(stream: StreamName, at: ExpectedRevision, events: readonly EncodedEvent[]): Promise<Appended> {
    return appendedOf(this.#write({ stream, at, events }));
  }

  async appendMany(writes: readonly Write[]): Promise<readonly WriteOutcome[]> {
    return writes.map((write) => this.#write(write));
  }

  async readStream(stream: StreamName, how: ReadStream = {}): Promise<readonly StoredEvent[]> {
    checkStreams([stream]);
    const { from, backwards, limit } = rangeOf(how);
    const events = this.#streams.get(stream) ?? [];
    if (!backwards) return from === 'end' ? [] : events.slice(from, from + limit);
    const end = from === 'end' ? events.length : Math.min(from + 1, events.length);
    return events.slice(Math.max(0, end - limit), end).reverse();
  }

  async readStreams(streams: readonly StreamName[]): Promise<ReadonlyMap<StreamName, readonly StoredEvent[]>> {
    checkStreams(streams);
    return new Map(streams.map((stream) => [stream, [...(this.#streams.get(stream) ?? [])]]));
  }

  async readAll(after: Position | 'start', filter: Filter, limit: number): Promise<FeedBatch> {
    checkCount(limit);
    return this.#page(numberOf(after), filter, limit);
  }

  subscribe(after: Position | 'start', filter: Filter, signal: AbortSignal): AsyncIterable<FeedBatch> {
    const source = {
      origin: positionOf(0),
      page: async (cursor: Position): Promise<FeedBatch> => this.#page(numberOf(cursor), filter, PAGE_EVENTS),
      grown: (cursor: Position, stop: AbortSignal): Promise<void> => this.#grown(numberOf(cursor), stop),
    };
    return feed(source, after, AbortSignal.any([signal, this.#closed.signal]));
  }

  async head(): Promise<Position | 'start'> {
    return this.#log.length === 0 ? 'start' : positionOf(this.#log.length);
  }

  async close(): Promise<void> {
    this.#closed.abort();
  }

  #write(write: Write): WriteOutcome {
    const error = this.#closed.signal.aborted ? storeClosed() : (refusalOf(write) ?? refusalOfJson(write.events));
    return error ? failed(error) : this.#judge(write);
  }

  #judge(write: Write): WriteOutcome {
    const stored = this.#streams.get(write.stream) ?? [];
    const first = write.at === 'absent' ? 0 : write.at + 1;
    if (first === stored.length) this.#store(write, stored);
    const revision = first + write.events.length - 1;
    const last = stored[revision];
    if (last !== undefined && isRepeat(stored, first, write.events)) return { ok: true, revision, position: last.position };
    return { ok: false, conflict: true, actual: stored.length === 0 ? 'absent' : stored.length - 1 };
  }

  #store({ stream, events }: Write, stored: StoredEvent[]): void {
    for (const { id, type, data, metadata } of events) {
      const position = positionOf(this.#log.length + 1);
      const event = Object.freeze({ id, type, data, metadata, stream, revision: stored.length, position });
      stored.push(event);
      this.#log.push(event);
    }
    this.#streams.set(stream, stored);
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  #page(after: number, filter: Filter, limit: number): FeedBatch {
    if (after > this.#log.length) throw beyondHead();
    const passes = passing(filter);
    const events: StoredEvent[] = [];
    let at = after;
    let bytes = 0;
    while (events.length < limit && bytes < PAGE_BYTES) {
      const event = this.#log[at];
      if (event === undefined) break;
      at += 1;
      if (!passes(event)) continue;
      events.push(event);
      bytes += bytesOfEvent(event);
    }
    return { events, upTo: positionOf(at), caughtUp: at === this.#log.length };
  }

  #grown(after: number, signal: AbortSignal): Promise<void> {
    if (this.#log.length > after || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        signal.removeEventListener('abort', wake);
        this.#waiting.delete(wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }
}

const isRepeat = (stored: readonly StoredEvent[], first: number, events: readonly EncodedEvent[]): boolean =>
  events.every((event, index) => stored[first + index]?.id === event.id);

function refusalOfJson(events: readonly EncodedEvent[]): PortError | undefined {
  try {
    for (const event of events) {
      JSON.parse(event.data);
      JSON.parse(event.metadata);
    }
    return undefined;
  } catch {
    return notJson();
  }
}
