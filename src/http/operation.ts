import type { Static, TObject, TSchema } from 'typebox';
import { Type } from 'typebox';
import type { Caller } from '../commands/caller.ts';
import type { Position, SubjectId } from '../domain/values/ids.ts';
import type { Scope } from '../domain/tenant/events.ts';
import type { Tag } from './about.ts';
import type { Access } from './access.ts';
import type { Line } from './lines.ts';
import { isRefusal, refuse } from './problems.ts';
import type { InvalidMember, Refusal } from './problems.ts';
import type { Checks } from './validation.ts';

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';

/** One answer of an operation, by status. Problems are added to every operation and need not be named. */
export type Response = {
  readonly description: string;
  readonly schema?: TSchema;
  /** `application/json` unless it says otherwise. */
  readonly contentType?: string;
  /** Of one line, where the answer can be NDJSON. */
  readonly lines?: TSchema;
  /** Whether it can be CSV (RFC 4180). */
  readonly csv?: true;
};

/** What an operation takes as body besides JSON. */
export type Upload =
  { readonly kind: 'lines'; readonly line: TSchema; readonly first?: TSchema } | { readonly kind: 'bytes'; readonly maxBytes: number };

/** Of the operation, as the outside reads it: the router and the OpenAPI document are both made from this. */
export type OperationFacts = {
  /** `operationId`: camelCase, a promise to generated clients. */
  readonly id: string;
  readonly method: Method;
  /** OpenAPI form: `/v1/notifications/{id}`. */
  readonly path: string;
  readonly tag: Tag;
  readonly summary: string;
  readonly description?: string;
  /** `public` takes no credentials; `instance` is `admin` of the tenant `default`. */
  readonly scope: Scope | 'public' | 'instance';
  readonly responses: Readonly<Record<number, Response>>;
  readonly upload?: Upload;
  /** The JSON body as the document shows it, where its parts are checked one by one and `body` leaves them open. */
  readonly described?: TSchema;
  /** It creates something: takes an `Idempotency-Key`. */
  readonly idempotent?: boolean;
  /** It makes what others can act with: a limit of its own. */
  readonly issuesCredentials?: true;
  /** It edits something: takes `If-Match`. */
  readonly conditional?: boolean;
  /** Read models that the answer comes from: `?after=` waits for these. */
  readonly reads?: readonly string[];
};

/** What a handler gets: checked, typed, with the caller it may act for. */
export type Call<P, Q, B> = {
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  readonly access: Access;
  /** The same in the words of the commands, with the correlation, the idempotency key and the trace of this request. */
  readonly caller: Caller;
  readonly requestId: string;
  /** Of a list: where the page before ended, as the query gave it. */
  readonly place?: string;
  /** The revision named by `If-Match`; `any` for `*`. */
  readonly ifMatch?: number | 'any';
  /** Which of these media types the client would rather have; the first where it has no wish. */
  readonly prefers: (first: string, ...others: readonly string[]) => string;
  /** Aborts when the client is gone. */
  readonly signal: AbortSignal;
};

export type Answer = {
  readonly status: number;
  readonly body?: unknown;
  /** A page of a list: `next` is the place after its last entry, null at the end. → `{data, nextCursor}` */
  readonly page?: { readonly data: readonly unknown[]; readonly next: string | null };
  /** → `Tidings-Position`. */
  readonly position?: Position;
  /** → `ETag`: the revision of what was read or edited. */
  readonly revision?: number;
  /** → `Idempotency-Replayed`. */
  readonly replayed?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  /** Personal data that is in it: goes into the audit, before the answer goes out, when the caller saw it unmasked. */
  readonly shown?: { readonly resource: string; readonly subject?: SubjectId };
  /** NDJSON, written as it comes, at the reader's pace. */
  readonly lines?: AsyncIterable<object>;
  /** Text in pieces, written as they come, at the reader's pace. */
  readonly pieces?: { readonly type: string; readonly of: AsyncIterable<string> };
  /** Anything that is not JSON. */
  readonly content?: { readonly type: string; readonly bytes: string | Uint8Array };
};
export type Reply = Answer | Refusal;

/** The body as it lies on the wire; reading it may throw `Refused`. */
export interface Source {
  /** Media type in lower case without parameters; empty without a body. */
  readonly contentType: string;
  json(): Promise<unknown>;
  lines(): AsyncIterable<readonly Line[]>;
  bytes(maxBytes: number): Promise<Uint8Array>;
}

/** A request before its input is checked. */
export type Raw = Omit<Call<unknown, unknown, unknown>, 'body'> & { readonly source: Source };

/** An operation without its types: what the server runs and the document describes. */
export type Operation = OperationFacts & {
  readonly params: TObject;
  readonly query: TObject;
  readonly body: TSchema;
  readonly bodyOptional?: boolean;
  readonly bind: (checks: Checks) => (raw: Raw) => Promise<Reply>;
};

/** No member at all: of a request without parameters or without a body. */
export const Nothing = Type.Object({}, { additionalProperties: false });
/** What an operation starts from: `{ ...plain, params: NotificationParams, … }`. */
export const plain = { params: Nothing, query: Nothing, body: Nothing };

type Spec<P extends TObject, Q extends TObject, B extends TSchema, Body> = OperationFacts & {
  readonly params: P;
  readonly query: Q;
  /** Of the JSON body; `Nothing`: it takes none. */
  readonly body: B;
  /** What a schema cannot say; runs after it. */
  readonly refine?: (body: Static<B>) => readonly InvalidMember[];
  readonly handler: (call: Call<Static<P>, Static<Q>, Body>) => Promise<Reply>;
};

export const invalidBody = (errors: readonly InvalidMember[]): Refusal =>
  refuse('validation_failed', 'Correct the members listed in errors and send it again.', { errors });

/** Checks path and query; a path that cannot name anything names nothing. */
function inputOf<P extends TObject, Q extends TObject>(params: P, query: Q, checks: Checks) {
  const checkParams = checks.parameters(params);
  const checkQuery = checks.parameters(query);
  return (raw: Raw): { readonly params: Static<P>; readonly query: Static<Q> } | Refusal => {
    const inPath = checkParams(raw.params);
    if (!inPath.ok) return refuse('not_found', 'No such thing: the path holds an id that nothing can have.');
    const inQuery = checkQuery(raw.query);
    if (!inQuery.ok) return refuse('invalid_query', 'Correct the parameters listed in errors.', { errors: inQuery.errors });
    return { params: inPath.value, query: inQuery.value };
  };
}

function bodyOf<B extends TSchema>(spec: Pick<Spec<TObject, TObject, B, unknown>, 'body' | 'refine'>, checks: Checks) {
  const check = checks.body(spec.body);
  return (value: unknown): { readonly body: Static<B> } | Refusal => {
    const checked = check(value);
    if (!checked.ok) return invalidBody(checked.errors);
    const errors = spec.refine?.(checked.value) ?? [];
    return errors.length > 0 ? invalidBody(errors) : { body: checked.value };
  };
}

/** An operation with a JSON body, or without one. */
export function operation<P extends TObject, Q extends TObject, B extends TSchema>(
  spec: Spec<P, Q, B, Static<B>> & {
    /** An absent body counts as `{}`. */
    readonly bodyOptional?: boolean;
  },
): Operation {
  const { handler, refine, ...facts } = spec;
  const wantsBody = (raw: Raw): boolean => !isNothing(spec.body) && !(spec.bodyOptional === true && raw.source.contentType === '');
  return {
    ...facts,
    bind: (checks) => {
      const input = inputOf(spec.params, spec.query, checks);
      const bodyIn = bodyOf({ body: spec.body, ...(refine === undefined ? {} : { refine }) }, checks);
      return async (raw) => {
        const { source, ...rest } = raw;
        const checked = input(raw);
        if (isRefusal(checked)) return checked;
        const taken = bodyIn(wantsBody(raw) ? await source.json() : {});
        return isRefusal(taken) ? taken : handler({ ...rest, ...checked, ...taken });
      };
    },
  };
}

/** A body that may be more than one JSON document. */
export type Incoming<B> =
  | { readonly kind: 'json'; readonly value: B }
  | { readonly kind: 'lines'; readonly lines: AsyncIterable<readonly Line[]> }
  | { readonly kind: 'bytes'; readonly contentType: string; readonly bytes: Uint8Array };

/** An operation that takes NDJSON or raw bytes, and JSON too where `body` describes it. */
export function uploadOperation<P extends TObject, Q extends TObject, B extends TSchema>(
  spec: Spec<P, Q, B, Incoming<Static<B>>> & { readonly upload: Upload },
): Operation {
  const { handler, refine, ...facts } = spec;
  return {
    ...facts,
    bind: (checks) => {
      const input = inputOf(spec.params, spec.query, checks);
      const bodyIn = bodyOf({ body: spec.body, ...(refine === undefined ? {} : { refine }) }, checks);
      const jsonOf = async (source: Source): Promise<Incoming<Static<B>> | Refusal> => {
        const taken = bodyIn(await source.json());
        return isRefusal(taken) ? taken : { kind: 'json', value: taken.body };
      };
      return async (raw) => {
        const { source, ...rest } = raw;
        const checked = input(raw);
        if (isRefusal(checked)) return checked;
        const body = await incomingOf(spec.upload, source, isNothing(spec.body) ? undefined : jsonOf);
        return isRefusal(body) ? body : handler({ ...rest, ...checked, body });
      };
    },
  };
}

async function incomingOf<B>(
  upload: Upload,
  source: Source,
  json?: (source: Source) => Promise<Incoming<B> | Refusal>,
): Promise<Incoming<B> | Refusal> {
  if (upload.kind === 'bytes') return { kind: 'bytes', contentType: source.contentType, bytes: await source.bytes(upload.maxBytes) };
  if (NDJSON.has(source.contentType)) return { kind: 'lines', lines: source.lines() };
  if (json !== undefined) return json(source);
  return refuse('unsupported_media_type', 'Send application/x-ndjson: one JSON document a line.');
}

export const isNothing = (schema: TSchema): boolean => schema === Nothing;
const NDJSON: ReadonlySet<string> = new Set(['application/x-ndjson', 'application/ndjson', 'application/jsonl']);
