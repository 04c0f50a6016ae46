/**
 * What adapters throw. `unavailable`: try again later, the outcome may be open; `conflict`: another was first; `invalid`: refused,
 * and will be again. The message holds our own words, codes and ids only: a driver's text can quote personal data.
 */
export class PortError extends Error {
  readonly kind: 'unavailable' | 'conflict' | 'invalid';
  readonly retryable: boolean;
  /** Machine-readable, snake_case: `append_too_large`, `subject_erased`. */
  readonly code: string;
  /** On a conflict of an append: the actual revision. */
  readonly actual?: number | 'absent';

  constructor(
    kind: PortError['kind'],
    code: string,
    message: string,
    more: { readonly actual?: number | 'absent'; readonly cause?: unknown } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = 'PortError';
    this.kind = kind;
    this.code = code;
    this.retryable = kind === 'unavailable';
    if (more.actual !== undefined) this.actual = more.actual;
  }
}
