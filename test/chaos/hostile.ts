import { clientFor } from './feeder.ts';
import { withProgram } from './ground.ts';
import type { Chaos, ChaosRun } from './chaosRun.ts';
import { idsOf, learn } from './hostileIds.ts';
import { hostileRequest, plainRequest, weighted, type Maker } from './hostileRequests.ts';
import { INJECTED, pick } from './hostileValues.ts';
import { bytesOf, simpler, type HostileRequest } from './hostileWire.ts';
import { eventually } from '../support/client.ts';
import { fractions } from '../support/drawing.ts';
import { EXAMPLES, makeWorld } from '../support/exampleCalls.ts';
import { follow } from '../support/follow.ts';
import { mailbox, type Mail } from '../support/mailbox.ts';
import type { Program } from '../support/program.ts';
import { exchange, type Heard, type RawAnswer } from '../support/rawHttp.ts';
import { readDocument, type Described } from '../support/servedDocument.ts';

type Size = { readonly requests: number };

const AT_ONCE = 8;
/** Milliseconds; longer than what waits for a read model (5 s) or for the rest of a body that never comes (30 s). */
const ANSWER_MS = 45_000;
/** Of so many requests one puts the settings back, which others have made odd. */
const RESTORED_EVERY = 50;

/** Requests of every shape for every operation: what is answered is what the document says, and nothing else happens. */
export const hostile: Chaos<Size> = {
  long: { requests: 10_000 },
  short: { requests: 500 },
  run: async (size, run) => {
    const mails = mailbox();
    await mails.open();
    try {
      await withProgram({ env: { SMTP_URL: mails.url(), NODE_ENV: 'test' } }, (program) => tried(program, mails.mails, size, run));
    } finally {
      await mails.close();
    }
  },
};

/** What was asked and answered, by operation. */
type Tally = Map<string, Map<number | string, number>>;
type Fault = { readonly request: HostileRequest; readonly what: string };

const portOf = ({ url }: Program): number => Number(new URL(url).port);
const isJson = /^application\/(?:[\w.-]+\+)?json\b/;

function bodyOf({ headers, body }: RawAnswer): unknown {
  const text = body.toString('utf8');
  return isJson.test(headers.get('content-type') ?? '') && text !== '' ? JSON.parse(text) : text;
}

const send = (program: Program, request: HostileRequest): Promise<Heard> =>
  exchange({
    port: portOf(program),
    bytes: bytesOf(request),
    method: request.method,
    halfClose: request.framing === 'short',
    deadlineMs: ANSWER_MS,
  });

/** What says 503 for a moment: a read model is not there yet, or all machines have their limits. */
const PASSING = new Set(['not_caught_up', 'overloaded']);

/** Two requests to whoever reads it: what follows an empty line is no longer the first. */
const isTwo = ({ target, fields }: HostileRequest): boolean => [target, ...fields.flat()].some((text) => text.includes('\r\n\r\n'));

/** What is wrong with an answer; undefined: nothing. */
function faultOf(described: Described, request: HostileRequest, heard: Heard, complaintOf: Complaint): string | undefined {
  if (heard === 'silent') return 'no answer';
  if (heard === 'garbled') return 'something stands in the middle of the answer';
  // Who breaks off is owed nothing.
  if (heard === 'closed') return request.framing === 'short' ? undefined : 'the connection closed without an answer';
  if (heard.headers.has(INJECTED)) return 'a header field of the answer was made by the request';
  if (heard.rest.length > 0 && !isTwo(request)) return `more than one answer: ${heard.rest.toString('latin1').slice(0, 200)}`;
  let body: unknown;
  try {
    body = bodyOf(heard);
  } catch {
    return 'the answer says that it is JSON, and is none';
  }
  const { status, headers } = heard;
  // The answer to HEAD keeps its reasons to itself.
  const isPassing = request.method === 'HEAD' ? headers.has('retry-after') : PASSING.has(String((body as { code?: unknown }).code));
  const isSpared = status === 503 && isPassing;
  if (status >= 500 && !isSpared) return `${String(status)} ${JSON.stringify(body)}`;
  if (request.method === 'HEAD') return undefined;
  const answer = { status, headers, body };
  const complaint = complaintOf(described, answer);
  if (complaint === undefined || (isElsewhere(described, request) && (status < 400 || complaintOf(ELSEWHERE, answer) === undefined)))
    return undefined;
  return `not as described: ${JSON.stringify(complaint).slice(0, 600)} in ${String(status)}`;
}
type Complaint = (described: Described, answer: { status: number; headers: Headers; body: any }) => unknown;

/** Of what goes to another operation, or to none, only problems are known to be right. */
const ELSEWHERE: Described = { id: '', path: '', method: '', operation: { responses: {} } };
const isElsewhere = ({ path }: Described, { how, target }: HostileRequest): boolean => {
  // Blanks before the version are none of the target's.
  const [own, asked] = [path, target.replace(/\?.*$/s, '').trimEnd()].map((it) => it.split('/'));
  // Without an id a path leads to the list.
  return /another method|an odd target/.test(how) || own?.length !== asked?.length || asked?.at(-1) === '';
};

const cut = (text: string, length: number): string => (text.length > length ? `${text.slice(0, length)}…${String(text.length)}` : text);
const shown = ({ id, how, method, target, fields, body, framing }: HostileRequest): string => {
  const text = body.toString('utf8');
  const told = fields
    .filter(([name]) => name !== 'Authorization')
    .slice(0, 12)
    .map(([name, value]) => cut(`${name}: ${value}`, 200));
  return JSON.stringify({
    id,
    how,
    line: cut(`${method} ${target}`, 400),
    fields: told,
    framing,
    bytes: body.length,
    body: cut(text, 1_500),
  });
};

/** The smallest request within reach that goes wrong in the same way. */
async function shrunken({ request, what }: Fault, again: (request: HostileRequest) => Promise<string | undefined>): Promise<Fault> {
  const kind = what.slice(0, 24);
  let [smallest, tries] = [request, 0];
  for (let found: HostileRequest | undefined = request; found !== undefined && tries < 120;) {
    found = undefined;
    for (const less of simpler(smallest)) {
      tries += 1;
      if (tries > 120) break;
      if ((await again(less))?.startsWith(kind) !== true) continue;
      found = smallest = less;
      break;
    }
  }
  return { request: smallest, what };
}

async function tried(program: Program, mails: readonly Mail[], { requests }: Size, run: ChaosRun): Promise<void> {
  const client = clientFor(program);
  const document = await readDocument(client);
  const world = await makeWorld({ ...client, ...follow(client) });
  const settings = (await client.get('/v1/settings')).body;
  const ids = idsOf(world);
  const maker: Maker = { document, world, ids, key: program.key };
  const tally: Tally = new Map(document.operations.map(({ id }) => [id, new Map()]));
  const faults: Fault[] = [];
  const setFields = new Set<string>();

  async function ask(described: Described, request: HostileRequest): Promise<string | undefined> {
    noteFields(request, setFields);
    const heard = await send(program, request);
    const counts = tally.get(described.id) ?? new Map<number | string, number>();
    const status = typeof heard === 'string' ? heard : heard.status;
    counts.set(status, (counts.get(status) ?? 0) + 1);
    const fault = faultOf(described, request, heard, document.complaintOf);
    if (fault === undefined && typeof heard === 'object' && heard.status < 300)
      learn(ids, described.id, bodyOf(heard), heard.headers.get('tidings-position'));
    return fault;
  }

  // Each once as its example says, in their order, so that each has succeeded where it can, and once so that it has refused.
  const inOrder = Object.keys(EXAMPLES).flatMap((id) => document.operations.filter((it) => it.id === id));
  for (const described of inOrder) {
    const request = plainRequest(described, maker);
    const asks = request.target.includes('?') ? '&' : '?';
    for (const each of [request, { ...request, how: 'with a parameter that nobody knows', target: `${request.target}${asks}surprise=1` }]) {
      const what = await ask(described, each);
      if (what !== undefined) faults.push({ request: each, what });
    }
  }

  const often = weighted(document.operations);
  let sent = 0;
  async function caller(): Promise<void> {
    for (let nth = sent; nth < requests && faults.length < 5; nth = sent) {
      sent += 1;
      const random = fractions(run.seed * 100_003 + nth);
      // In turn, so that each gets its share; then by chance, so that what is near meets what is near.
      const described = nth < document.operations.length * 4 ? at(document.operations, nth) : pick(random, often);
      const request = hostileRequest(described, maker, random);
      const what = await ask(described, request);
      if (what !== undefined) faults.push(await shrunken({ request, what }, (less) => ask(described, less)));
      if (nth % RESTORED_EVERY === 0) await client.patch('/v1/settings', restoring(settings));
      if (nth % 1_000 === 999) run.say(`${String(nth + 1)} requests, ${String(mails.length)} mails`);
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, caller));
  await told(program, { tally, faults, sent, mails, setFields, document: document.operations }, run);
}

const at = <T>(list: readonly T[], place: number): T => list[place % list.length] as T;

/** What decides whether others are accepted. */
const restoring = (settings: any): object => ({ unknownTypes: settings.unknownTypes ?? null, sender: null });

/** Names of header fields that a request asks for, in whatever place. */
function noteFields({ body }: HostileRequest, names: Set<string>): void {
  const note = (name: string, value: unknown): unknown => {
    if (name === 'headers' && typeof value === 'object' && value !== null) for (const it of Object.keys(value)) names.add(it.toLowerCase());
    return value;
  };
  const text = body.toString('utf8');
  if (!text.includes('headers')) return;
  for (const document of [text, ...text.split('\n')]) {
    try {
      JSON.parse(document, note);
    } catch {
      // What is no JSON is no message either.
    }
  }
}

const OURS = new Set(['from', 'to', 'reply-to', 'subject', 'date', 'message-id', 'mime-version', 'content-type', 'content-transfer-encoding', 'received']); // prettier-ignore

/** What is wrong with a mail as bytes (RFC 5322 2.1): another's parser may be forgiving. */
function faultOfMail({ raw, parsed }: Mail, names: ReadonlySet<string>): string | undefined {
  const end = raw.indexOf('\r\n\r\n');
  if (end < 0) return 'the header has no end';
  if (/(?<!\r)\n|\r(?!\n)|\0/.test(raw)) return 'a bare CR, LF or NUL';
  if (raw.split('\r\n').some((line) => line.length > 998)) return 'a line of more than 998 octets';
  const fields = raw.slice(0, end).split(/\r\n(?![ \t])/).map((field) => field.slice(0, field.indexOf(':')).toLowerCase()); // prettier-ignore
  const strange = fields.find((name) => !OURS.has(name) && !names.has(name));
  if (strange !== undefined || fields.includes(INJECTED) || fields.includes('bcc'))
    return `a header field that nobody set: ${strange ?? 'injected'}`;
  const twice = fields.find((name, place) => OURS.has(name) && fields.indexOf(name) !== place);
  if (twice !== undefined) return `the field ${twice} stands twice`;
  return parsed.from === undefined || parsed.to === undefined ? 'nobody is named' : undefined;
}

type Seen = {
  readonly tally: Tally;
  readonly faults: readonly Fault[];
  readonly sent: number;
  readonly mails: readonly Mail[];
  readonly setFields: ReadonlySet<string>;
  readonly document: readonly Described[];
};

const total = (tally: Tally, is: (status: number | string) => boolean): number =>
  [...tally.values()].reduce((sum, counts) => sum + [...counts].reduce((part, [status, n]) => part + (is(status) ? n : 0), 0), 0);
const within = (least: number) => (status: number | string) => typeof status === 'number' && status >= least && status < least + 100;

/** Operations that cannot fail: they take nothing. */
const NEVER_WRONG = new Set(['live', 'ready', 'metrics', 'openapi', 'docs', 'docsScript']);

async function told(program: Program, { tally, faults, sent, mails, setFields, document }: Seen, run: ChaosRun): Promise<void> {
  for (const { request, what } of faults) run.say(`${what}\n          ${shown(request)}`);
  for (const [id, counts] of tally) run.say(`${id.padEnd(28)} ${[...counts].sort().map(([status, n]) => `${String(status)}: ${String(n)}`).join('  ')}`); // prettier-ignore
  const without = (least: number): readonly string[] =>
    document.filter(({ id }) => ![...(tally.get(id) ?? new Map<number, number>()).keys()].some(within(least))).map(({ id }) => id);
  const health = await clientFor(program).get('/health/ready');
  const sane = await clientFor(program).post('/v1/notifications', {
    type: 'sane',
    category: 'transactional',
    recipients: [{ email: 'sane@example.com' }],
    content: { subject: 'sane', text: 'sane' },
  });
  await eventually('a mail of an honest caller arrives', () => mails.find(({ to }) => to === 'sane@example.com'), { deadlineMs: 60_000 }).catch(() => undefined); // prettier-ignore
  const bad = program.faults();
  const wrongMails = mails.flatMap((mail) => faultOfMail(mail, setFields) ?? []);
  const neverRefused = without(400).filter((id) => !NEVER_WRONG.has(id));
  // Nothing is parked, so there is nothing that could be retried or left out.
  const neverDone = without(200).filter((id) => EXAMPLES[id]?.refused === undefined);

  run.figure('requests', sent, `over ${String(document.length)} operations`);
  run.figure('answered with a success', total(tally, within(200)), 'requests');
  run.figure('answered with a refusal', total(tally, within(400)), 'requests');
  run.figure('answered with a documented 503', total(tally, within(500)), 'requests');
  run.figure('mails', mails.length, 'taken by the mail server');
  const first = faults[0];
  run.must(
    'each answer is as the document says: no 5xx, no other status, type or shape',
    first === undefined,
    first === undefined ? `all ${String(sent)}` : `${first.what} for ${shown(first.request)}`,
  );
  run.must('each operation had a success', neverDone.length === 0, neverDone.length === 0 ? 'all' : neverDone.join(', '));
  run.must('each operation that takes something refused something', neverRefused.length === 0, neverRefused.length === 0 ? 'all' : neverRefused.join(', ')); // prettier-ignore
  run.must(
    'no mail has a header field that nobody set, and each parses',
    wrongMails.length === 0,
    wrongMails[0] ?? `all ${String(mails.length)}`,
  );
  run.must(
    'no error is logged, nothing is thrown that nobody caught',
    bad.length === 0,
    bad.length === 0 ? 'none' : JSON.stringify(bad[0]),
  );
  run.must('the service is well afterwards', program.isRunning() && health.status === 200, `${String(health.status)} ${JSON.stringify(health.body).slice(0, 300)}`); // prettier-ignore
  run.must('it still sends', sane.status === 202 && mails.some(({ to }) => to === 'sane@example.com'), String(sane.status));
}
