import { Agent, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from '../support/client.ts';
import { memoryOf } from '../support/processUse.ts';
import type { Program } from '../support/program.ts';
import { quantile } from '../support/quantile.ts';
import type { Chaos, ChaosRun } from './chaosRun.ts';
import { PRODUCTION, withProgram, type Ground } from './ground.ts';
import { post, type Answered } from './posting.ts';

type Size = {
  readonly measureMs: number;
  readonly overloadMs: number;
  /** Requests a second ÷ what was measured. */
  readonly times: number;
  /** Requests in all, at the most. */
  readonly most: number;
  /** Milliseconds within which 99 of 100 refusals are there. */
  readonly refusedMs: number;
};

const CALLERS = 64;
/** That are there before: a loop takes one new connection a turn, and who waits for that is none of its requests yet. */
const CONNECTIONS = 2_400;
/** MiB that the service may hold. */
const MOST_MIB = 600;
/** A caller who waits longer than this has been forgotten. */
const FORGOTTEN_MS = 110_000;
const TICK_MS = 20;

/** Twice as much as it can take: it takes what it can and refuses the rest at once. */
export const overload: Chaos<Size> = {
  long: { measureMs: 15_000, overloadMs: 60_000, times: 2, most: 1_000_000, refusedMs: 2_000 },
  short: { measureMs: 1_500, overloadMs: 4_000, times: 12, most: 2_500, refusedMs: 20_000 },
  run: (size, run) => withProgram({ smtpDeadlineMs: 30_000, env: PRODUCTION }, (program, ground) => overloaded(ground, program, size, run)),
};

/** As gateways keep them. */
async function connected({ url }: Program, agent: Agent): Promise<void> {
  const one = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const sent = request(`${url}/health/live`, { agent }, (response) => {
        response.resume();
        response.once('end', () => resolve());
      });
      sent.once('error', reject);
      sent.end();
    });
  await Promise.all(Array.from({ length: CONNECTIONS }, one));
}

/** Each caller waits for its answer before it sends again. Requests accepted per second. */
async function capacityOf(program: Program, agent: Agent, measureMs: number, accepted: Set<string>): Promise<number> {
  const until = performance.now() + measureMs;
  let warm = 0;
  const call = async (caller: number): Promise<void> => {
    for (let at = 0; performance.now() < until; at += 1) {
      const { to, what } = await post(program, agent, `measured-${String(caller)}-${String(at)}@example.com`, FORGOTTEN_MS);
      if (what === '202') accepted.add(to);
      // The first third warms up.
      if (what === '202' && performance.now() > until - (2 * measureMs) / 3) warm += 1;
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, (_, caller) => call(caller)));
  return warm / ((2 * measureMs) / 3000);
}

async function overloaded(ground: Ground, program: Program, size: Size, run: ChaosRun): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY, maxFreeSockets: 4_000 });
  const accepted = new Set<string>();
  const capacity = await capacityOf(program, agent, size.measureMs, accepted);
  run.say(`it takes ${String(Math.round(capacity))} requests a second`);

  await connected(program, agent);

  // Whoever calls does not wait for the others.
  const waiting: Promise<Answered>[] = [];
  const memory: number[] = [];
  const began = performance.now();
  let refusals = 0;
  // Until something was refused, where it had been slower when it was measured than it is now.
  for (let sent = 0, now = 0; now < size.overloadMs || (refusals === 0 && sent < size.most); now = performance.now() - began) {
    for (const due = Math.min(size.most, (now / 1000) * capacity * size.times); sent < due; sent += 1)
      waiting.push(
        post(program, agent, `over-${String(sent)}@example.com`, FORGOTTEN_MS).then((answer) => {
          if (answer.what === '503') refusals += 1;
          return answer;
        }),
      );
    memory.push(memoryOf(program.pid, 'VmRSS') / 2 ** 20);
    await pause(TICK_MS);
  }
  const answers = await Promise.all(waiting);
  agent.destroy();
  memory.push(memoryOf(program.pid, 'VmRSS') / 2 ** 20);
  const [taken, refused] = [answers.filter(({ what }) => what === '202'), answers.filter(({ what }) => what === '503')];
  for (const { to } of taken) accepted.add(to);
  const others = answers.filter(({ what }) => what !== '202' && what !== '503').map(({ what }) => what);
  const ms = (list: readonly Answered[], share: number): number =>
    quantile(
      list.map((it) => it.ms),
      share,
    );
  const sentMs = Math.min(size.overloadMs, (size.most / (capacity * size.times)) * 1000);
  run.say(`${String(answers.length)} sent, ${String(taken.length)} taken, ${String(refused.length)} refused`);

  const arrived = (): number => [...accepted].filter((to) => ground.sink.taken.has(to)).length;
  await eventually('all that were accepted have arrived', () => (arrived() === accepted.size ? true : undefined), {
    deadlineMs: 120_000 + accepted.size * 20,
    seen: () => [arrived(), accepted.size],
  }).catch(() => undefined);
  await ground.sink.flush();
  run.figure('measured capacity', capacity, 'requests/s');
  run.figure('sent under overload', answers.length / (sentMs / 1000), 'requests/s');
  run.figure('accepted of these', taken.length, 'requests');
  run.figure('accepted, p50', ms(taken, 0.5), 'ms');
  run.figure('accepted, p99', ms(taken, 0.99), 'ms');
  run.figure('refused', refused.length, 'requests');
  run.figure('refused, p50', ms(refused, 0.5), 'ms');
  // Or nothing would be known of refusals.
  run.must('what is too much is refused', refused.length > 0, `${String(refused.length)} requests`);
  run.must(
    `99 of 100 refusals are there within ${String(size.refusedMs)} ms`,
    ms(refused, 0.99) <= size.refusedMs,
    `${String(Math.round(ms(refused, 0.99)))} ms`,
  );
  run.must(
    'every answer is 202 or 503',
    others.length === 0,
    others.length === 0 ? 'all' : `${String(others.length)} others: ${[...new Set(others)].join(', ')}`,
  );
  run.must(
    'nothing that got 202 is lost',
    arrived() === accepted.size,
    `${String(accepted.size - arrived())} of ${String(accepted.size)} lost`,
  );
  const doubled = [...accepted].filter((to) => (ground.sink.taken.get(to) ?? 0) > 1).length;
  run.must('nothing is doubled', doubled === 0, `${String(doubled)} doubled`);
  const peak = Math.max(...memory);
  run.must(`memory stays below ${String(MOST_MIB)} MiB`, peak < MOST_MIB, `${String(Math.round(peak))} MiB at the most`);
}
