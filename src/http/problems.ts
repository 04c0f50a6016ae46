import { isRejection } from '../domain/kernel/rejection.ts';
import type { Rejection } from '../domain/kernel/rejection.ts';

/** A member of the input that is wrong: `path` is a JSON Pointer (RFC 6901) into the body, or the parameter's name after a slash. */
export type InvalidMember = { readonly path: string; readonly message: string };

/** A refusal with what HTTP adds to it. */
export interface Refusal extends Rejection {
  readonly errors?: readonly InvalidMember[];
  /** Further members of the problem (RFC 9457 §3.2), like the verdicts per recipient. */
  readonly more?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
}

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
  contended: [409, 'Others changed it at the same time'],
  precondition_failed: [412, 'It has changed in the meantime'],
  body_too_large: [413, 'The body is too large'],
  append_too_large: [413, 'The request is too large to be recorded'],
  unsupported_media_type: [415, 'The content type is not supported'],
  validation_failed: [422, 'The body is not valid'],
  idempotency_key_reused: [422, 'The Idempotency-Key was used for another request'],
  rate_limited: [429, 'Too many requests'],
  headers_too_large: [431, 'The header fields are too large'],
  // Tenants and keys
  tenant_exists: [409, 'There is such a tenant already'],
  tenant_not_found: [404, 'There is no such tenant'],
  scope_not_held: [403, 'A key creates keys only with scopes that it has itself'],
  key_already_expired: [422, 'The key would have expired already'],
  too_many_api_keys: [409, 'There are too many API keys'],
  api_key_not_found: [404, 'There is no such API key'],
  // Catalogue and templates
  category_required: [422, 'The type is not declared, so the request needs a category'],
  category_conflict: [422, 'The request asks for more than the catalogue allows'],
  category_not_found: [404, 'There is no such category'],
  category_class_fixed: [409, 'The class of a category stays as it is'],
  class_required: [422, 'A new category needs a class'],
  marketing_needs_opt_out: [422, 'People must be able to leave marketing'],
  catalogue_full: [409, 'The catalogue is full'],
  unknown_category: [422, 'The category is not declared'],
  type_not_found: [404, 'There is no such type'],
  invalid_schema: [422, 'This cannot be the schema of variables'],
  unknown_type: [422, 'The type is not declared'],
  content_required: [422, 'There is nothing to say'],
  unknown_template: [422, 'The template is not published'],
  template_not_found: [404, 'There is no such template'],
  template_invalid: [422, 'The template does not compile'],
  version_not_found: [422, 'There is no such version'],
  draft_changed: [409, 'The draft has changed in the meantime'],
  fallback_missing: [422, 'The fallback is no locale of the template'],
  invalid_layout: [422, 'The layout is not valid'],
  invalid_variables: [422, 'The variables do not fit the schema'],
  // People and their addresses
  recipient_not_found: [404, 'There is no such recipient'],
  erased: [409, 'This person has been erased'],
  subject_erased: [409, 'This person has been erased'],
  duplicate_recipient: [422, 'The same person stands there twice'],
  no_recipient: [422, 'Nobody is named'],
  no_recipient_accepted: [422, 'Every recipient was rejected'],
  too_many_addresses: [409, 'There are too many addresses'],
  invalid_email: [422, 'The e-mail address is not valid'],
  invalid_phone: [422, 'The telephone number is not valid'],
  invalid_url: [422, 'The URL is not valid'],
  invalid_locale: [422, 'The locale is not valid'],
  invalid_time_zone: [422, 'The time zone is not valid'],
  invalid_duration: [422, 'The duration is not valid'],
  // Notifications and batches
  notification_not_found: [404, 'There is no such notification'],
  delivery_not_found: [404, 'There is no such delivery'],
  attachment_not_found: [422, 'There is no such attachment'],
  attachments_too_large: [422, 'The files of a message are too large together'],
  already_expired: [422, 'It would have expired already'],
  nothing_to_cancel: [409, 'There is nothing left to cancel'],
  nothing_to_redrive: [409, 'There is nothing to send again'],
  nothing_to_reschedule: [409, 'There is nothing left to reschedule'],
  batch_not_found: [404, 'There is no such batch'],
  batch_cancelled: [409, 'The batch is cancelled'],
  chunk_out_of_order: [409, 'The batch goes on elsewhere'],
  no_recipients: [422, 'Nobody is named'],
  line_too_large: [413, 'The line is too large'],
  // Consumers
  projection_not_found: [404, 'There is no such projection'],
  parked_event_not_found: [404, 'No such event is parked'],
  parked_action_not_found: [404, 'No such action is parked'],
  facts_cannot_be_skipped: [409, 'What gates decide by cannot be skipped'],
  // The service's state
  internal_error: [500, 'Something went wrong on our side'],
  unavailable: [503, 'Not available at the moment'],
  overloaded: [503, 'Too much is going on at the moment'],
  newer_release: [503, 'A newer release has written this'],
  not_caught_up: [503, 'The read model is not there yet'],
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

export const isRefusal = <T extends object>(it: T): it is Extract<T, Rejection> => isRejection(it);

/** Thrown where a body or a stream is read, far below the handler that would return it; the server turns it into its problem. */
export class Refused extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.detail);
    this.name = 'Refused';
    this.refusal = refusal;
  }
}
