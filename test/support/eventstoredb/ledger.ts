import {
  metastreamOf,
  originalOf,
  softDeletion,
  tombstoneType,
  UNDELETED_FROM,
  visibleEvents,
  type StreamMetadata,
} from './streamRules.ts';

/** What a client sends: ids as sent, data and metadata as bytes. */
export type ProposedEvent = {
  readonly id: string;
  readonly type: string;
  readonly contentType: string;
  readonly data: Uint8Array;
  readonly metadata: Uint8Array;
};
/** `position`: commit and prepare in one, as they are always equal. `created`: ms since 1970. */
export type RecordedEvent = ProposedEvent & {
  readonly stream: string;
  readonly revision: bigint;
  readonly position: bigint;
  readonly created: number;
};

export type Expected = bigint | 'any' | 'no_stream' | 'stream_exists';

/**
 * `revision` is -1 where nothing was written and nothing is there; `position` is that of the last event of the write. `repeat`: it had been
 * written before.
 */
export type Outcome =
  | { readonly kind: 'success'; readonly revision: bigint; readonly position: bigint | undefined; readonly repeat: boolean }
  | { readonly kind: 'wrong'; readonly current: bigint }
  | { readonly kind: 'deleted' };

/** What a read of one stream finds. */
export type StreamView =
  | { readonly kind: 'found'; readonly events: readonly RecordedEvent[]; readonly last: bigint }
  | { readonly kind: 'missing' }
  | { readonly kind: 'deleted'; readonly tombstone: RecordedEvent };

type Stream = { readonly events: RecordedEvent[]; readonly ids: Map<string, RecordedEvent>; tombstone: RecordedEvent | undefined };

/** Where the first record of a log lies, and what a record takes besides what it holds: positions look like offsets in a file. */
const FIRST_POSITION = 1_246n;
const RECORD_BYTES = 151;
const TOMBSTONE_REVISION = 9_223_372_036_854_775_807n;

export type Ledger = ReturnType<typeof createLedger>;

/**
 * The log behind the double. Not the memory adapter: that one refuses what a server accepts (any revision, bytes that are no JSON, system
 * streams), counts its positions one by one and deletes nothing.
 */
export function createLedger() {
  const all: RecordedEvent[] = [];
  const streams = new Map<string, Stream>();
  const waiting = new Set<() => void>();
  let end = FIRST_POSITION;

  const streamOf = (name: string): Stream => {
    const known = streams.get(name);
    if (known) return known;
    const made: Stream = { events: [], ids: new Map(), tombstone: undefined };
    streams.set(name, made);
    return made;
  };

  const metadataOf = (name: string): StreamMetadata => {
    const last = streams.get(metastreamOf(name))?.events.at(-1);
    return last === undefined ? {} : parsedMetadata(last.data);
  };

  const record = (name: string, event: ProposedEvent, revision: bigint): RecordedEvent => {
    const recorded = Object.freeze({ ...event, stream: name, revision, position: end, created: Date.now() });
    end += BigInt(RECORD_BYTES + Buffer.byteLength(name) + Buffer.byteLength(event.type) + event.data.length + event.metadata.length);
    all.push(recorded);
    return recorded;
  };

  const write = (name: string, events: readonly ProposedEvent[]): RecordedEvent | undefined => {
    const stream = streamOf(name);
    for (const event of events) {
      const recorded = record(name, event, BigInt(stream.events.length));
      stream.events.push(recorded);
      stream.ids.set(event.id, recorded);
    }
    return stream.events.at(-1);
  };

  const writeMetadata = (name: string, metadata: StreamMetadata): RecordedEvent | undefined =>
    write(metastreamOf(name), [metadataEvent(metadata)]);

  const grown = (): void => {
    for (const wake of [...waiting]) wake();
  };

  /** The same ids at the place where the first writing of this would have put them. */
  const repeated = (stream: Stream, first: number, events: readonly ProposedEvent[]): RecordedEvent | 'other' | 'partly' => {
    const unequal = events.findIndex((event, index) => stream.events[first + index]?.id !== event.id);
    if (unequal === 0 || events.length === 0) return 'other';
    return unequal === -1 ? stream.events[first + events.length - 1]! : 'partly';
  };

  const judgeAny = (stream: Stream, events: readonly ProposedEvent[]): 'write' | Outcome => {
    const known = events.map(({ id }) => stream.ids.get(id));
    if (known[0] === undefined) return 'write';
    const last = known.at(-1);
    if (last === undefined || known.includes(undefined)) return { kind: 'wrong', current: currentOf(stream) };
    return repeatOf(last);
  };

  const judge = (name: string, expected: Expected, events: readonly ProposedEvent[]): 'write' | Outcome => {
    const stream = streams.get(name);
    if (stream?.tombstone ?? streams.get(originalOf(name))?.tombstone) return { kind: 'deleted' };
    const current = currentOf(stream);
    const wrong: Outcome = { kind: 'wrong', current };
    const deleted = softDeletion(metadataOf(name));
    if (expected === 'stream_exists' && (current === -1n || deleted)) return wrong;
    if (expected === 'any' || expected === 'stream_exists') return stream === undefined ? 'write' : judgeAny(stream, events);
    const at = expected === 'no_stream' ? -1n : expected;
    if (at === current) return 'write';
    if (at > current || stream === undefined) return wrong;
    const found = repeated(stream, Number(at) + 1, events);
    if (typeof found !== 'string') return repeatOf(found);
    return found === 'other' && deleted && expected === 'no_stream' ? 'write' : wrong;
  };

  return {
    /** Every record in the order of the log. */
    all: all as readonly RecordedEvent[],
    /** Where the next record will lie. */
    end: (): bigint => end,

    /** All or nothing, judged as the server does: repeats by event id at the place of the first writing. */
    append: (name: string, expected: Expected, events: readonly ProposedEvent[]): Outcome => {
      const verdict = judge(name, expected, events);
      if (verdict !== 'write') return verdict;
      const metadata = metadataOf(name);
      const next = BigInt(streams.get(name)?.events.length ?? 0);
      if (events.length === 0) return { kind: 'success', revision: next - 1n, position: undefined, repeat: false };
      // What was deleted softly comes back with the numbering going on: reads begin at the first event after.
      if (softDeletion(metadata)) writeMetadata(name, { ...metadata, $tb: UNDELETED_FROM(next) });
      const last = write(name, events);
      grown();
      return { kind: 'success', revision: last?.revision ?? -1n, position: last?.position, repeat: false };
    },

    /** Soft: by metadata, so that the stream can be written again. */
    softDelete: (name: string, expected: Expected): Outcome => {
      const verdict = judge(name, expected, []);
      if (verdict !== 'write') return verdict;
      const written = writeMetadata(name, { ...metadataOf(name), $tb: Number(TOMBSTONE_REVISION) });
      grown();
      return { kind: 'success', revision: written?.revision ?? -1n, position: written?.position, repeat: false };
    },

    /** Hard: the name can never be written again. */
    tombstone: (name: string, expected: Expected): Outcome => {
      const verdict = judge(name, expected, []);
      if (verdict !== 'write') return verdict;
      const stream = streamOf(name);
      stream.tombstone = record(name, tombstoneEvent(), TOMBSTONE_REVISION);
      grown();
      return { kind: 'success', revision: TOMBSTONE_REVISION, position: stream.tombstone.position, repeat: false };
    },

    view: (name: string): StreamView => {
      const stream = streams.get(name);
      if (stream?.tombstone) return { kind: 'deleted', tombstone: stream.tombstone };
      const metadata = metadataOf(name);
      if (stream === undefined || stream.events.length === 0 || softDeletion(metadata)) return { kind: 'missing' };
      return { kind: 'found', events: visibleEvents(stream.events, metadata, Date.now()), last: currentOf(stream) };
    },

    /** Every record of a stream, also those that its metadata hides; its tombstone comes last. */
    recordsOf: (name: string): readonly RecordedEvent[] => {
      const { events, tombstone } = streamOf(name);
      return tombstone === undefined ? events : [...events, tombstone];
    },

    /** Calls back whenever something was written, until the returned function is called. */
    onGrowth: (wake: () => void): (() => void) => {
      waiting.add(wake);
      return () => waiting.delete(wake);
    },

    /** Forgets its last records, as a restored backup does; what is written next lies where they lay. */
    loseEnd: (records: number): void => {
      for (let left = Math.min(records, all.length); left > 0; left -= 1) {
        const lost = all.pop()!;
        const stream = streamOf(lost.stream);
        if (stream.tombstone === lost) stream.tombstone = undefined;
        else stream.events.pop();
        if (stream.ids.get(lost.id) === lost) stream.ids.delete(lost.id);
        end = lost.position;
      }
    },
  };
}

const repeatOf = ({ revision, position }: RecordedEvent): Outcome => ({ kind: 'success', revision, position, repeat: true });

const currentOf = (stream: Stream | undefined): bigint => BigInt(stream?.events.length ?? 0) - 1n;

const jsonEvent = (type: string, data: object): ProposedEvent => ({
  id: crypto.randomUUID(),
  type,
  contentType: 'application/json',
  data: Buffer.from(JSON.stringify(data)),
  metadata: new Uint8Array(),
});

const metadataEvent = (metadata: StreamMetadata): ProposedEvent => jsonEvent('$metadata', metadata);
const tombstoneEvent = (): ProposedEvent => ({ ...jsonEvent(tombstoneType, {}), data: new Uint8Array() });

function parsedMetadata(data: Uint8Array): StreamMetadata {
  try {
    return JSON.parse(Buffer.from(data).toString('utf8')) as StreamMetadata;
  } catch {
    return {};
  }
}
