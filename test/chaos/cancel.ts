import { setTimeout as pause } from 'node:timers/promises';
import { eventually, type Answer, type Client } from '../support/client.ts';
import { ANSWERS, BARRIERS, isBefore, race, type Barrier, type Intruder, type Outcome, type Race } from './cancelRaces.ts';
import type { Chaos, ChaosRun } from './chaosRun.ts';
import { clientFor, declareTypes } from './feeder.ts';
import { openGround, type Ground } from './ground.ts';
import { deliveriesTable } from './verdict.ts';

/** `every`: 1 for every answer of the provider with every kind of delivery, 0 for one of each, drawn; `notifications`: of the real service. */
type Size = { readonly every: number; readonly notifications: number };

/** Cancellation, reschedule and expiry against a hand-off: in memory with every interleaving at the steps of the protocol, and by chance against the service. */
export const cancel: Chaos<Size> = {
  long: { every: 1, notifications: 4_000 },
  short: { every: 0, notifications: 100 },
  run: async ({ every, notifications }, run) => {
    await interleave(every > 0, run);
    await byChance(notifications, run);
  },
};

const commands = ['cancel', 'reschedule'] as const;
const notBefore = (a: Barrier): readonly Barrier[] => BARRIERS.filter((b) => !isBefore(b, a));

/** What is started is not moved, which a command knows when it has read. */
const appendsOf = (what: 'cancel' | 'reschedule', reads: Barrier): readonly Barrier[] =>
  what === 'reschedule' && !isBefore(reads, 'started') ? [reads] : notBefore(reads);

/** One command, reading at one step and appending at another, or the expiry; or both commands, each at once at its own step, in both orders. */
function intrusions(): readonly (readonly Intruder[])[] {
  const alone = commands.flatMap((what) =>
    BARRIERS.flatMap((reads) => appendsOf(what, reads).map((appends): readonly Intruder[] => [{ what, reads, appends }])),
  );
  const expired = BARRIERS.map((reads): readonly Intruder[] => [{ what: 'expiry', reads }]);
  const both = BARRIERS.flatMap((a) =>
    BARRIERS.map((b): readonly Intruder[] => commands.map((what, i) => ({ what, reads: i === 0 ? a : b, appends: i === 0 ? a : b }))),
  );
  return [...alone, ...expired, ...both];
}
const nameOf = (intruders: readonly Intruder[]): string =>
  intruders
    .map((it) => `${it.what} ${it.reads}${it.what === 'expiry' || it.appends === it.reads ? '' : `, appended at ${it.appends}`}`)
    .join(' and ');

/** What the first of two does may end the worker's way before the second's step comes: that one then happens at the end. */
function wasMet(intruders: readonly Intruder[], { met, said }: Outcome): boolean {
  return intruders.every((it, i) => {
    const places = met[i]?.split(' ') ?? [];
    if (it.what === 'expiry') return places[0] === it.reads;
    return places[0] === it.reads && (places[1] === it.appends || said[i]?.startsWith('nothing') === true);
  });
}
/** A worker that reads what came first has nothing to do; one that appends behind it meets a conflict. */
const canBeMet = (intruders: readonly Intruder[]): boolean => {
  const [first, second] = intruders.map(({ reads }) => reads).sort((a, b) => BARRIERS.indexOf(a) - BARRIERS.indexOf(b));
  if (first === undefined || second === undefined || second === 'end' || !isBefore(first, 'started')) return true;
  return isBefore(second, isBefore(first, 'declare') ? 'declare' : 'started');
};

type Counts = { races: number; cancelled: number; moved: number; tooLate: number };
function count(counts: Counts, all: readonly string[]): void {
  for (const said of all) counts[said === 'cancelled 1' ? 'cancelled' : said === 'moved 1' ? 'moved' : 'tooLate'] += 1;
}

async function interleave(isEvery: boolean, run: ChaosRun): Promise<void> {
  const kinds = [
    { keys: false, hold: false },
    { keys: true, hold: false },
    { keys: false, hold: true },
  ] as const;
  const [seen, wrong] = [new Map<string, number>(), [] as string[]];
  const counts = { races: 0, cancelled: 0, moved: 0, tooLate: 0 };
  const all = intrusions();
  for (const intruders of all) {
    const drawn = { answer: ANSWERS[Math.floor(run.random() * ANSWERS.length)]!, ...kinds[Math.floor(run.random() * kinds.length)]! };
    const variants = isEvery
      ? ANSWERS.flatMap((answer) => kinds.map((kind) => ({ answer, ...kind })))
      : [drawn, { answer: 'accepted' as const, ...kinds[0] }];
    for (const variant of variants) {
      const one: Race = { intruders, ...variant };
      const outcome = await race(one);
      counts.races += 1;
      if (wasMet(intruders, outcome)) seen.set(nameOf(intruders), (seen.get(nameOf(intruders)) ?? 0) + 1);
      wrong.push(
        ...[...outcome.wrong, ...unexpected(one, outcome)].map(
          (what) => `${nameOf(intruders)}, ${variant.answer}, ${JSON.stringify(variant)}: ${what}`,
        ),
      );
      count(counts, outcome.said);
    }
    if (seen.size % 50 === 0) run.say(`${String(seen.size)} interleavings`);
  }
  const wanted = all.filter(canBeMet).map(nameOf);
  const missing = wanted.filter((name) => !seen.has(name));
  run.figure('races in memory', counts.races, `over ${String(wanted.length)} interleavings`);
  run.must(
    'each interleaving occurred',
    missing.length === 0,
    missing[0] ?? `${String(seen.size)}, ${String(Math.min(...seen.values()))} times at the least`,
  );
  run.must('each delivery has exactly one outcome, and it is true', wrong.length === 0, wrong[0] ?? 'all of them');
  run.figure('of the commands were in time', counts.cancelled + counts.moved, `, ${String(counts.tooLate)} were not`);
}

/** What must come of one command at one step, where the provider accepts: whoever appends first wins, and the start is the fence. */
function unexpected({ intruders, answer, hold }: Race, { status, said, taken }: Outcome): readonly string[] {
  const [it] = intruders;
  if (it === undefined || intruders.length > 1 || answer !== 'accepted' || hold) return [];
  const isFirst = it.what === 'expiry' ? it.reads === 'begin' : isBefore(it.appends, 'started');
  const wanted = {
    cancel: isFirst ? 'cancelled, 0, cancelled 1' : `sent, 1, ${isBefore(it.reads, 'recorded') ? 'cancelled 0' : 'nothing_to_cancel'}`,
    reschedule: `sent, 1, ${isFirst ? 'moved 1' : 'nothing_to_reschedule'}`,
    expiry: isFirst ? 'suppressed, 0, expired' : 'sent, 1, expired',
  }[it.what];
  const found = `${status}, ${String(taken)}, ${said.join()}`;
  const late = it.what === 'cancel' && !isFirst && found === 'sent, 1, nothing_to_cancel';
  return found === wanted || late ? [] : [`${found} instead of ${wanted}`];
}

const ENOUGH = 1_000;

type Sent = {
  readonly id: string;
  readonly to: string;
  readonly what: 'cancel' | 'reschedule' | 'expiry';
  readonly answer: string;
  readonly said: number;
};

/** The service and its Postgres, a mail server with a ledger, and callers who change their minds at once or a moment later. */
async function byChance(notifications: number, run: ChaosRun): Promise<void> {
  const ground = await openGround();
  try {
    const program = await ground.start({ as: 'real' });
    const client = clientFor(program);
    await declareTypes(client);
    const sent: Sent[] = [];
    let next = 0;
    const lane = async (): Promise<void> => {
      while (next < notifications) sent.push(await changeOfMind(client, next++, run));
    };
    await Promise.all([1, 2, 3, 4].map(lane));
    run.say(`${String(sent.length)} sent`);
    await judgeReal(ground, sent, run);
    await program.stop();
  } finally {
    await ground.close();
  }
}

async function changeOfMind(client: Client, at: number, run: ChaosRun): Promise<Sent> {
  const what = (['cancel', 'cancel', 'reschedule', 'expiry'] as const)[at % 4]!;
  const to = `cancel-${String(at)}@example.com`;
  const asked = await ask(client, to, what === 'expiry' ? 20 + run.random() * 200 : undefined);
  const id = asked.body.id as string;
  await pause(Math.floor(run.random() ** 2 * 150));
  const move = { schedule: { at: new Date(Date.now() + 1_000).toISOString() } };
  const answer = what === 'expiry' ? asked : await client.post(`/v1/notifications/${id}/${what}`, what === 'cancel' ? {} : move);
  return { id, to, what, answer: `${what} ${String(answer.status)}`, said: Number(answer.body.cancelled ?? 0) };
}

/** What had expired before it could be accepted is asked for once more, with more time. */
async function ask(client: Client, to: string, expiresMs: number | undefined): Promise<Answer> {
  const answer = await client.post('/v1/notifications', {
    type: 'asked_again',
    category: 'transactional',
    recipients: [{ email: to }],
    content: { email: { subject: 'Hello', text: 'Hello' } },
    ...(expiresMs === undefined ? {} : { expiresAt: new Date(Date.now() + expiresMs).toISOString() }),
  });
  if (answer.status === 422 && expiresMs !== undefined && answer.body.code === 'already_expired') return ask(client, to, 2 * expiresMs);
  if (answer.status !== 202) throw new Error(`refused: ${JSON.stringify(answer.body)}`);
  return answer;
}

async function judgeReal(ground: Ground, sent: readonly Sent[], run: ChaosRun): Promise<void> {
  const ids = sent.map(({ id }) => id);
  const table = await deliveriesTable(ground);
  const rows = async () =>
    ground.cluster.query<{ id: string; status: string }>(
      `select notification as id, status from ${table} where notification = any ($1::uuid[])`,
      [ids],
    );
  const ended = new Set(['sent', 'cancelled', 'suppressed', 'expired', 'unknown', 'failed', 'dead_lettered']);
  let pending = ids.length;
  const look = async (): Promise<true | undefined> => {
    pending = ids.length - (await rows()).filter(({ status }) => ended.has(status)).length;
    return pending === 0 ? true : undefined;
  };
  await eventually('everything has ended', look, { deadlineMs: 120_000, seen: () => pending });
  await ground.sink.flush();
  const statuses = new Map((await rows()).map(({ id, status }) => [id, status]));
  const times = (one: Sent): number => ground.sink.taken.get(one.to) ?? 0;
  const lies = sent.filter((one) => (statuses.get(one.id) === 'sent' ? times(one) !== 1 : times(one) !== 0));
  run.figure('of the service', sent.length, 'notifications, each cancelled, moved or about to expire');
  run.must(
    'each has one outcome, and it is true',
    lies.length === 0,
    lies[0] === undefined
      ? sent.length
      : `${JSON.stringify(lies[0])} is ${String(statuses.get(lies[0].id))}, taken ${String(times(lies[0]))} times`,
  );
  const told = sent.filter(({ said }) => said > 0);
  run.must(
    'nobody is told "cancelled" of what was delivered',
    told.every((one) => times(one) === 0),
    `${String(told.length)} were told so`,
  );
  // Few may all come too late.
  if (sent.length >= ENOUGH) run.must('somebody is in time', told.length > 0, told.length);
  const answers = new Map<string, number>();
  for (const one of sent) {
    const name = `${one.answer}: ${statuses.get(one.id) ?? ''}`;
    answers.set(name, (answers.get(name) ?? 0) + 1);
  }
  for (const [name, count] of [...answers].sort()) run.figure(name, count, '');
}
