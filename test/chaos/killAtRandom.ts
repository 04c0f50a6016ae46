import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from '../support/client.ts';
import type { Program } from '../support/program.ts';
import type { ChaosRun } from './chaosRun.ts';
import { clientFor, declareTypes, feed, type Kind, type Order } from './feeder.ts';
import type { Ground, StartOptions } from './ground.ts';
import { judge, untilSettled, untilTaken } from './verdict.ts';

export type AtRandom = Pick<StartOptions, 'as'> & {
  readonly kinds: readonly Kind[];
  readonly kills: number;
  readonly notifications: number;
  /** Milliseconds; of the program that is killed. */
  readonly leaseMs: number;
  /** Milliseconds that a recovery may take beyond the lease. */
  readonly beyondMs: number;
};

const CHUNK = 20;

const orderOf = (kinds: readonly Kind[], random: () => number) => {
  const orders = new Map<number, Order>();
  return (at: number): Order => {
    const known = orders.get(at) ?? { kind: kinds[at % kinds.length]!, at, recipients: random() < 0.1 ? 1 + Math.floor(random() * 24) : 1 };
    orders.set(at, known);
    return known;
  };
};

/** Killed again and again while requests keep coming: at any moment, also while it starts. */
export async function killAtRandom(
  ground: Ground,
  { as, kinds, kills, notifications, leaseMs, beyondMs }: AtRandom,
  run: ChaosRun,
): Promise<void> {
  let program: Program | undefined = await ground.start({ as });
  await declareTypes(clientFor(program));
  let done = 0;
  const feeder = feed({
    prefix: `random-${as}`,
    program: () => program,
    notifications,
    chunk: CHUNK,
    released: () => (notifications * (done + 1)) / (kills + 1),
    orderOf: orderOf(kinds, run.random),
  });
  const who = as === 'real' ? 'the program itself: ' : '';
  try {
    for (; done < kills; done += 1) {
      let pid = program?.pid ?? 0;
      const starting: Promise<Program | undefined> =
        program !== undefined ? Promise.resolve(program) : ground.start({ as, onSpawn: (it) => (pid = it) }).catch(() => undefined);
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
        run.say(`${who}${String(done + 1)} kills, ${String(feeder.accepted.size)} accepted, ${String(ground.sink.count())} taken`);
    }
    program = await ground.start({ as });
    const ready = performance.now();
    await untilRecovered(ground, 120_000);
    const recovered = performance.now() - ready;
    await feeder.done;
    await untilSettled(ground, feeder.accepted, 120_000);
    run.figure(`${who}kills at random`, kills, 'kills');
    run.figure(`${who}lease`, leaseMs / 1000, 's');
    run.must(
      `${who}recovery from the last kill ≤ lease + ${String(beyondMs / 1000)} s`,
      recovered <= leaseMs + beyondMs,
      `${(recovered / 1000).toFixed(1)} s`,
    );
    run.must(`${who}everything was accepted in the end`, feeder.accepted.size === notifications, feeder.accepted.size);
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
