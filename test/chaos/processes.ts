import { setTimeout as pause } from 'node:timers/promises';
import { logAt } from '../support/eventStoreEnv.ts';
import { eventStoreServer } from '../support/eventStoreServer.ts';
import type { Chaos, ChaosRun } from './chaosRun.ts';
import { clientFor, declareTypes, feed, KINDS, type Feeder, type Kind } from './feeder.ts';
import { ROLES, startFleet, type Fleet, type Role, type Seat } from './fleet.ts';
import { openGround, REAL_LEASE_MS, type Ground, type StartOptions } from './ground.ts';
import { examineRows } from './examineRows.ts';
import { deliveriesTable, doublesIn, judge, untilSettled, untilTaken } from './verdict.ts';
import { watchLife } from './watchLife.ts';

type Size = {
  /** Kills of programs wired for tests, with short leases and a provider that takes keys; and what is sent meanwhile. */
  readonly kills: number;
  readonly notifications: number;
  /** The same of the program itself, by mail alone. */
  readonly realKills: number;
  readonly realNotifications: number;
  /** Milliseconds from one kill to the next, in the mean, at the least. */
  readonly everyMs: number;
  /** 1: a kill waits until both of its role are ready; 0: it comes whatever is there, on a busy machine mostly to those who still start. */
  readonly waits: number;
  /** 1: the log is in EventStoreDB (EVENT_STORE_URL, on PATH, or the double). */
  readonly eventstore: number;
};
type Round = Pick<StartOptions, 'as'> & {
  readonly kinds: readonly Kind[];
  readonly kills: number;
  readonly notifications: number;
  readonly everyMs: number;
  readonly leaseMs: number;
  readonly waits: boolean;
};

const CHUNK = 20;
/** Until six processes that start at once are ready, also on a busy machine; those that succeed killed ones wait for leases besides. */
const READY_MS = 240_000;
const ALIVE_MS = 10_000;
const MOVING_MS = 60_000;
const SETTLED_MS = 240_000;
/** What `TIDINGS_SHUTDOWN_MS` is by default. */
const SHUTDOWN_MS = 25_000;
/** From so many kills on it would be strange if none had hit a worker in the middle of its work. */
const MANY = 30;
/** Those that something is written to here; the audit hears of the rebuild itself. */
const MODELS = ['notifications', 'recipients', 'tenants', 'catalogue'];

/** Two of each role as processes of their own: one after the other is killed, and what they do together stays whole. */
export const processes: Chaos<Size> = {
  long: { kills: 60, notifications: 3_000, realKills: 60, realNotifications: 3_000, everyMs: 1_000, waits: 1, eventstore: 0 },
  short: { kills: 3, notifications: 120, realKills: 0, realNotifications: 0, everyMs: 1_000, waits: 1, eventstore: 0 },
  run: async ({ kills, notifications, realKills, realNotifications, everyMs, waits, eventstore }, run) => {
    const wired = { as: 'short-leases', kinds: KINDS, kills, notifications, everyMs, waits: waits === 1 } as const;
    const itself = {
      as: 'real',
      kinds: ['retry', 'hold'],
      kills: realKills,
      notifications: realNotifications,
      everyMs,
      waits: waits === 1,
    } as const;
    if (kills > 0)
      await onGround(eventstore === 1, run, (ground, env) => underKills(ground, env, { ...wired, leaseMs: ground.leaseMs }, run));
    if (realKills > 0)
      await onGround(eventstore === 1, run, (ground, env) => underKills(ground, env, { ...itself, leaseMs: REAL_LEASE_MS }, run));
  },
};

type Env = Readonly<Record<string, string>>;
async function onGround(inEventStore: boolean, run: ChaosRun, work: (ground: Ground, env: Env) => Promise<void>): Promise<void> {
  const ground = await openGround({ durable: true });
  const server = inEventStore ? await eventStoreServer() : undefined;
  if (server !== undefined) run.say(`the log is in ${server.name}`);
  try {
    await work(ground, server === undefined ? {} : logAt(server.url));
  } finally {
    await server?.close();
    await ground.close();
  }
}

/** One of each role in an order by the seed, then the other of each, and so on: none is spared. */
function* victims(seats: readonly Seat[], random: () => number): Generator<Seat, never> {
  for (;;) {
    const [first, second]: Seat[][] = [[], []];
    for (const role of ROLES) {
      const pair = seats.filter((seat) => seat.role === role);
      const at = random() < 0.5 ? 0 : 1;
      first!.push(pair[at]!);
      second!.push(pair[1 - at]!);
    }
    for (const three of [first!, second!]) yield* three.map((seat) => ({ seat, place: random() })).sort((a, b) => a.place - b.place).map(({ seat }) => seat); // prettier-ignore
  }
}

async function underKills(ground: Ground, env: Env, round: Round, run: ChaosRun): Promise<void> {
  const { as, kinds, kills, notifications } = round;
  const who = as === 'real' ? 'the program itself: ' : '';
  const fleet = startFleet(ground, { as, env });
  let done = 0;
  const watched = watchLife(fleet.rotate, ALIVE_MS, (it) => fleet.seats.every((seat) => seat.program() !== it));
  let feeder: Feeder | undefined;
  try {
    await fleet.ready(READY_MS);
    await declareTypes(clientFor(fleet.rotate()!));
    run.say(`${who}six processes are ready`);
    const asked = ground.sink.asked();
    feeder = feed({
      prefix: `processes-${as}`,
      program: fleet.rotate,
      notifications,
      chunk: CHUNK,
      released: () => (notifications * (done + 1)) / (kills + 1),
      orderOf: (at) => ({ kind: kinds[at % kinds.length]!, at, recipients: at % 7 === 6 ? 12 : 1 }),
      lanes: 4,
    });
    const killed = await killAll(fleet, { ...round, ground, feeder, onKill: () => (done += 1) }, run, who);
    const began = performance.now();
    await fleet.ready(READY_MS + round.leaseMs);
    const readyMs = performance.now() - began;
    await within(feeder.done, SETTLED_MS, 'everything is accepted');
    await untilSettled(ground, feeder.accepted, SETTLED_MS);
    const settledMs = performance.now() - began;
    run.figure(`${who}kills of one of six`, kills, 'kills');
    run.figure(`${who}from one kill to the next`, killed.meanMs / 1000, 's in the mean');
    run.figure(`${who}of these met a process that was ready`, killed.ready, 'kills');
    run.figure(`${who}all six are ready after the last kill`, readyMs / 1000, 's');
    run.figure(`${who}all has ended after the last kill`, settledMs / 1000, 's');
    run.must(
      `${who}it goes on meanwhile: accepted and taken before the last kill`,
      killed.accepted > 0 && killed.taken > 0,
      `${String(killed.accepted)} of ${String(notifications)} accepted, ${String(killed.taken)} taken`,
    );
    run.must(`${who}everything was accepted in the end`, feeder.accepted.size === notifications, feeder.accepted.size);
    const hits = await hitsIn(ground, feeder, ground.sink.asked() - asked);
    const inFlight = `${who}messages in flight when a worker died`;
    if (kills >= MANY && round.waits)
      run.must(`${inFlight}: some at least`, hits > 0, `${String(hits)} by ${String(killed.by.worker)} workers`);
    else run.figure(inFlight, hits, 'messages');
    await judge(ground, feeder.accepted, { kills: killed.by.worker, run });
    await examineRows(ground, clientFor(fleet.rotate()!), run, MODELS);
    watched.stop();
    run.must(`${who}an API that runs answers /health/live within ${String(ALIVE_MS / 1000)} s`, watched.silent() === 0, `${String(watched.silent())} silences`); // prettier-ignore
    const { statuses, ms } = await fleet.stop();
    const isWell = statuses.every((status) => status === 0) && ms < SHUTDOWN_MS;
    run.must(`${who}nobody hangs: told to end, all do, with 0`, isWell, `${statuses.join(', ')} after ${(ms / 1000).toFixed(1)} s`);
    run.must(`${who}none ends by itself or logs an error`, fleet.faults().length === 0, fleet.faults().slice(0, 5).join('; ') || 'none');
  } finally {
    watched.stop();
    await feeder?.stop().catch(() => undefined);
    await fleet.close();
  }
}

type Killing = Pick<Round, 'kills' | 'everyMs' | 'waits'> & {
  readonly ground: Ground;
  readonly feeder: Feeder;
  readonly onKill: () => void;
};
type Killed = {
  readonly by: Readonly<Record<Role, number>>;
  readonly ready: number;
  readonly meanMs: number;
  readonly accepted: number;
  readonly taken: number;
};

async function killAll(
  fleet: Fleet,
  { kills, everyMs, waits, ground, feeder, onKill }: Killing,
  run: ChaosRun,
  who: string,
): Promise<Killed> {
  const by = { api: 0, worker: 0, projector: 0 };
  let ready = 0;
  const order = victims(fleet.seats, run.random);
  // Before anything moves there is nothing that a kill could break.
  await untilTaken(ground, 1, MOVING_MS);
  const began = performance.now();
  for (let at = 0; at < kills; at += 1) {
    await pause(everyMs / 2 + run.random() * everyMs);
    const seat = order.next().value;
    if (waits) await fleet.ready(READY_MS, (it) => it.role === seat.role);
    if (await seat.kill()) ready += 1;
    by[seat.role] += 1;
    onKill();
    if (at % 10 === 9) run.say(`${who}${String(at + 1)} kills, ${String(feeder.accepted.size)} accepted, ${String(ground.sink.count())} taken`); // prettier-ignore
  }
  return {
    by,
    ready,
    meanMs: (performance.now() - began) / Math.max(1, kills),
    accepted: feeder.accepted.size,
    taken: ground.sink.count(),
  };
}

/** Messages of which it is known that a worker died over them: sent again, left `unknown`, or asked again under their key. */
async function hitsIn(ground: Ground, { accepted }: Feeder, asked: number): Promise<number> {
  const keyed = [...accepted.values()].reduce((sum, it) => sum + (it.kind === 'keyed' ? it.to.length : 0), 0);
  const text = `select count(*)::int as n from ${await deliveriesTable(ground)} where status = 'unknown'`;
  const [row] = await ground.cluster.query<{ n: number }>(text);
  return doublesIn(ground, accepted.values(), 'retry') + (row?.n ?? 0) + Math.max(0, asked - keyed);
}

async function within<T>(work: Promise<T>, ms: number, what: string): Promise<T> {
  const ended = new AbortController();
  const late = pause(ms, undefined, { signal: ended.signal, ref: false }).then(() => {
    throw new Error(`it did not come to be: ${what}`);
  });
  late.catch(() => undefined);
  return Promise.race([work, late]).finally(() => {
    ended.abort();
  });
}
