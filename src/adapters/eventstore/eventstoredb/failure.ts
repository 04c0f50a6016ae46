import { PortError } from '../../../domain/kernel/portError.ts';
import type { ExpectedRevision, WriteOutcome } from '../port.ts';

/** Of gRPC. */
const UNKNOWN = 2;

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

/** The server says of a position only that something was wrong; what a connection ends with has other numbers and the same name. */
export const isRefusedPlace = (error: unknown): boolean =>
  codeOf(error) === 'unknown' && typeof error === 'object' && error !== null && 'code' in error && error.code === UNKNOWN;

/**
 * What a rejected append means. `undefined`: nothing for certain. Whatever ends the stream that all appends share (another leader, a missing
 * right, a lost connection) rejects every one of them, also those that were written.
 */
export function verdictOf(error: unknown): WriteOutcome | undefined {
  const refused = (code: string, message: string): WriteOutcome => ({
    ok: false,
    conflict: false,
    error: new PortError('invalid', code, message),
  });
  switch (codeOf(error)) {
    case 'wrong_expected_version':
      return { ok: false, conflict: true, actual: actualOf(error) };
    case 'maximum_append_size_exceeded':
      return refused('append_too_large', 'the event store takes no append of this size');
    case 'stream_deleted':
      return refused('stream_deleted', 'the stream was deleted for good');
    default:
      return undefined;
  }
}

function actualOf(error: unknown): ExpectedRevision {
  const actual = typeof error === 'object' && error !== null && 'actualVersion' in error ? error.actualVersion : undefined;
  return typeof actual === 'bigint' ? Number(actual) : 'absent';
}

export const readFailed = (error: unknown): PortError =>
  error instanceof PortError
    ? error
    : new PortError('unavailable', 'log_read_failed', `the event store could not be read (${codeOf(error)})`);
