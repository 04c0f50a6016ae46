import type { Request } from 'express';
import type { TenantId } from '../domain/values/ids.ts';
import { isOutsideId } from '../domain/values/ids.ts';
import { refuse } from './problems.ts';
import type { Refusal } from './problems.ts';

/** W3C Trace Context, version 00: neither id is all zeroes. */
const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
export const IDEMPOTENCY_KEY = /^[\x20-\x7e]{1,255}$/;
/** Our entity tags are the revision in quotes. */
export const IF_MATCH = /^(?:\*|"(\d{1,15})")$/;

/** Of one request, kept while it lasts. */
export type RequestFacts = {
  readonly requestId: string;
  readonly traceparent: string | undefined;
  /** Aborts when the client is gone. */
  readonly signal: AbortSignal;
  /** Known once it is authenticated. */
  tenant?: TenantId;
};

const single = (value: string | readonly string[] | undefined): string | undefined => (typeof value === 'string' ? value : value?.[0]);

/** A caller's own id where it is one, else a new one. */
export function requestIdOf(req: Pick<Request, 'headers'>, newId: () => string): string {
  const given = single(req.headers['x-request-id']);
  return given !== undefined && isOutsideId(given) ? given : newId();
}

export function traceparentOf(req: Request): string | undefined {
  const given = single(req.headers['traceparent']);
  return given !== undefined && TRACEPARENT.test(given) ? given : undefined;
}

export function idempotencyKeyOf(req: Request): string | undefined | Refusal {
  const given = single(req.headers['idempotency-key']);
  if (given === undefined || IDEMPOTENCY_KEY.test(given)) return given;
  return refuse('invalid_idempotency_key', 'Send 1 to 255 printable ASCII characters.');
}

export function ifMatchOf(req: Request): number | 'any' | undefined | Refusal {
  const given = single(req.headers['if-match']);
  if (given === undefined) return undefined;
  const found = IF_MATCH.exec(given.trim());
  if (found === null) return refuse('invalid_if_match', 'Send the ETag of the last answer as it was, in its quotes.');
  return found[1] === undefined ? 'any' : Number(found[1]);
}

export const entityTagOf = (revision: number): string => `"${revision}"`;
