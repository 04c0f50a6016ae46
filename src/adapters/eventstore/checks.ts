import { PortError } from '../../domain/kernel/portError.ts';
import type { StreamName } from '../../domain/values/ids.ts';
import type { Appended, EncodedEvent, ReadStream, Write, WriteOutcome } from './port.ts';

/** Bytes of one append, encoded: id, type, data and metadata of all its events in UTF-8. */
const MAX_APPEND_BYTES = 900_000;
const MAX_NAME_BYTES = 1_024;
export const MAX_REVISION = 2_147_483_646;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** A NUL cannot be stored as text, and a lone surrogate cannot be encoded: either would come back as something else. */
const isStorable = (text: string): boolean => text.isWellFormed() && !text.includes('\0');

const invalid = (code: string, message: string): PortError => new PortError('invalid', code, message);

export const bytesOfEvent = (event: EncodedEvent): number =>
  event.id.length + Buffer.byteLength(event.type) + Buffer.byteLength(event.data) + Buffer.byteLength(event.metadata);

const isName = (text: string): boolean => text !== '' && Buffer.byteLength(text) <= MAX_NAME_BYTES && isStorable(text);

/** What every store refuses before it sends anything: nothing here depends on what is stored. */
export function refusalOf(write: Write): PortError | undefined {
  if (!isName(write.stream)) return invalid('bad_stream', 'a stream name is 1 to 1024 bytes of well-formed text');
  if (write.at !== 'absent' && !(Number.isInteger(write.at) && write.at >= 0 && write.at <= MAX_REVISION)) {
    return invalid('bad_revision', 'the expected revision is "absent" or a whole number from 0');
  }
  if (write.events.length === 0) return invalid('append_empty', 'an append holds at least one event');
  let bytes = 0;
  for (const event of write.events) {
    const refusal = refusalOfEvent(event);
    if (refusal) return refusal;
    bytes += bytesOfEvent(event);
  }
  return bytes > MAX_APPEND_BYTES
    ? invalid('append_too_large', `an append holds at most ${MAX_APPEND_BYTES} bytes, this one ${bytes}`)
    : undefined;
}

function refusalOfEvent(event: EncodedEvent): PortError | undefined {
  if (!UUID.test(event.id)) return invalid('bad_event_id', 'an event id is a lower-case UUID');
  if (!isName(event.type)) return invalid('bad_event_type', 'an event type is 1 to 1024 bytes of well-formed text');
  if (!isStorable(event.data) || !isStorable(event.metadata)) return notJson();
  return undefined;
}

export const notJson = (): PortError => invalid('append_not_json', 'data and metadata are JSON text');

export function checkStreams(streams: readonly StreamName[]): void {
  if (!streams.every(isName)) throw invalid('bad_stream', 'a stream name is 1 to 1024 bytes of well-formed text');
}

export function checkCount(count: number): void {
  if (!Number.isInteger(count) || count < 0) throw invalid('bad_count', 'a revision or limit is a whole number from 0');
}

export type Range = { readonly from: number | 'end'; readonly backwards: boolean; readonly limit: number };

/** What a read asks for, with nothing left out. `limit` is at most what an int4 holds. */
export function rangeOf({ direction = 'forwards', from, limit = MAX_REVISION }: ReadStream): Range {
  const backwards = direction === 'backwards';
  const start = from ?? (backwards ? 'end' : 0);
  if (start !== 'end') checkCount(start);
  checkCount(limit);
  return { from: start === 'end' ? start : Math.min(start, MAX_REVISION), backwards, limit: Math.min(limit, MAX_REVISION) };
}

export const beyondHead = (): PortError =>
  invalid('position_beyond_head', 'the position lies beyond the end of the log: was the log restored from a backup?');

export const storeClosed = (): PortError => new PortError('unavailable', 'store_closed', 'the event store is closed');

export const failed = (error: PortError): WriteOutcome => ({ ok: false, conflict: false, error });

/** Of a single append what is no success is thrown. */
export function appendedOf(outcome: WriteOutcome): Appended {
  if (outcome.ok) return outcome;
  throw outcome.conflict
    ? new PortError('conflict', 'wrong_expected_revision', 'the stream has another revision', { actual: outcome.actual })
    : outcome.error;
}
