type ServerError = Error & { readonly severity: string; readonly code: string };

const isServerError = (error: unknown): error is ServerError =>
  error instanceof Error && 'severity' in error && 'code' in error && typeof error.code === 'string';

/**
 * What a failed call says about its transaction. `refused`: rolled back, and would be again (SQLSTATE classes 22, data, and 54,
 * limits); `rolledBack`: nothing was written, try again; `open`: no answer, or the session ended, perhaps after its commit.
 */
export type Failure = 'refused' | 'rolledBack' | 'open';

export function failureOf(error: unknown): Failure {
  if (!isServerError(error) || error.severity !== 'ERROR') return 'open';
  return error.code.startsWith('22') || error.code.startsWith('54') ? 'refused' : 'rolledBack';
}

/**
 * SQLSTATE or the system's code, for messages and metrics. Never the driver's own text, nor its error as a cause: both
 * quote what was sent.
 */
export function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return 'connection_lost';
}
