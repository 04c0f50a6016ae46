import type { Request, Response } from 'express';
import type { Caller } from '../commands/caller.ts';
import { afterHearing } from '../domain/kernel/afterHearing.ts';
import { present } from '../domain/kernel/present.ts';
import { PortError } from '../domain/kernel/portError.ts';
import { POSITION, trusted } from '../domain/values/ids.ts';
import type { Position } from '../domain/values/ids.ts';
import type { Access } from './access.ts';
import type { Admission, Kind, Place } from './admission.ts';
import { audited } from './audited.ts';
import type { AuditPorts } from './audited.ts';
import { allows } from './auth.ts';
import type { Authentication } from './auth.ts';
import type { Cursors, ListOf } from './cursor.ts';
import type { Answer, Operation, Raw, Reply, Source, Upload } from './operation.ts';
import type { WaitFor } from './ports.ts';
import { isRefusal, PROBLEMS, refuse, Refused, statusOf } from './problems.ts';
import type { Refusal } from './problems.ts';
import type { RateLimits } from './rateLimits.ts';
import type { RequestFacts } from './requestFacts.ts';
import { idempotencyKeyOf, ifMatchOf } from './requestFacts.ts';
import { sourceOf } from './wire.ts';
import type { WireLimits } from './wire.ts';
import type { Checks } from './validation.ts';
import type { Time } from '../consumers/ports.ts';

/** `?after=` waits this long at most. */
const CATCH_UP_MS = 5000;
/**
 * Milliseconds for an operator's question. It is asked when something is wrong; what hangs then (the log, a database) is bounded by itself, but
 * for longer than whoever asks waits.
 */
const OPERATOR_MS = 4000;
/** Nobody at all: of a public operation. */
const NOBODY: Access = { tenant: trusted('public'), actor: { kind: 'system', id: 'public' }, scopes: new Set(), mode: 'live' };

export type ServePorts = AuditPorts & {
  readonly authenticate: Authentication;
  readonly admission: Admission;
  readonly rateLimits: RateLimits;
  readonly cursors: Cursors;
  readonly waitFor: WaitFor;
  readonly time: Time;
  readonly checks: Checks;
  readonly limits: WireLimits;
  /** In tests: every answer is held against its schema, and one that differs is a 500. */
  readonly checkAnswers: boolean;
};

export type Serve = (req: Request, res: Response, facts: RequestFacts) => Promise<Reply>;

const NO_ANSWER = refuse(
  'unavailable',
  'The log or a database has not answered in time: /health/ready says which. Try again after Retry-After.',
  {
    headers: { 'Retry-After': '2' },
  },
);

/** `/v1/x/{id}` → `/v1/x/:id`. */
export const routeOf = (path: string): string => path.replaceAll(/\{(\w+)\}/g, ':$1');

const kindOf = ({ method, upload }: Operation): Kind => (upload !== undefined ? 'upload' : method === 'get' ? 'read' : 'command');

/** Lines are worked on as they come; a file is held as a whole, and may be as large as it may be where its length is not announced. */
function bytesToHold(upload: Upload, { headers }: Pick<Request, 'headers'>): number {
  if (upload.kind === 'lines') return 0;
  const announced = headers['content-length'];
  return announced === undefined ? upload.maxBytes : Math.min(Number(announced), upload.maxBytes);
}

/** A request on its way through the checks that every operation shares: load, credentials, limits, header fields, read model, input. */
export function serving(operation: Operation, ports: ServePorts): Serve {
  const run = operation.bind(ports.checks);
  const count = ports.rateLimits(operation);
  const checkAnswer = ports.checkAnswers ? answerChecks(operation, ports.checks) : undefined;
  const isQuestion = operation.scope === 'instance' && operation.method === 'get';

  const inTime = (reply: Promise<Reply>): Promise<Reply> =>
    new Promise((resolve, reject) => {
      const cancel = afterHearing(ports.time, OPERATOR_MS, () => resolve(NO_ANSWER));
      reply.then(resolve, reject).finally(cancel);
    });

  async function accessOf(req: Request, res: Response): Promise<Access | Refusal> {
    if (operation.scope === 'public') return NOBODY;
    const access = await ports.authenticate(req.headers.authorization);
    if (isRefusal(access)) return access;
    const limited = await count?.(access);
    for (const [name, value] of Object.entries(limited?.fields ?? {})) res.setHeader(name, value);
    if (limited?.refusal !== undefined) return limited.refusal;
    const allowed = allows(access, operation.scope);
    return allowed === true ? access : allowed;
  }

  function shareIn({ tenant }: Access, res: Response): Refusal | undefined {
    if (operation.upload === undefined) return undefined;
    const share = ports.admission.share(tenant, bytesToHold(operation.upload, res.req));
    if (isRefusal(share)) return share;
    // Who was gone before it was known who it was is told of no more.
    if (res.closed) share();
    else res.once('close', share);
    return undefined;
  }

  /** `after` belongs to every GET, `cursor` to every list; what is left are the operation's own parameters. */
  async function caughtUp(after: unknown): Promise<Refusal | undefined> {
    if (after === undefined || operation.method !== 'get') return undefined;
    // It would be waited for in vain, and be told that it was recorded.
    if (typeof after !== 'string' || !POSITION.test(after))
      return refuse('invalid_position', 'Send the Tidings-Position of the answer to your command.');
    if (operation.reads === undefined) return undefined;
    if (await ports.waitFor.reached(trusted<Position>(after), operation.reads, CATCH_UP_MS)) return undefined;
    return refuse('not_caught_up', 'The command is recorded and will show soon: read again after Retry-After.', {
      headers: { 'Retry-After': '1' },
    });
  }

  function sourceIn(req: Request, res: Response, place: Place): Source {
    const source = sourceOf(req, res, ports.limits, ports.time);
    return { ...source, json: () => place.body(() => source.json()) };
  }

  async function rawOf(req: Request, source: Source, facts: RequestFacts, access: Access): Promise<Raw | Refusal> {
    const { after, ...query } = req.query;
    const { limit: _limit, cursor, ...filters } = query;
    const behind = await caughtUp(after);
    if (behind !== undefined) return behind;
    const list: ListOf = { tenant: access.tenant, operation: operation.id, filters };
    const place = typeof cursor === 'string' ? ports.cursors.open(cursor, list) : undefined;
    if (typeof place === 'object') return place;
    const ifMatch = ifMatchOf(req);
    if (typeof ifMatch === 'object') return ifMatch;
    const idempotencyKey = operation.idempotent === true ? idempotencyKeyOf(req) : undefined;
    if (typeof idempotencyKey === 'object') return idempotencyKey;
    const caller: Caller = {
      tenant: access.tenant,
      actor: access.actor,
      correlationId: facts.requestId,
      requestId: facts.requestId,
      ...present({ idempotencyKey, traceparent: facts.traceparent }),
    };
    return {
      params: req.params,
      query: operation.method === 'get' ? query : req.query,
      source,
      access,
      caller,
      requestId: facts.requestId,
      prefers: (first, ...others) => req.accepts([first, ...others]) || first,
      signal: facts.signal,
      ...present({ place, ifMatch }),
    };
  }

  function paged(answer: Answer, req: Request, access: Access): Answer {
    if (answer.page === undefined) return answer;
    const { after: _after, limit: _limit, cursor: _cursor, ...filters } = req.query;
    const { data, next } = answer.page;
    const nextCursor = next === null ? null : ports.cursors.seal(next, { tenant: access.tenant, operation: operation.id, filters });
    return { ...answer, body: { data, nextCursor } };
  }

  return async (req, res, facts) => {
    const place = ports.admission.enter(kindOf(operation));
    if (isRefusal(place)) return place;
    res.once('close', () => place.leave(res.statusCode));
    const access = await accessOf(req, res);
    if (isRefusal(access)) return access;
    facts.tenant = access.tenant;
    const crowded = shareIn(access, res);
    if (crowded !== undefined) return crowded;
    const raw = await rawOf(req, sourceIn(req, res, place), facts, access);
    if (isRefusal(raw)) return raw;
    const reply = await (isQuestion ? inTime(run(raw)) : run(raw));
    await audited(operation, raw, reply, ports);
    if (isRefusal(reply)) return reply;
    const answer = paged(reply, req, access);
    checkAnswer?.(answer);
    return answer;
  };
}

/** @throws TypeError for an answer that the document does not describe. */
function answerChecks(operation: Operation, checks: Checks): (answer: Answer) => void {
  const byStatus = new Map(
    Object.entries(operation.responses).map(([status, { schema }]) => [
      Number(status),
      schema === undefined ? undefined : checks.body(schema),
    ]),
  );
  return ({ status, body }) => {
    if (!byStatus.has(status)) throw new TypeError(`${operation.id} answered ${status}, which its description does not name`);
    const checked = body === undefined ? undefined : byStatus.get(status)?.(JSON.parse(JSON.stringify(body)));
    if (checked?.ok === false) throw new TypeError(`${operation.id} answered what its schema refuses: ${JSON.stringify(checked.errors)}`);
  };
}

/** What was thrown → a refusal; nothing of its text gets out. `log` is told what is a bug or down. */
export function refusalOf(error: unknown, log: (error: unknown) => void): Refusal {
  if (error instanceof Refused) return error.refusal;
  if (error instanceof PortError) return ofPort(error, log);
  if (isClientsFault(error)) return refuse('malformed_request', 'Correct the path: its percent-encoding is not valid.');
  log(error);
  return refuse('internal_error', 'Try again; if it stays, tell us the requestId.');
}

function ofPort(error: PortError, log: (error: unknown) => void): Refusal {
  if (error.kind === 'unavailable' && error.code !== 'newer_release') {
    log(error);
    return refuse('unavailable', 'Try again after Retry-After, with the same Idempotency-Key.', { headers: { 'Retry-After': '2' } });
  }
  if (error.code in PROBLEMS && statusOf(error.code) < 500) return { rejected: error.code, detail: error.message };
  log(error);
  // Another process may be of that release, and this one soon: while an installation is upgraded, both answer.
  if (error.code === 'newer_release')
    return refuse('newer_release', 'This process does not read it yet: try again after Retry-After, with the same Idempotency-Key.', {
      headers: { 'Retry-After': '10' },
    });
  return error.kind === 'conflict'
    ? refuse('contended', 'Others changed it at the same time: try again.', { headers: { 'Retry-After': '1' } })
    : refuse('internal_error', 'Try again; if it stays, tell us the requestId.');
}

/** Express reports a path that cannot be decoded as a URIError with status 400. */
const isClientsFault = (error: unknown): boolean => error instanceof URIError;
