import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from '../support/client.ts';
import type { Program } from '../support/program.ts';
import { arm } from './arming.ts';
import type { Chaos, ChaosRun } from './chaosRun.ts';
import { clientFor, declareTypes, feed, KINDS, type Accepted, type Feeder, type Order } from './feeder.ts';
import { openGround, WINDOW, type Ground } from './ground.ts';
import { doublesIn, judge, untilSettled, untilTaken } from './verdict.ts';

/** `kills`: at random over so many notifications; `points`: named points at which it is killed once each, so many of all there are. */
type Size = {
  readonly kills: number;
  readonly notifications: number;
  readonly points: number;
  /** Milliseconds that a recovery may take beyond the lease; among other tests the machine is busy. */
  readonly beyondMs: number;
};

const CHUNK = 20;

export const crash: Chaos<Size> = {
  long: { kills: 200, notifications: 10_000, points: 1_000, beyondMs: 5_000 },
  short: { kills: 1, notifications: 90, points: 2, beyondMs: 60_000 },
  run: async (size, run) => {
    const ground = await openGround();
    try {
      await atRandom(ground, size, run);
      await atPoints(ground, size, run);
    } finally {
      await ground.close();
    }
  },
};

const orderOf = (random: () => number) => {
  const orders = new Map<number, Order>();
  return (at: number): Order => {
    const known = orders.get(at) ?? { kind: KINDS[at % 3]!, at, recipients: random() < 0.1 ? 1 + Math.floor(random() * 24) : 1 };
    orders.set(at, known);
    return known;
  };
};

/** Killed again and again while requests keep coming: at any moment, also while it starts. */
async function atRandom(ground: Ground, { kills, notifications, beyondMs }: Size, run: ChaosRun): Promise<void> {
  let program: Program | undefined = await ground.start({ as: 'short-leases' });
  await declareTypes(clientFor(program));
  let done = 0;
  const feeder = feed({
    prefix: 'random',
    program: () => program,
    notifications,
    chunk: CHUNK,
    released: () => (notifications * (done + 1)) / (kills + 1),
    orderOf: orderOf(run.random),
  });
  try {
    for (; done < kills; done += 1) {
      let pid = program?.pid ?? 0;
      const starting: Promise<Program | undefined> =
        program !== undefined
          ? Promise.resolve(program)
          : ground.start({ as: 'short-leases', onSpawn: (it) => (pid = it) }).catch(() => undefined);
      // One in eight is killed while it starts; the others have some time to work.
      if (run.random() < 0.125) await pause(run.random() * 2_000);
      else {
        program = await starting;
        await untilTaken(ground, 1 + (run.random() * notifications) / kills, 10_000);
      }
      process.kill(pid, 'SIGKILL');
      await (await starting)?.kill();
      program = undefined;
      if (done % 10 === 9)
        run.say(`${String(done + 1)} kills, ${String(feeder.accepted.size)} accepted, ${String(ground.sink.count())} taken`);
    }
    program = await ground.start({ as: 'short-leases' });
    const ready = performance.now();
    await untilRecovered(ground, 120_000);
    const recovered = performance.now() - ready;
    await feeder.done;
    await untilSettled(ground, feeder.accepted, 120_000);
    run.figure('kills at random', kills, 'kills');
    run.figure('lease', ground.leaseMs / 1000, 's');
    run.must(
      `recovery from the last kill ≤ lease + ${String(beyondMs / 1000)} s`,
      recovered <= ground.leaseMs + beyondMs,
      `${(recovered / 1000).toFixed(1)} s`,
    );
    run.must('everything was accepted in the end', feeder.accepted.size === notifications, feeder.accepted.size);
    await judge(ground, feeder.accepted, { kills, run });
  } finally {
    await feeder.stop().catch(() => undefined);
    await program?.kill();
  }
}

/** What was in flight when the last one died: asked again, or known not to be known. What had not been begun is ordinary work. */
async function untilRecovered({ cluster }: Ground, deadlineMs: number): Promise<void> {
  const open = await cluster.query<{ id: string }>(`select id from actions where kind = 'recover'`);
  const look = async (): Promise<true | undefined> => {
    const left = await cluster.query(`select from actions where id = any ($1)`, [open.map(({ id }) => id)]);
    return left.length === 0 ? true : undefined;
  };
  await eventually('all that was in flight is recovered', look, { deadlineMs });
}

/** Every step of the way has points around it, or the run proves nothing of that step. */
const STEPS: Readonly<Record<string, RegExp>> = {
  accept: /^(name people|identify|seal)/,
  append: /^append NotificationRequested/,
  claim: /^actions\.claim/,
  load: /^read notification/,
  declare: /^claims\.declare/,
  facts: /^facts /,
  reserve: /^reservations\.reserve/,
  started: /^append DeliveriesPlanned\+HandOffStarted/,
  send: /^send by (smtp|keyed)/,
  recorded: /^append HandOffRecorded/,
  finish: /^claims\.finish/,
  checkpoint: /^commit, checkpoint of (actions|notifications)/,
};
const LEAST_POINTS = 40;
const missingIn = (points: readonly string[]): readonly string[] =>
  Object.entries(STEPS).flatMap(([step, shape]) => (points.some((point) => shape.test(point)) ? [] : [step]));
/** Passed for the first time before anything can be in flight. */
const IDLE =
  /^(?:name people|append NotificationRequested|claims\.declare|reservations\.reserve|append DeliveriesPlanned\+HandOffStarted): /;

/** A message of each kind, and one of each that takes several calls of its provider. */
const WORKLOAD = 6;
const workload =
  (round: number) =>
  (at: number): Order => ({ kind: KINDS[at % 3]!, at: 100_000 + round * 10 + at, recipients: at < 3 ? 1 : 20 });

/** Two as single requests, the others as bulks of two. */
const work = (program: () => Program | undefined, round: number): Feeder =>
  feed({ prefix: `point-${String(round)}`, program, notifications: WORKLOAD, chunk: 2, orderOf: workload(round), lanes: 3 });

/** All points that the workload passes, as one undisturbed process writes them down. */
async function pointsOf(ground: Ground): Promise<readonly string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'tidings-points-'));
  const file = join(folder, 'passed');
  const program = await ground.start({ as: 'short-leases', env: { CHAOS_PASSED_FILE: file } });
  try {
    await declareTypes(clientFor(program));
    // What a start passes, and what follows from the types, is passed by no other round.
    await untilAllAreThere(ground);
    await arm(program);
    const { accepted, done } = work(() => program, 0);
    await done;
    await untilSettled(ground, accepted, 30_000);
    const passed = (): readonly string[] => (existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').sort() : []);
    // The read model shows it before the worker is quite done with it.
    await eventually('every step is passed', () => (missingIn(passed()).length === 0 ? true : undefined), { deadlineMs: 15_000 }).catch(
      () => undefined,
    );
    return passed();
  } finally {
    await program.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Until every read model has taken in all that there is. */
async function untilAllAreThere({ cluster }: Ground): Promise<void> {
  const [now] = await cluster.query<{ at: Date }>('select tidings_now() as at');
  const behind = `select from consumers where state = 'live' and coalesce(caught_up_at, '-infinity') <= $1`;
  const look = async (): Promise<true | undefined> => ((await cluster.query(behind, [now?.at])).length === 0 ? true : undefined);
  await eventually('all read models are there', look, { deadlineMs: 60_000 });
}

async function atPoints(ground: Ground, { points: most, beyondMs }: Size, run: ChaosRun): Promise<void> {
  const all = await pointsOf(ground);
  const missing = missingIn(all);
  run.must(`named points ≥ ${String(LEAST_POINTS)}`, all.length >= LEAST_POINTS, all.length);
  run.must('points around every step', missing.length === 0, missing.join(', ') || 'all');
  const chosen = chosenOf(all, most, run.random);
  const accepted = new Map<string, Accepted>();
  const rounds = new Map<string, readonly Accepted[]>();
  const askedBefore = ground.sink.asked() - keyedTaken(ground);
  const unreached: string[] = [];
  let slowest: { readonly ms: number; readonly point: string } = { ms: 0, point: '' };
  let sinceDeath = 0;
  let killed: Killed | undefined;
  const seeTo = async (it: Killed, program: Program): Promise<void> => {
    const ms = await recovered(ground, program, it);
    run.say(`${it.point}: recovered in ${(ms / 1000).toFixed(1)} s`);
    sinceDeath = Math.max(sinceDeath, performance.now() - it.diedAt);
    if (ms > slowest.ms) slowest = { ms, point: it.point };
    rounds.set(it.point, [...it.feeder.accepted.values()]);
    for (const [id, one] of it.feeder.accepted) accepted.set(id, one);
  };
  // Whoever goes on after one kill is the next to be killed.
  for (const [round, point] of [...chosen, undefined].entries()) {
    const program = await ground.start({ as: 'short-leases', ...(point !== undefined && { env: { CHAOS_POINT: point } }) });
    try {
      if (killed !== undefined) await seeTo(killed, program);
      killed = point === undefined ? undefined : await killedAt(program, point, round + 1);
      if (killed?.reached === false) unreached.push(killed.point);
    } finally {
      await program.kill();
    }
  }
  run.figure('kills at named points', chosen.length, 'kills');
  run.figure('recovered after the kill, start of the successor included', sinceDeath / 1000, 's at the most');
  run.must('each of them was reached', unreached.length === 0, unreached.join(', ') || 'all');
  run.must(
    `recovery ≤ lease + ${String(beyondMs / 1000)} s`,
    slowest.ms <= ground.leaseMs + beyondMs,
    `${(slowest.ms / 1000).toFixed(1)} s, ${slowest.point}`,
  );
  await judge(ground, accepted, { kills: chosen.length, run });
  judgeEach(ground, rounds, run);
  // Or it would be for want of a repeat that nothing was doubled.
  const repeats = ground.sink.asked() - keyedTaken(ground) - askedBefore;
  if (rounds.has('send by keyed: after')) run.must('keyed: what was open was asked again under its key', repeats > 0, repeats);
}

const keyedTaken = ({ sink }: Ground): number => [...sink.taken].reduce((sum, [to, times]) => sum + (to.startsWith('+') ? times : 0), 0);

/** Of all kills together many could hide behind few: none may double more than was in flight. */
function judgeEach(ground: Ground, rounds: ReadonlyMap<string, readonly Accepted[]>, run: ChaosRun): void {
  const doubled = [...rounds].map(([point, accepted]) => ({ point, n: doublesIn(ground, accepted, 'retry') }));
  const worst = doubled.reduce((one, other) => (other.n > one.n ? other : one), { point: 'none', n: 0 });
  run.must(`no kill at a point doubled more than ${String(WINDOW)}`, worst.n <= WINDOW, `${String(worst.n)} at the most: ${worst.point}`);
  const idle = doubled.filter(({ point, n }) => n > 0 && IDLE.test(point)).map(({ point }) => point);
  run.must('killed before it had anything in flight, it doubled nothing', idle.length === 0, idle.join(', ') || 'nothing');
}

/** Without all of them: those on either side of a provider's call, where an outcome is left open, and others by the seed. */
function chosenOf(all: readonly string[], most: number, random: () => number): readonly string[] {
  if (most >= all.length) return all;
  const telling = all.filter((point) => point.startsWith('send by smtp') || point.startsWith('send by keyed: after'));
  const others = all.filter((point) => !telling.includes(point)).sort();
  while (telling.length < most && others.length > 0) telling.push(...others.splice(Math.floor(random() * others.length), 1));
  return telling.slice(0, most);
}

type Killed = {
  readonly point: string;
  readonly reached: boolean;
  /** When it was gone, by `performance.now`. */
  readonly diedAt: number;
  readonly feeder: Feeder;
  /** The requests go on to whoever answers next. */
  readonly goOnWith: (program: Program) => void;
};

/** It kills itself at the point; what was being asked of it is asked again until somebody answers. */
async function killedAt(program: Program, point: string, round: number): Promise<Killed> {
  await arm(program);
  let answering: Program | undefined = program;
  const feeder = work(() => answering, round);
  const gone = (): true | undefined => (program.isRunning() ? undefined : true);
  const reached = await eventually('it is killed at its point', gone, { deadlineMs: 20_000 }).catch(() => false);
  answering = undefined;
  return { point, reached, diedAt: performance.now(), feeder, goOnWith: (next) => (answering = next) };
}

/** Milliseconds from the successor's being ready until all that was accepted has ended. */
async function recovered(ground: Ground, program: Program, { feeder, goOnWith }: Killed): Promise<number> {
  const began = performance.now();
  goOnWith(program);
  await feeder.done;
  await untilSettled(ground, feeder.accepted, 60_000);
  return performance.now() - began;
}
