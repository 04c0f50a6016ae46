import { setTimeout as pause } from 'node:timers/promises';
import { eventually, NDJSON, ndjson } from '../support/client.ts';
import type { Program } from '../support/program.ts';
import { arm, isFrozen } from './arming.ts';
import type { Chaos, ChaosRun } from './chaosRun.ts';
import { clientFor, declareTypes, feed, type Feeder } from './feeder.ts';
import { openGround, type Ground } from './ground.ts';
import { deliveriesTable, judge, untilSettled, untilTaken } from './verdict.ts';

/** `rounds`: worker, projector and API frozen at once, each at the worst moment; `moments`: one of them at any moment, under load. */
type Size = { readonly rounds: number; readonly moments: number };

/** The three that are frozen, and where: after the provider's answer, before the commit of a checkpoint, before the caller's answer. */
const POINTS = {
  worker: 'send by smtp: after',
  projector: 'commit, checkpoint of actions: before',
  api: 'append NotificationRequested: after',
} as const;
type Role = keyof typeof POINTS;
type Frozen = Readonly<Record<Role, Program>>;

export const freeze: Chaos<Size> = {
  long: { rounds: 12, moments: 14 },
  short: { rounds: 1, moments: 0 },
  run: async ({ rounds, moments }, run) => {
    const ground = await openGround();
    const parts: Partial<Record<Role, Program>> = {};
    try {
      // Together they are the service; the standby comes and goes.
      for (const role of ['projector', 'worker', 'api'] as const)
        parts[role] = await ground.start({
          as: 'short-leases',
          env: { TIDINGS_ROLES: role, CHAOS_POINT: POINTS[role], CHAOS_SIGNAL: 'SIGSTOP' },
        });
      const all: Frozen = { projector: parts.projector!, worker: parts.worker!, api: parts.api! };
      await declareTypes(clientFor(all.api));
      let slowest = 0;
      for (let round = 0; round < rounds; round += 1) slowest = Math.max(slowest, await atTheWorstMoment(ground, all, round, run));
      run.figure('frozen at the worst moment', 3 * rounds, 'processes');
      run.figure('lease', ground.leaseMs / 1000, 's');
      run.figure('a standby that starts has taken over after', slowest / 1000, 's at the most');
      await judgeInTheEnd(ground, run);
      if (moments > 0) await atAnyMoment(ground, all, moments, run);
    } finally {
      for (const program of Object.values(parts)) await program.kill();
      await ground.close();
    }
  },
};

const message = (type: string, to: string): object => ({
  type,
  category: 'transactional',
  recipients: [{ email: to }],
  content: { subject: 'Hi', text: 'Hi' },
});

/** What those who were frozen had to say of it has been heard by now, however late: nobody was refused for good, whoever was refused first. */
async function judgeInTheEnd(ground: Ground, run: ChaosRun): Promise<void> {
  const text = `select status, coalesce(code, 'no answer') as code, count(*)::int as n from ${await deliveriesTable(ground)} where status <> 'sent' group by 1, 2 order by 1, 2`;
  const rows = await ground.cluster.query<{ status: string; code: string; n: number }>(text);
  const others = rows.map(({ status, code, n }) => `${status} (${code}) ${String(n)}`).join(', ');
  run.must('in the end each late acceptance still stands, and no late failure does', rows.length === 0, others || 'all are sent');
}

/** Status by recipient, in the order of the ids. */
async function statusesOf(ground: Ground, ids: readonly string[]): Promise<readonly string[]> {
  const text = `select d.notification as id, d.status from ${await deliveriesTable(ground)} d where d.notification = any ($1::uuid[])`;
  const rows = await ground.cluster.query<{ id: string; status: string }>(text, [ids]);
  const byId = new Map(rows.map(({ id, status }) => [id, status]));
  return ids.map((id) => byId.get(id) ?? 'none');
}
async function dueOf(ground: Ground, ids: readonly string[]): Promise<number> {
  const text = 'select count(*)::int as n from actions where target = any ($1)';
  const [row] = await ground.cluster.query<{ n: number }>(text, [ids]);
  return row?.n ?? 0;
}
const frozen = (program: Program): Promise<true> => eventually('it is frozen at its point', () => (isFrozen(program) ? true : undefined));
const thaw = (program: Program): void => {
  process.kill(program.pid, 'SIGCONT');
};

const EACH = 4;

/** Answers how long the standby took to be ready, in milliseconds. */
async function atTheWorstMoment(ground: Ground, parts: Frozen, round: number, run: ChaosRun): Promise<number> {
  const client = clientFor(parts.api);
  const [held, refused] = ['held', 'once'].map((name) =>
    Array.from({ length: EACH }, (_, at) => `${name}-${String(round)}-${String(at)}@example.com`),
  );
  const orders = [...held!.map((to) => message('held', to)), ...refused!.map((to) => message('asked_again', to))];

  // The worker has the provider's answers in its hand and has written down none of them.
  await arm(parts.worker);
  // It comes upon all of them at once, and makes one call of them: not every log lets them come together.
  process.kill(parts.worker.pid, 'SIGSTOP');
  const { status, body } = await client.post('/v1/notifications/bulk', ndjson(orders), NDJSON);
  if (typeof body !== 'string') throw new Error(`${String(status)} ${JSON.stringify(body)}`);
  const ids = body
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).notification.id as string);
  await eventually('all of them are due', async () => ((await dueOf(ground, ids)) === ids.length ? true : undefined));
  thaw(parts.worker);
  await frozen(parts.worker);
  const began = performance.now();
  // The projector has written rows that it has not committed, and holds their locks.
  await arm(parts.projector);
  const stuck = `stuck-${String(round)}@example.com`;
  const { body: posted } = await client.post('/v1/notifications', message('asked_again', stuck));
  await frozen(parts.projector);
  // The API has written down what it accepts and has not said so.
  await arm(parts.api);
  const [unheard, key] = [`unheard-${String(round)}@example.com`, { 'Idempotency-Key': `unheard-${String(round)}` }];
  const waiting = client.post('/v1/notifications', message('asked_again', unheard), key);
  await frozen(parts.api);
  run.say('worker, projector and API are frozen');

  const standby = await ground.start({ as: 'short-leases' });
  const takenOver = performance.now() - began;
  try {
    const again = await clientFor(standby).post('/v1/notifications', message('asked_again', unheard), key);
    const others = [posted.id as string, again.body.id as string];
    const settled = async (): Promise<true | undefined> => {
      const [first, second] = [await statusesOf(ground, ids), await statusesOf(ground, others)];
      const isOver = first.slice(0, EACH).every((it) => it === 'unknown') && [...first.slice(EACH), ...second].every((it) => it === 'sent');
      return isOver ? true : undefined;
    };
    const went = await eventually('the standby has done what was to be done', settled, { deadlineMs: 120_000 }).catch(() => false);
    const seen = await statusesOf(ground, [...ids, ...others]);
    run.must('the standby is not blocked: all is done while they are frozen', went, went ? 'done' : seen.join(', '));
    await pause(Math.max(0, 2 * ground.leaseMs - (performance.now() - began)));
    run.say(`frozen for ${String(Math.round(performance.now() - began))} ms`);
    for (const part of Object.values(parts)) thaw(part);

    const answer = await waiting;
    run.must('the API that wakes answers as the other did', answer.status === 202 && answer.body.id === again.body.id, answer.status);
    const late = async (): Promise<true | undefined> =>
      (await statusesOf(ground, ids.slice(0, EACH))).every((it) => it === 'sent') ? true : undefined;
    const won = await eventually('the late acceptances are written down', late, { deadlineMs: 90_000 }).catch(() => false);
    run.must('a late acceptance wins over unknown', won, (await statusesOf(ground, ids.slice(0, EACH))).join(', '));
    const kept = await statusesOf(ground, ids.slice(EACH));
    run.must(
      'a late failure overwrites no newer attempt',
      kept.every((it) => it === 'sent'),
      kept.join(', '),
    );
    await ground.sink.flush();
    const times = [...held!, ...refused!, stuck, unheard].map((to) => ground.sink.taken.get(to) ?? 0);
    run.must(
      'each was delivered once',
      times.every((it) => it === 1),
      times.join(', '),
    );
  } finally {
    for (const part of Object.values(parts)) thaw(part);
    // What it held goes back to those who were frozen.
    await standby.stop();
  }
  return takenOver;
}

/** Frozen from outside, wherever it is, while messages keep coming and a standby is there. */
async function atAnyMoment(ground: Ground, parts: Frozen, moments: number, run: ChaosRun): Promise<void> {
  const standby = await ground.start({ as: 'short-leases' });
  let done = 0;
  const perMoment = 120;
  const notifications = perMoment * (moments + 1);
  const feeder: Feeder = feed({
    prefix: 'moment',
    program: () => standby,
    notifications,
    chunk: 20,
    released: () => perMoment * (done + 1),
    orderOf: (at) => ({ kind: at % 2 === 0 ? 'retry' : 'hold', at, recipients: 1 }),
  });
  let goesOn = 0;
  try {
    for (; done < moments; done += 1) {
      const part = parts[(['worker', 'projector', 'api'] as const)[done % 3]!];
      await untilTaken(ground, run.random() * perMoment, 3_000);
      process.kill(part.pid, 'SIGSTOP');
      const { body } = await clientFor(standby).post('/v1/notifications', message('asked_again', `probe-${String(done)}@example.com`));
      await pause(2 * ground.leaseMs);
      const [status] = await statusesOf(ground, [body.id as string]);
      if (status === 'sent') goesOn += 1;
      thaw(part);
      run.say(`frozen at a random moment: ${String(done + 1)} of ${String(moments)}, meanwhile a new message was ${String(status)}`);
    }
    await feeder.done;
    await untilSettled(ground, feeder.accepted, 120_000);
    run.figure('frozen at a random moment', moments, 'processes');
    run.must(
      'the standby is not blocked: a new message goes out while one is frozen',
      goesOn === moments,
      `${String(goesOn)} of ${String(moments)}`,
    );
    // A worker that was frozen too long counts as one that was killed.
    await judge(ground, feeder.accepted, { kills: Math.ceil(moments / 3), run });
  } finally {
    for (const part of Object.values(parts)) thaw(part);
    await feeder.stop().catch(() => undefined);
    await standby.kill();
  }
}
