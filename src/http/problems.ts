import { isRejection } from '../domain/kernel/rejection.ts';
import type { Rejection } from '../domain/kernel/rejection.ts';

/** A member of the input that is wrong: `path` is a JSON Pointer (RFC 6901) into the body, or the parameter's name after a slash. */
export type InvalidMember = { readonly path: string; readonly message: string };

/** A refusal with what HTTP adds to it. */
export type Refusal = Rejection & {
  readonly errors?: readonly InvalidMember[];
  /** Further members of the problem (RFC 9457 §3.2), like the verdicts per recipient. */
  readonly more?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
};

/**
 * The one table of problems: code → status and title. A code is a promise; its status may only be made more precise.
 * `test/http/problems.test.ts` finds every code that a decider or a command can answer and fails if it is missing here.
 */
export const PROBLEMS = {
  // The request itself
  malformed_json: [400, 'The body is not well-formed JSON'],
  malformed_request: [400, 'The request is malformed'],
  invalid_query: [400, 'A parameter is not valid'],
  invalid_cursor: [400, 'The cursor does not belong to this list'],
  invalid_position: [400, 'This is no position'],
  invalid_idempotency_key: [400, 'The Idempotency-Key is not valid'],
  invalid_if_match: [400, 'The If-Match field is not valid'],
  unauthenticated: [401, 'Credentials are missing or not valid'],
  missing_scope: [403, 'The credentials lack a scope'],
  forbidden: [403, 'Not allowed'],
  not_found: [404, 'There is no such thing'],
  method_not_allowed: [405, 'The method does not apply here'],
  request_timeout: [408, 'The request did not arrive in time'],
  precondition_failed: [412, 'It has changed in the meantime'],
  body_too_large: [413, 'The body is too large'],
  append_too_large: [413, 'The request is too large to be recorded'],
  unsupported_media_type: [415, 'The content type is not supported'],
  validation_failed: [422, 'The body is not valid'],
  idempotency_key_reused: [422, 'The Idempotency-Key was used for another request'],
  headers_too_large: [431, 'The header fields are too large'],
  // The service's state
  internal_error: [500, 'Something went wrong on our side'],
  unavailable: [503, 'Not available at the moment'],
  overloaded: [503, 'Too much is going on at the moment'],
  not_caught_up: [503, 'The read model is not there yet'],
  shutting_down: [503, 'The service is shutting down'],
} as const satisfies Readonly<Record<string, readonly [status: number, title: string]>>;

const entries = new Map<string, readonly [number, string]>(Object.entries(PROBLEMS));

/** A code that is missing in the table is a plain refusal: valid, and not to be done. */
const entryOf = (code: string): readonly [number, string] => entries.get(code) ?? [422, `Refused: ${code.replaceAll('_', ' ')}`];

export const statusOf = (code: string): number => entryOf(code)[0];

/** RFC 9457, with `code`, `requestId` and, for bad input, `errors`. */
export type Problem = {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly requestId: string;
  readonly errors?: readonly InvalidMember[];
};

export function problemOf(refusal: Refusal, requestId: string): Problem {
  const [status, title] = entryOf(refusal.rejected);
  const errors = refusal.errors ?? (refusal.path === undefined ? undefined : [{ path: refusal.path, message: refusal.detail }]);
  return {
    ...refusal.more,
    type: `urn:tidings:problem:${refusal.rejected}`,
    title,
    status,
    detail: refusal.detail,
    code: refusal.rejected,
    requestId,
    ...(errors === undefined ? {} : { errors }),
  };
}

/** `detail` says what to do next. */
export const refuse = (code: keyof typeof PROBLEMS, detail: string, more: Omit<Refusal, 'rejected' | 'detail'> = {}): Refusal => ({
  ...more,
  rejected: code,
  detail,
});

export const isRefusal = (it: object): it is Refusal => isRejection(it);

/** Thrown where a body or a stream is read, far below the handler that would return it; the server turns it into its problem. */
export class Refused extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.detail);
    this.name = 'Refused';
    this.refusal = refusal;
  }
}
