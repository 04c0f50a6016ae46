import { PortError } from '../../../domain/kernel/portError.ts';
import { failed } from '../checks.ts';
import type { ExpectedRevision, WriteOutcome } from '../port.ts';

/** Of gRPC: no right to this, and not known who asks. */
const [PERMISSION_DENIED, UNAUTHENTICATED] = [7, 16];

/** The client's `type` of an error, or the number of a gRPC status; never its text, which may quote what was sent. */
export function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return 'unknown';
  if ('type' in error && typeof error.type === 'string') return error.type.replaceAll('-', '_');
  if ('code' in error && typeof error.code === 'number') return `grpc_${String(error.code)}`;
  if ('code' in error && typeof error.code === 'string') return error.code.toLowerCase();
  return 'unknown';
}

export const isMissingStream = (error: unknown): boolean => codeOf(error) === 'stream_not_found';
/** The client has been told who leads, and connects there next. */
export const isNotLeader = (error: unknown): boolean => codeOf(error) === 'not_leader';

/** What the server says of a position at which no event begins, and of much else: nothing definite. */
export const isUnknown = (error: unknown): boolean => codeOf(error) === 'unknown';

/** A user or password that is wrong, or a right that is missing. */
export const isDenied = (error: unknown): boolean =>
  codeOf(error) === 'access_denied' || statusOf(error) === PERMISSION_DENIED || statusOf(error) === UNAUTHENTICATED;

/** Absent where it was no call that failed, but what the server said of one append among many on a call. */
export const statusOf = (error: unknown): unknown =>
  typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;

/** `isOpen`: an attempt before it may have been written. */
export const appendDenied = (isOpen: boolean): PortError =>
  isOpen
    ? new PortError('unavailable', 'append_open', 'the event store lets our user write no more; the events may have been written before')
    : new PortError(
        'unavailable',
        'append_denied',
        'the event store does not let our user write: this append wrote nothing; what an earlier one with these ids did is not known',
      );

/**
 * What a rejected append means. `undefined`: nothing for certain. Whatever ends the stream that all appends share (another leader, a lost
 * connection) rejects every one of them, also those that were written.
 */
export function verdictOf(error: unknown): WriteOutcome | undefined {
  switch (codeOf(error)) {
    case 'wrong_expected_version':
      return { ok: false, conflict: true, actual: actualOf(error) };
    case 'maximum_append_size_exceeded':
      return failed(new PortError('invalid', 'append_too_large', 'the event store takes no append of this size'));
    case 'stream_deleted':
      return failed(streamDeleted());
    default:
      return undefined;
  }
}

function actualOf(error: unknown): ExpectedRevision {
  const actual = typeof error === 'object' && error !== null && 'actualVersion' in error ? error.actualVersion : undefined;
  return typeof actual === 'bigint' ? Number(actual) : 'absent';
}

const streamDeleted = (): PortError => new PortError('invalid', 'stream_deleted', 'the stream was deleted for good');

/** A stream that was deleted for good stays so; whatever else a read fails with may pass, and it is for others to try again. */
export function readFailed(error: unknown): PortError {
  if (error instanceof PortError) return error;
  const code = codeOf(error);
  if (code === 'stream_deleted') return streamDeleted();
  if (isDenied(error)) return new PortError('unavailable', 'log_read_denied', 'the event store does not let our user read');
  return new PortError('unavailable', 'log_read_failed', `the event store could not be read (${code})`);
}
