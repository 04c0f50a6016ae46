import { PortError } from '../../domain/kernel/portError.ts';

type Coded = { readonly code?: unknown };
const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && typeof (error as Coded).code === 'string' ? (error as { code: string }).code : '';

/** Five characters of SQLSTATE (ISO/IEC 9075), when Postgres itself answered. */
export const sqlStateOf = (error: unknown): string | undefined => (/^[0-9A-Z]{5}$/.test(codeOf(error)) ? codeOf(error) : undefined);

export const INSUFFICIENT_PRIVILEGE = '42501';

/** Connection exceptions, resources, shutdown, serialization failure, deadlock, lock or statement time-out: the same may work later. */
const LATER = /^(?:08...|53...|57P0[1-5]|57014|40001|40P01|55P03|25006)$/;
/** The database or a table is not there (yet): it was lost, and is being made anew. Nothing about what was asked is wrong. */
const MISSING = /^(?:3D000|42P01)$/;
const BROKEN = /^(?:ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN)/;
/** What `pg` says without a code. */
const DRIVER =
  /^(?:Connection terminated|Client has encountered a connection error|timeout exceeded when trying to connect|Query read timeout|Cannot use a pool after calling end)/;

/**
 * A driver's error in our words. Its text is left out, since Postgres quotes values in it; it stays as `cause`, which the logger does
 * not print either.
 */
export function toPortError(error: unknown): PortError {
  if (error instanceof PortError) return error;
  const state = sqlStateOf(error);
  if (state === undefined) {
    if (error instanceof Error && (BROKEN.test(codeOf(error)) || DRIVER.test(error.message)))
      return new PortError('unavailable', 'database_unreachable', 'the database cannot be reached', { cause: error });
    throw error;
  }
  const message = `the database answered SQLSTATE ${state}`;
  if (LATER.test(state)) return new PortError('unavailable', 'database_busy', message, { cause: error });
  if (MISSING.test(state)) return new PortError('unavailable', 'database_unprepared', message, { cause: error });
  if (state === '23505') return new PortError('conflict', 'unique_violation', message, { cause: error });
  return new PortError('invalid', 'database_refused', message, { cause: error });
}
