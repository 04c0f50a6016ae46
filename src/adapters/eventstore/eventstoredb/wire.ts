import type { AllStreamRecordedEvent, EventData, RecordedEvent } from '@eventstore/db-client';
import { PortError } from '../../../domain/kernel/portError.ts';
import type { Position, StreamName } from '../../../domain/values/ids.ts';
import { beyondHead, notJson } from '../checks.ts';
import { passing } from '../filter.ts';
import type { EncodedEvent, Filter, StoredEvent } from '../port.ts';
import type { StreamNames } from './names.ts';

/** A position of the server's log, in bytes from its beginning; of what is appended over gRPC, commit and prepare are the same. */
type LogPosition = { readonly commit: bigint; readonly prepare: bigint };

const DIGITS = 20;
const POSITION = /^\d{20}$/;
/** The port's "start" as a position: before the first event, which the server has written for itself. */
export const ORIGIN = '0'.repeat(DIGITS) as Position;

/** Of fixed width, so that they sort bytewise. */
export const positionOf = (commit: bigint): Position => String(commit).padStart(DIGITS, '0') as Position;

/** `start` for the port's start and for ORIGIN. @throws PortError `invalid` for what is no position of this store. */
export function placeOf(position: Position | 'start'): LogPosition | 'start' {
  if (position === 'start' || position === ORIGIN) return 'start';
  if (!POSITION.test(position)) throw new PortError('invalid', 'bad_position', 'this is no position of this store');
  const commit = BigInt(position);
  // The server has signed 64 bits for it.
  if (commit >= 2n ** 63n) throw beyondHead();
  return { commit, prepare: commit };
}

/** ASCII's record separator, which no JSON text holds (RFC 7464). */
const RS = '\u001e';

/**
 * As the server shows and projects it: JSON in both places. A text that would not come back from the client as it is (it parses and writes
 * anew) goes verbatim instead, as a sequence of two JSON texts (RFC 7464): the metadata and the data.
 * @throws PortError `invalid`, `append_not_json`.
 */
export function toWire({ id, type, data, metadata }: EncodedEvent): EventData {
  const parsed = [data, metadata].map(jsonOf);
  if (JSON.stringify(parsed[0]) === data && JSON.stringify(parsed[1]) === metadata && isObject(parsed[1])) {
    return { id, type, contentType: 'application/json', data: parsed[0], metadata: parsed[1] } as EventData;
  }
  const bytes = Buffer.from(`${RS}${metadata}\n${RS}${data}\n`);
  return {
    id,
    type,
    contentType: 'application/octet-stream',
    data: new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length),
  } as EventData;
}

/** Only an object is taken for metadata by everything that reads it, and an empty one is not sent at all. */
const isObject = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0;

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw notJson();
  }
}

export type Recorded = RecordedEvent | AllStreamRecordedEvent;

export function fromWire(event: Recorded, stream: StreamName): StoredEvent {
  const { id, type, revision, position } = event;
  const texts = event.isJson ? { data: JSON.stringify(event.data), metadata: JSON.stringify(event.metadata ?? {}) } : textsOf(event.data);
  const commit = position?.commit ?? 0n;
  return { id, type, ...texts, stream, revision: Number(revision), position: positionOf(commit) };
}

/** What somebody else has written to the same server may be anything: it is for the codec to say that it cannot read it. */
function textsOf(data: unknown): Pick<StoredEvent, 'data' | 'metadata'> {
  const text = data instanceof Uint8Array ? Buffer.from(data.buffer, data.byteOffset, data.length).toString('utf8') : '';
  const [before, metadata, own] = text.split(RS);
  if (before !== '' || metadata === undefined || own === undefined) return { data: JSON.stringify(text), metadata: '{}' };
  return { metadata: metadata.slice(0, -1), data: own.slice(0, -1) };
}

/** Of all that the server holds, what is ours and passes: not the marks of what was deleted, whose types begin with a dollar sign. */
export function taking(names: StreamNames, filter: Filter): (event: Recorded) => StoredEvent | undefined {
  const passes = passing(filter);
  return (event) => {
    const stream = event.type.startsWith('$') ? undefined : names.ours(event.streamId);
    return stream !== undefined && passes({ stream, type: event.type }) ? fromWire(event, stream) : undefined;
  };
}
