import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from '../support/client.ts';
import type { Chaos, ChaosRun } from './chaosRun.ts';
import { clientFor, declareTypes, feed, type Accepted } from './feeder.ts';
import { LOG_IN_DATABASE } from '../support/eventStoreEnv.ts';
import { openGround, type Ground } from './ground.ts';
import { examineRows } from './examineRows.ts';
import { judge, untilSettled, untilTaken } from './verdict.ts';
import { watchLife } from './watchLife.ts';

type Size = {
  readonly kills: number;
  /** Times that the way to the database is disturbed. */
  readonly faults: number;
  readonly notifications: number;
  /** 1: a connection that vanished is left for the service to find out; 0: it is reset after a while. */
  readonly vanish: number;
};

const CHUNK = 20;
/** Until it is ready again by itself: a query on a connection that vanished is given up after 35 s. */
const READY_MS = 240_000;
const ALIVE_MS = 10_000;

/** `happen` answers false where it did not come to it. */
type Fault = { readonly name: string; readonly happen: (ground: Ground, random: () => number, size: Size) => Promise<unknown> };

const KILL: Fault = {
  name: 'SIGKILL of Postgres',
  happen: async ({ cluster }, random) => {
    await cluster.kill();
    await pause(random() * 1_000);
    await cluster.start();
  },
};
const FAULTS: readonly Fault[] = [
  {
    name: 'connections cut',
    happen: async ({ proxy }, random) => {
      for (let times = 0; times < 3; times += 1) {
        proxy?.cut();
        await pause(random() * 300);
      }
    },
  },
  {
    // Of an append: it is written, and nobody hears of it.
    name: 'an answer lost',
    happen: async ({ proxy }) => {
      const isLost = await Promise.race([proxy?.loseAnswerTo('log_append').then(() => true), pause(30_000, false)]);
      proxy?.heal();
      return isLost === true;
    },
  },
  {
    name: 'half-open',
    happen: async ({ proxy }, random, { vanish }) => {
      proxy?.blackhole();
      await pause(500 + random() * 1_500);
      if (vanish === 0) proxy?.cut();
      proxy?.heal();
    },
  },
  {
    name: 'refused',
    happen: async ({ proxy }, random) => {
      proxy?.refuse();
      proxy?.cut();
      await pause(random() * 1_500);
      proxy?.heal();
    },
  },
  {
    name: 'slow',
    happen: async ({ proxy }, random) => {
      proxy?.delay(50 + random() * 250);
      await pause(2_000);
      proxy?.heal();
    },
  },
  {
    name: 'trickling',
    happen: async ({ proxy }, random) => {
      proxy?.trickle(64 + Math.floor(random() * 512), 2);
      await pause(2_000);
      proxy?.heal();
    },
  },
];

/** The database dies, and the way to it is cut, half-open, slow: the service neither loses what it acknowledged nor needs help. */
export const database: Chaos<Size> = {
  long: { kills: 50, faults: 48, notifications: 12_000, vanish: 1 },
  short: { kills: 1, faults: FAULTS.length, notifications: 240, vanish: 0 },
  run: async (size, run) => {
    const ground = await openGround({ durable: true, proxied: true, smtpDeadlineMs: 9_000 });
    try {
      await underFaults(ground, size, run);
    } finally {
      await ground.close();
    }
  },
};

/** Each of them the same number of times, in an order by the seed. */
function scheduled({ kills, faults }: Size, random: () => number): readonly Fault[] {
  const all = [...Array.from({ length: kills }, () => KILL), ...Array.from({ length: faults }, (_, at) => FAULTS[at % FAULTS.length]!)];
  return all
    .map((fault) => ({ fault, place: random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ fault }) => fault);
}

async function underFaults(ground: Ground, size: Size, run: ChaosRun): Promise<void> {
  const program = await ground.start({ as: 'real', env: LOG_IN_DATABASE });
  const client = clientFor(program);
  await declareTypes(client);
  const plan = scheduled(size, run.random);
  let begun = 0;
  const feeder = feed({
    prefix: 'database',
    program: () => program,
    notifications: size.notifications,
    chunk: CHUNK,
    // Each fault meets new work.
    released: () => (size.notifications * (begun + 1)) / (plan.length + 1),
    orderOf: (at) => ({ kind: at % 2 === 0 ? 'retry' : 'hold', at, recipients: 1 }),
  });
  const watched = watchLife(() => program, ALIVE_MS);
  const slowest = new Map<string, number>();
  const missed: string[] = [];
  try {
    for (const { name, happen } of plan) {
      await untilTaken(ground, (run.random() * size.notifications) / plan.length / 2, 3_000);
      begun += 1;
      if ((await happen(ground, run.random, size)) === false) missed.push(name);
      const began = performance.now();
      const ready = async (): Promise<true | undefined> =>
        client.get('/health/ready').then(
          ({ status }) => (status === 200 ? true : undefined),
          () => undefined,
        );
      const seen = (): string => (program.isRunning() ? 'it runs' : `it ended: ${JSON.stringify(program.faults().slice(-5))}`);
      await eventually(`it is ready again after: ${name}`, ready, { deadlineMs: program.isRunning() ? READY_MS : 1, seen });
      const ms = performance.now() - began;
      slowest.set(name, Math.max(ms, slowest.get(name) ?? 0));
      run.say(
        `${name}: ready after ${String(Math.round(ms))} ms; ${String(feeder.accepted.size)} accepted, ${String(ground.sink.count())} taken`,
      );
    }
    await feeder.done;
    await untilSettled(ground, feeder.accepted, 180_000);
    run.figure('SIGKILLs of Postgres', size.kills, 'kills');
    run.figure('other faults', size.faults, 'faults');
    const losses = plan.filter(({ name }) => name === 'an answer lost').length;
    run.must(
      'half of the answers to be lost at least were',
      2 * missed.length <= losses,
      `${String(losses - missed.length)} of ${String(losses)}`,
    );
    for (const [name, ms] of slowest) run.figure(`ready again after: ${name}`, ms / 1000, 's at the most');
    run.must('the process lives through all of it', program.isRunning(), program.isRunning() ? 'the same process' : 'it ended');
    run.must(
      `it answers /health/live within ${String(ALIVE_MS / 1000)} s at any time`,
      watched.silent() === 0,
      `${String(watched.silent())} silences`,
    );
    run.must('everything was accepted in the end', feeder.accepted.size === size.notifications, feeder.accepted.size);
    await examineLog(ground, feeder.accepted, run);
    await examineRows(ground, client, run);
    // Nothing was killed that sends.
    await judge(ground, feeder.accepted, { kills: 0, run });
  } finally {
    watched.stop();
    ground.proxy?.heal();
    await feeder.stop().catch(() => undefined);
    await program.kill();
  }
}

/** What was acknowledged stands in the log, whole and without gaps. */
async function examineLog({ cluster }: Ground, accepted: ReadonlyMap<string, Accepted>, run: ChaosRun): Promise<void> {
  const [log] = await cluster.query<{ missing: number; gaps: number; broken: number; events: number }>(
    `select (select count(*)::int from unnest($1::text[]) as asked (id)
              where not exists (select from log.events e where e.stream = 'notification-default_' || asked.id and e.revision = 0
                                                           and e.type = 'NotificationRequested')) as missing,
            (select (max(position) - count(*))::int from log.events) as gaps,
            (select count(*)::int from (select from log.events group by stream having max(revision) + 1 <> count(*)) s) as broken,
            (select count(*)::int from log.events) as events`,
    [[...accepted.keys()]],
  );
  run.figure('events', log?.events ?? 0, 'events');
  run.must('every acknowledged event is present', log?.missing === 0, `${String(log?.missing)} missing`);
  run.must('no partial batch: positions without gaps', log?.gaps === 0, `${String(log?.gaps)} gaps`);
  run.must('no partial batch: streams without gaps', log?.broken === 0, `${String(log?.broken)} broken`);
}
