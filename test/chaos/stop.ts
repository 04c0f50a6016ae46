import { eventually } from '../support/client.ts';
import type { Program } from '../support/program.ts';
import type { Chaos } from './chaosRun.ts';
import { clientFor, declareTypes, feed } from './feeder.ts';
import { openGround } from './ground.ts';
import { judge, untilSettled, untilTaken } from './verdict.ts';

type Size = { readonly stops: number; readonly notifications: number; readonly limitMs: number };

const CHUNK = 20;

/** Told to end (SIGTERM) again and again under load: it finishes what is under way, and its successor doubles nothing. */
export const stop: Chaos<Size> = {
  long: { stops: 50, notifications: 20_000, limitMs: 25_000 },
  short: { stops: 2, notifications: 240, limitMs: 25_000 },
  run: async ({ stops, notifications, limitMs }, run) => {
    const ground = await openGround({ smtpDeadlineMs: 9_000 });
    const start = (): Promise<Program> => ground.start({ as: 'real', env: { TIDINGS_SHUTDOWN_MS: String(limitMs) } });
    let program: Program | undefined = await start();
    await declareTypes(clientFor(program));
    let done = 0;
    const feeder = feed({
      prefix: 'stop',
      program: () => program,
      notifications,
      chunk: CHUNK,
      released: () => (notifications * (done + 1)) / (stops + 1),
      orderOf: (at) => ({ kind: at % 2 === 0 ? 'retry' : 'hold', at, recipients: 1 }),
    });
    const durations: number[] = [];
    const statuses = new Set<number | null>();
    const bad: string[] = [];
    let amidst = 0;
    try {
      for (; done < stops; done += 1) {
        await untilTaken(ground, (run.random() * notifications) / (stops + 1), 10_000);
        // Of a few stops all could find a quick service idle.
        const isAmidst = (): true | undefined => (feeder.accepted.size > ground.sink.count() ? true : undefined);
        await eventually('something is under way', isAmidst, { deadlineMs: 5_000 }).catch(() => undefined);
        if (feeder.accepted.size > ground.sink.count()) amidst += 1;
        const began = performance.now();
        statuses.add(await program.stop());
        durations.push(performance.now() - began);
        bad.push(...program.faults().map(({ msg }) => msg));
        run.say(`stopped in ${String(Math.round(durations.at(-1) ?? 0))} ms, ${String(ground.sink.count())} taken`);
        program = undefined;
        program = await start();
      }
      await feeder.done;
      const ready = performance.now();
      await untilSettled(ground, feeder.accepted, 120_000);
      run.figure('stops', stops, 'SIGTERMs');
      run.must('half of the stops at least fall into the middle of the work', 2 * amidst >= stops, `${String(amidst)} of ${String(stops)}`);
      run.figure('all has ended after the last start and', (performance.now() - ready) / 1000, 's');
      const slowest = Math.max(...durations);
      run.must(`it ends within its limit (${String(limitMs)} ms)`, slowest <= limitMs, `${String(Math.round(slowest))} ms at the most`);
      run.must('it ends with 0', [...statuses].join() === '0', [...statuses].join(', '));
      run.must('no error is logged', bad.length === 0, bad[0] ?? 'none');
      await judge(ground, feeder.accepted, { kills: 0, run });
    } finally {
      await feeder.stop().catch(() => undefined);
      await program?.kill();
      await ground.close();
    }
  },
};
