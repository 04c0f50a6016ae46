import { join } from 'node:path';
import { CONSUMERS } from '../../src/compose/readModels.ts';
import { eventually, type Client } from '../support/client.ts';
import { runProgram, type Program } from '../support/program.ts';
import { newScratch } from '../support/scratch.ts';
import { arm } from './arming.ts';
import type { Chaos, ChaosRun } from './chaosRun.ts';
import { digestOf, type Digest } from './digest.ts';
import { keptElsewhere, type Elsewhere } from './elsewhere.ts';
import { clientFor, declareTypes, feed, KINDS } from './feeder.ts';
import { ROLES, type Role } from './fleet.ts';
import { openGround, type Ground } from './ground.ts';
import { judge, untilSettled, untilTaken } from './verdict.ts';

type Size = {
  /** Of the database of read models: by turns with all processes, and under an API and a worker that live on. */
  readonly losses: number;
  readonly notifications: number;
  /** 1: with the log in EventStoreDB; 2: and again with the log in a Postgres of its own. */
  readonly logs: number;
};

const CHUNK = 10;
/** People whose dedup window is open all the while, and messages that wait for their hour. */
const [WINDOWS, SCHEDULED] = [6, 4];

/** The database of read models is lost in mid-campaign, the log and the keys are not: it is made anew, and delivery goes on. */
export const rebuild: Chaos<Size> = {
  long: { losses: 10, notifications: 6_000, logs: 2 },
  short: { losses: 2, notifications: 240, logs: 1 },
  run: async (size, run) => {
    for (const log of (['eventstoredb', 'postgres'] as const).slice(0, size.logs)) {
      const ground = await openGround();
      const elsewhere = await keptElsewhere(ground, log);
      run.say(`the log is in ${elsewhere.name}`);
      try {
        await underLosses({ ground, elsewhere }, size, run);
      } finally {
        await elsewhere.close();
        await ground.close();
      }
    }
  },
};

type Installation = { readonly ground: Ground; readonly elsewhere: Elsewhere };

/** Where a worker stops itself when all processes are to die: the provider has answered, and nobody has written it down. */
const POINTS = ['send by smtp: after', 'send by keyed: after'] as const;

/** A process for each role. */
function processesOf({ ground, elsewhere }: Installation) {
  const running = new Map<Role, Program>();
  let workers = 0;
  const pointOf = (role: Role): Readonly<Record<string, string>> =>
    role === 'worker' ? { CHAOS_POINT: POINTS[workers++ % POINTS.length]! } : {};
  return {
    program: (role: Role): Program | undefined => running.get(role),
    start: async (roles: readonly Role[]): Promise<void> => {
      const started = roles.map(async (role) => {
        running.set(
          role,
          await ground.start({ as: 'short-leases', env: { ...elsewhere.env, ...pointOf(role), TIDINGS_ROLES: role }, seat: role }),
        );
      });
      await Promise.all(started);
    },
    kill: async (roles: readonly Role[]): Promise<void> => {
      for (const role of roles) {
        const program = running.get(role);
        running.delete(role);
        await program?.kill();
      }
    },
    ended: (): readonly Role[] => ROLES.filter((role) => running.get(role)?.isRunning() === false),
  };
}

async function underLosses(installation: Installation, size: Size, run: ChaosRun): Promise<void> {
  const { ground, elsewhere } = installation;
  const processes = processesOf(installation);
  try {
    await processes.start(ROLES);
    const client = (): Client => clientFor(processes.program('api')!);
    await declareTypes(client());
    await asked(client(), 'windows-0', WINDOWS, windowed);
    await asked(client(), 'scheduled', SCHEDULED, scheduled);
    await eventually('those with a window have been sent', () => (ground.sink.count() >= WINDOWS ? true : undefined));
    let losses = 0;
    const feeder = feed({
      prefix: 'rebuild',
      program: () => processes.program('api'),
      notifications: size.notifications,
      chunk: CHUNK,
      released: () => (size.notifications * (losses + 1)) / (size.losses + 1),
      orderOf: (at) => ({ kind: KINDS[at % KINDS.length]!, at, recipients: 1 + (at % 2) }),
    });
    const lefts: Left[] = [];
    let livedOn = 0;
    for (; losses < size.losses; losses += 1) {
      const dying = losses % 2 === 0 ? ROLES : (['projector'] as const);
      if (dying === ROLES) await untilInFlight(processes.program('worker')!);
      else await untilTaken(ground, (run.random() * size.notifications) / size.losses / 3, 5_000);
      await processes.kill(dying);
      await elsewhere.loseModels();
      lefts.push(await fromStore(installation, run));
      await processes.start(dying);
      livedOn += ROLES.length - dying.length - processes.ended().length;
      await asked(client(), `windows-${String(losses + 1)}`, WINDOWS, windowed);
    }
    await feeder.done;
    await untilSettled(ground, feeder.accepted, 180_000);
    examineLefts(lefts, run);
    run.must('who lived on needs no help', livedOn === 2 * Math.floor(size.losses / 2), `${String(livedOn)} processes`);
    // By turns, as only the death of a worker leaves an answer open.
    await judge(ground, feeder.accepted, { kills: Math.ceil(size.losses / 2), run });
    await examineWindows(ground, client(), size, run);
    await examineCounts(client(), feeder.accepted, run);
    await examineModels({ installation, stop: () => processes.kill(ROLES) }, run);
  } finally {
    await processes.kill(ROLES);
  }
}

/** It dies with a provider's answers in its hand. */
async function untilInFlight(worker: Program): Promise<void> {
  await arm(worker);
  await eventually('the worker died', () => (worker.isRunning() ? undefined : true));
}

/** Deliveries that were still to be done, by kind, when their actions had been made anew. */
type Left = Readonly<Partial<Record<'plan' | 'handOff' | 'recover' | 'applyBatch', number>>>;

/** By the command, as an operator does it. */
async function fromStore({ ground, elsewhere }: Installation, run: ChaosRun): Promise<Left> {
  const { scratch, discard } = newScratch('rebuild');
  try {
    const env = { ...ground.env, ...elsewhere.env };
    const args = ['rebuild', '--from-store', '--json'];
    const { status, stdout, stderr } = await runProgram({ dataDir: join(scratch, 'data'), env, args });
    if (status !== 0) throw new Error(`rebuild --from-store ended with ${String(status)}: ${stderr}`);
    const { actions, reservations } = JSON.parse(stdout) as { readonly actions: Left; readonly reservations: number };
    run.say(`made anew; to be done: ${JSON.stringify(actions)}, dedup keys held: ${String(reservations)}`);
    return actions;
  } finally {
    discard();
  }
}

/** Where nothing was under way, a loss would show nothing. */
function examineLefts(lefts: readonly Left[], run: ChaosRun): void {
  const sum = (kind: keyof Left): number => lefts.reduce((all, left) => all + (left[kind] ?? 0), 0);
  const left = sum('plan') - SCHEDULED * lefts.length + sum('handOff') + sum('recover');
  run.must('made anew in the middle of the work', left > 0, `${String(lefts.length)} times, with ${String(left)} deliveries to be done`);
  run.must('something was in flight', sum('recover') > 0, `${String(sum('recover'))} deliveries`);
}

const addressOf = (at: number): string => `window-${String(at)}@example.com`;
const message = (to: string): object => ({
  type: 'asked_again',
  category: 'transactional',
  recipients: [{ email: to }],
  content: { subject: 'Once', html: '<p>Once.</p>' },
});
const windowed = (at: number): object => ({ ...message(addressOf(at)), dedup: { key: `window-${String(at)}`, window: 'P1D' } });
const scheduled = (at: number): object => ({
  ...message(`scheduled-${String(at)}@example.com`),
  schedule: { at: new Date(Date.now() + 3_600_000).toISOString() },
});

async function asked(client: Client, round: string, times: number, request: (at: number) => object): Promise<void> {
  for (let at = 0; at < times; at += 1) {
    const { status, body } = await client.post('/v1/notifications', request(at), { 'Idempotency-Key': `${round}-${String(at)}` });
    if (status !== 202) throw new Error(`answered ${String(status)}: ${JSON.stringify(body)}`);
  }
}

/** Whoever had the message before a loss does not get it after. */
async function examineWindows({ cluster, sink }: Ground, client: Client, { losses }: Size, run: ChaosRun): Promise<void> {
  const wanted = WINDOWS * losses;
  const suppressed = async (): Promise<number> => {
    const { body } = await client.get('/v1/deliveries?status=suppressed&limit=200');
    return (body.data as readonly unknown[]).length;
  };
  let seen = 0;
  await eventually('they are suppressed', async () => ((seen = await suppressed()) >= wanted ? true : undefined)).catch(() => undefined);
  await sink.flush();
  const twice = Array.from({ length: WINDOWS }, (_, at) => sink.taken.get(addressOf(at))).filter((times) => times !== 1).length;
  run.must('dedup windows hold', seen === wanted && twice === 0, `${String(seen)} of ${String(wanted)} suppressed, ${String(twice)} twice`);
  const [waiting] = await cluster.query<{ n: number }>(
    `select count(*)::int as n from actions where due_at > now() + interval '10 minutes'`,
  );
  run.must('what waits for its hour waits', waiting?.n === SCHEDULED, `${String(waiting?.n)} of ${String(SCHEDULED)}`);
}

async function examineCounts(
  client: Client,
  accepted: ReadonlyMap<string, { readonly to: readonly string[] }>,
  run: ChaosRun,
): Promise<void> {
  const sample = [...accepted].filter((_, at) => at % Math.ceil(accepted.size / 50) === 0);
  let wrong = 0;
  for (const [id, { to }] of sample) {
    const { body } = await client.get(`/v1/notifications/${id}`);
    const all = Object.values(body.counts as Readonly<Record<string, number>>).reduce((sum, n) => sum + n, 0);
    if (body.status !== 'completed' || all !== to.length) wrong += 1;
  }
  run.must('counts are right', wrong === 0 && sample.length > 0, `${String(wrong)} of ${String(sample.length)} are not`);
}

/** What lived through it all, and what is made of the same log in peace. */
async function examineModels(
  { installation, stop }: { readonly installation: Installation; readonly stop: () => Promise<void> },
  run: ChaosRun,
): Promise<void> {
  const { ground, elsewhere } = installation;
  const atHead = `select from consumers where name <> 'audit' and position < (select max(position) from consumers)`;
  await eventually('all are at the head', async () => ((await ground.cluster.query(atHead)).length === 0 ? true : undefined));
  await stop();
  const before = await modelsOf(ground);
  await elsewhere.loseModels();
  await fromStore(installation, run);
  const after = await modelsOf(ground);
  const differing = [...before].filter(([name, { digest }]) => after.get(name)?.digest !== digest).map(([name]) => name);
  const rows = [...before.values()].reduce((sum, it) => sum + it.rows, 0);
  const saw = differing.length === 0 ? `${String(rows)} rows of ${String(before.size)} tables` : `${differing.join(', ')} differ`;
  run.must('read models equal those of an undisturbed rebuild', differing.length === 0 && rows > 0, saw);
}

/** Of tables that drainers write too, what the log decides. */
const SHARED: readonly (readonly [name: string, rows: string])[] = [
  ['actions', 'select id, process, kind, tenant, target, items, priority, due_at from actions'],
  ['reservations', 'select tenant, key, delivery from reservations'],
];

async function modelsOf({ cluster }: Ground): Promise<ReadonlyMap<string, Digest>> {
  const live = await cluster.query<{ name: string; suffix: string }>(`select name, suffix from consumers where state = 'live'`);
  const own = live.flatMap(({ name, suffix }) =>
    (CONSUMERS.find((it) => it.name === name && it.inPlace !== true)?.tables ?? []).map(
      (table) => [table, `select * from ${table}${suffix}`] as const,
    ),
  );
  const found = new Map<string, Digest>();
  for (const [name, rows] of [...own, ...SHARED]) found.set(name, await digestOf(cluster, rows));
  return found;
}
