/**
 * What a failed call of `log.append_to_disk` says about its append. `refused`: not written, and would not be again (SQLSTATE class 22, data, and
 * 54001, nested too deep; 54000 is also said when the queue of NOTIFY is full, which is found out after the first commit); `notWritten`: others
 * held the log (55P03), try again; `open`: no answer, or one that may have come after the commit.
 */
export type Failure = 'refused' | 'notWritten' | 'open';

export function failureOf(error: unknown): Failure {
  const code = codeOf(error);
  if (/^22[0-9A-Z]{3}$/.test(code) || code === '54001') return 'refused';
  return code === '55P03' ? 'notWritten' : 'open';
}

/**
 * SQLSTATE or the system's code, for messages and metrics. Never the driver's own text, nor its error as a cause: both
 * quote what was sent.
 */
export function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return 'connection_lost';
}
