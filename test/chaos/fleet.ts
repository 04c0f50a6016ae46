import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from '../support/client.ts';
import type { Program } from '../support/program.ts';
import type { Ground, StartOptions } from './ground.ts';

export const ROLES = ['api', 'worker', 'projector'] as const;
export type Role = (typeof ROLES)[number];

/** One of several processes of an installation; whoever sits there is killed and comes again. */
export type Seat = {
  readonly role: Role;
  readonly name: string;
  /** Who is ready and has not been killed. */
  readonly program: () => Program | undefined;
  /** SIGKILL, wherever it is, and a successor that starts while this goes on. Answers whether it was ready. */
  readonly kill: () => Promise<boolean>;
};

export type Fleet = {
  readonly seats: readonly Seat[];
  /** An API that is ready, another each time. */
  readonly rotate: () => Program | undefined;
  /** @throws when one of them, or of those that are asked for, is not ready in time; at once where there are faults. */
  readonly ready: (deadlineMs: number, of?: (seat: Seat) => boolean) => Promise<void>;
  /** What ended although nobody killed it, and what a log tells of a fault. */
  readonly faults: () => readonly string[];
  /** SIGTERM to all; answers their exit statuses, and how long the last one took, in milliseconds. */
  readonly stop: () => Promise<{ readonly statuses: readonly (number | null)[]; readonly ms: number }>;
  readonly close: () => Promise<void>;
};

/** From a start to the next. */
type Life = { pid: number; program: Program | undefined; wasKilled: boolean; hasEnded: boolean; started: Promise<Program | undefined> };

/** Two of each role, all started at once, also on a database that has no tables yet. */
export function startFleet(ground: Ground, options: Pick<StartOptions, 'as' | 'env'>): Fleet {
  const faults: string[] = [];
  const closers: (() => Promise<unknown>)[] = [];

  function seatOf(role: Role, name: string): Seat {
    const launch = (): Life => {
      const life: Life = { pid: 0, program: undefined, wasKilled: false, hasEnded: false, started: Promise.resolve(undefined) };
      const env = { ...options.env, TIDINGS_ROLES: role };
      life.started = ground.start({ as: options.as, env, seat: name, onSpawn: (pid) => (life.pid = pid) }).then(
        (program) => (life.program = program),
        (error: unknown) => {
          if (!life.wasKilled) faults.push(`${name} did not start: ${String(error)}`);
          life.hasEnded = true;
          return undefined;
        },
      );
      return life;
    };
    let life = launch();
    const program = (): Program | undefined => (life.wasKilled ? undefined : life.program);
    const end = async (): Promise<boolean> => {
      const wasReady = program() !== undefined;
      if (program()?.isRunning() === false) faults.push(`${name} ended by itself`);
      life.wasKilled = true;
      if (!life.hasEnded && life.program?.isRunning() !== false) process.kill(life.pid, 'SIGKILL');
      const ended = await life.started;
      await ended?.kill();
      if (ended !== undefined) noteFaults(name, ended);
      return wasReady;
    };
    closers.push(end);
    return {
      role,
      name,
      program,
      kill: async () => {
        const wasReady = await end();
        life = launch();
        return wasReady;
      },
    };
  }
  const noteFaults = (name: string, program: Program): void => {
    for (const { msg, ...fields } of program.faults()) faults.push(`${name}: ${msg} ${JSON.stringify(fields)}`);
  };

  const seats = ROLES.flatMap((role) => [1, 2].map((nth) => seatOf(role, `${role}-${String(nth)}`)));
  const apis = seats.filter(({ role }) => role === 'api');
  let turn = 0;
  return {
    seats,
    rotate: () => {
      turn += 1;
      const ready = apis.flatMap((seat) => seat.program() ?? []);
      return ready[turn % Math.max(1, ready.length)];
    },
    ready: async (deadlineMs, of = () => true) => {
      const missing = (): readonly string[] => seats.flatMap((seat) => (of(seat) && seat.program() === undefined ? [seat.name] : []));
      await eventually('all are ready', () => (missing().length === 0 || faults.length > 0 ? true : undefined), {
        deadlineMs,
        seen: missing,
      });
      if (missing().length > 0) throw new Error(`not ready: ${missing().join(', ')}; ${faults.join('; ')}`);
    },
    faults: () => faults,
    stop: async () => {
      const began = performance.now();
      const statuses = await Promise.all(
        seats.map(async (seat) => {
          const program = seat.program();
          const status = await Promise.race([program?.stop() ?? null, pause(STOP_MS, null)]);
          if (program !== undefined) noteFaults(seat.name, program);
          return status;
        }),
      );
      return { statuses, ms: performance.now() - began };
    },
    close: async () => {
      await Promise.all(closers.map((close) => close()));
    },
  };
}

/** Beyond the service's own limit (`TIDINGS_SHUTDOWN_MS`). */
const STOP_MS = 40_000;
