import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../support/client.ts';
import type { Program } from '../support/program.ts';
import { arm } from './arming.ts';
import type { ChaosRun } from './chaosRun.ts';
import { clientFor, declareTypes, feed, KINDS, type Accepted, type Feeder, type Order } from './feeder.ts';
import { WINDOW, type Ground } from './ground.ts';
import { doublesIn, judge, untilSettled } from './verdict.ts';

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
/** Some points are passed only as it happens: where the first round of work does not come to them, another one may. */
const TRIES = 3;

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
    await untilSettled(ground, accepted, 120_000);
    const passed = (): readonly string[] => (existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').sort() : []);
    // The read model shows it before the worker is quite done with it.
    await eventually('every step is passed', () => (missingIn(passed()).length === 0 ? true : undefined), { deadlineMs: 60_000 }).catch(
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

/** `most`: so many of all points there are; `beyondMs`: milliseconds that a recovery may take beyond the lease. */
export type AtPoints = { readonly most: number; readonly beyondMs: number };

/** Killed once at each point; whoever goes on after one kill is the next to be killed. */
export async function killAtPoints(ground: Ground, { most, beyondMs }: AtPoints, run: ChaosRun): Promise<void> {
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
    const its = it.feeders.flatMap((feeder) => [...feeder.accepted]);
    rounds.set(
      it.point,
      its.map(([, one]) => one),
    );
    for (const [id, one] of its) accepted.set(id, one);
  };
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
  readonly feeders: readonly Feeder[];
  /** The requests go on to whoever answers next. */
  readonly goOnWith: (program: Program) => void;
};

/** It kills itself at the point; what was being asked of it is asked again until somebody answers. */
async function killedAt(program: Program, point: string, round: number): Promise<Killed> {
  await arm(program);
  let answering: Program | undefined = program;
  const feeders: Feeder[] = [];
  const gone = (): true | undefined => (program.isRunning() ? undefined : true);
  let reached = false;
  while (!reached && feeders.length < TRIES) {
    feeders.push(work(() => answering, round * TRIES + feeders.length));
    reached = await eventually('it is killed at its point', gone, { deadlineMs: 30_000 }).catch(() => false);
  }
  answering = undefined;
  return { point, reached, diedAt: performance.now(), feeders, goOnWith: (next) => (answering = next) };
}

/** Milliseconds from the successor's being ready until all that was accepted has ended. */
async function recovered(ground: Ground, program: Program, { feeders, goOnWith }: Killed): Promise<number> {
  const began = performance.now();
  goOnWith(program);
  for (const { accepted, done } of feeders) {
    await done;
    await untilSettled(ground, accepted, 180_000);
  }
  return performance.now() - began;
}
