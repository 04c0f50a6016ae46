import { randomUUID } from 'node:crypto';
import { Agent } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { connectRedis } from '../../src/adapters/redis/connection.ts';
import { redisLimiter } from '../../src/adapters/limits/redisLimiter.ts';
import type { Limiter } from '../../src/http/rateLimits.ts';
import { eventually } from '../support/client.ts';
import type { Program } from '../support/program.ts';
import { quantile } from '../support/quantile.ts';
import { startRedisServer, type TestRedis } from '../support/redisServer.ts';
import type { Chaos, ChaosRun } from './chaosRun.ts';
import { clientFor } from './feeder.ts';
import { PRODUCTION, withProgram } from './ground.ts';
import { post, type Answered } from './posting.ts';

type Size = {
  /** Redis is there, before it is stopped and after that. */
  readonly besideMs: number;
  /** Redis is stopped. */
  readonly outageMs: number;
  /** It is frozen, which is not seen but by waiting. */
  readonly frozenMs: number;
  /** Of the way to it in the middle of a command, under load and then where it is counted who was counted. */
  readonly cuts: number;
  /** Requests. */
  readonly perSecond: number;
  /** Accept's p99 in the outage ÷ before and after it, at the most; infinite: told and not judged. */
  readonly mostTimes: number;
  /** Of the requests while Redis is there so many may find that it answers too late, at the most; a part. */
  readonly mostLate: number;
  /** Seconds' worth of requests that may wait for Redis when it freezes; on a busy machine whatever is asked takes its time. */
  readonly mostWaiting: number;
};

/** A caller who waits longer than this hangs. */
const HANGS_MS = 10_000;
/** Keys that a tenant may make a minute: what fails closed is seen by it. */
const CREDENTIALS = 5;

/** Redis is stopped, frozen and cut off under load: nobody hangs, and each limit does what it says. */
export const redis: Chaos<Size> = {
  long: { besideMs: 60_000, outageMs: 60_000, frozenMs: 20_000, cuts: 200, perSecond: 40, mostTimes: 2, mostLate: 0.1, mostWaiting: 1 },
  short: {
    ...{ besideMs: 2_000, outageMs: 3_000, frozenMs: 4_000, cuts: 10, perSecond: 15 },
    ...{ mostTimes: Number.POSITIVE_INFINITY, mostLate: 0.5, mostWaiting: 3 },
  },
  run: async (size, run) => {
    const server = await startRedisServer();
    const env = { ...PRODUCTION, REDIS_URL: server.proxiedUrl, TIDINGS_RATE_LIMIT_CREDENTIALS: String(CREDENTIALS) };
    try {
      await withProgram({ env }, (program) => underLoad(program, server, size, run));
      await countedRight(server, size, run);
    } finally {
      await server.close();
    }
  },
};

/** Callers who do not wait for each other, as many a second, for as long as the work takes and so many milliseconds at least. */
async function load(program: Program, perSecond: number, ms: number, work: () => Promise<void> = async () => undefined) {
  const agent = new Agent({ keepAlive: true });
  const waiting: Promise<Answered>[] = [];
  let isDone = false;
  const working = work().finally(() => (isDone = true));
  const began = performance.now();
  for (let now = 0; now < ms || !isDone; now = performance.now() - began) {
    for (; waiting.length < (now / 1000) * perSecond;) waiting.push(post(program, agent, `${randomUUID()}@example.com`, HANGS_MS));
    await pause(5);
  }
  await working;
  const answers = await Promise.all(waiting);
  agent.destroy();
  return answers;
}

const took = (answers: readonly Answered[], share: number): number =>
  quantile(
    answers.map(({ ms }) => ms),
    share,
  );
const uncounted = (answers: readonly Answered[]): number => answers.filter(({ counted }) => !counted).length;

/** Checks of a limit that took longer than a tenth of a second, so far. */
async function slowChecks(program: Program): Promise<number> {
  const { body } = await clientFor(program).get('/metrics');
  const value = (line: string): number => Number(new RegExp(`^tidings_limit_check_seconds_${line} (\\d+)$`, 'm').exec(body)?.[1] ?? NaN);
  return value('count') - value('bucket\\{le="0\\.1"\\}');
}

async function makeKeys(program: Program, times: number): Promise<string> {
  const seen: number[] = [];
  for (let call = 0; call < times; call += 1)
    seen.push((await clientFor(program).post('/v1/api-keys', { name: 'chaos', scopes: ['read'] })).status);
  return seen.join(', ');
}

/** Keys until one is refused for the limit. Those for which Redis answered too late were not made, and may have been counted. */
async function untilLimited(program: Program): Promise<{ readonly holds: boolean; readonly saw: string }> {
  const seen: string[] = [];
  const began = performance.now();
  while (seen.at(-1) !== '429' && seen.length < 4 * CREDENTIALS) {
    if (seen.at(-1) === '503') await untilCounted(program);
    seen.push(await makeKeys(program, 1));
  }
  const back = Math.floor((performance.now() - began) / (60_000 / CREDENTIALS));
  const count = (status: string): number => seen.filter((it) => it === status).length;
  const [made, late] = [count('201'), count('503')];
  const isLimited = seen.at(-1) === '429' && made + late === seen.length - 1;
  return { holds: isLimited && made <= CREDENTIALS + back && made + late >= CREDENTIALS, saw: seen.join(', ') };
}

const untilCounted = (program: Program): Promise<true> =>
  eventually('it is counted', async () => ((await clientFor(program).get('/v1/settings')).headers.has('ratelimit') ? true : undefined));

async function underLoad(program: Program, server: TestRedis, size: Size, run: ChaosRun): Promise<void> {
  const { perSecond } = size;
  await untilCounted(program);
  const first = await untilLimited(program);
  run.must('before: the limit that fails closed holds', first.holds, first.saw);
  await load(program, perSecond, size.besideMs / 2);
  const before = await load(program, perSecond, size.besideMs);
  run.say('before');

  await server.stop();
  const refused: string[] = [];
  const outage = await load(program, perSecond, size.outageMs, async () => {
    await pause(size.outageMs / 2);
    refused.push(await makeKeys(program, 2));
  });
  run.say('stopped');
  await server.start();
  await untilCounted(program);
  // It has forgotten what was counted, and counts.
  const again = await untilLimited(program);
  run.must('after: the limit that fails closed holds again', again.holds, again.saw);
  const after = await load(program, perSecond, size.besideMs);
  run.say('after');

  const slow = await slowChecks(program);
  const frozen = await load(program, perSecond, size.frozenMs, async () => {
    server.freeze();
    await pause(size.frozenMs / 2);
    refused.push(await makeKeys(program, 2));
    await pause(size.frozenMs / 2);
    server.thaw();
  });
  run.say('frozen');
  const waited = (await slowChecks(program)) - slow;
  await untilCounted(program);

  const cut = await load(program, perSecond, 0, async () => {
    for (let at = 0; at < size.cuts; at += 1) {
      await server.proxy.cutAtNext(at % 2 === 0 ? 'reply' : 'request');
      await untilCounted(program);
    }
  });
  run.say('cut');
  await untilCounted(program);

  const there = [...before, ...after];
  const answers = [...there, ...outage, ...frozen, ...cut];
  const wrong = answers.filter(({ what }) => what !== '202').map(({ what }) => what);
  run.figure('requests while it was stopped, frozen, cut off', outage.length + frozen.length + cut.length, 'requests');
  run.figure('the slowest of them', Math.max(...[...outage, ...frozen, ...cut].map(({ ms }) => ms)), 'ms');
  run.must(
    'nothing hangs, and what fails open is let pass: each was accepted',
    wrong.length === 0,
    wrong.length === 0 ? 'all' : `${String(wrong.length)} others: ${[...new Set(wrong)].join(', ')}`,
  );
  // On a machine that is held up an answer of Redis can come too late.
  run.must(
    'before and after it is counted',
    uncounted(there) < size.mostLate * there.length,
    `${String(there.length - uncounted(there))} of ${String(there.length)}`,
  );
  run.must(
    'while it is stopped nobody counts',
    uncounted(outage) === outage.length,
    `${String(uncounted(outage))} of ${String(outage.length)}`,
  );
  run.must(
    'while it is frozen nobody counts',
    uncounted(frozen) > frozen.length / 2,
    `${String(uncounted(frozen))} of ${String(frozen.length)}`,
  );
  run.must(
    'what fails closed is refused while it is stopped and while it is frozen',
    refused.every((it) => it === '503, 503') && refused.length === 2,
    refused.join('; '),
  );
  run.must(
    `only those wait who ask when it freezes: less than ${String(size.mostWaiting)} s worth`,
    waited <= size.mostWaiting * perSecond,
    `${String(waited)} of ${String(frozen.length)}`,
  );
  const times = took(outage, 0.99) / took(there, 0.99);
  for (const [name, list] of Object.entries({ before, stopped: outage, after, frozen, cut })) {
    run.figure(`accept’s p50, ${name}`, took(list, 0.5), 'ms');
    run.figure(`accept’s p99, ${name}`, took(list, 0.99), 'ms');
  }
  if (!Number.isFinite(size.mostTimes)) run.figure('accept’s p99, stopped ÷ before and after', times, 'times');
  else
    run.must(
      `accept’s p99, stopped ÷ before and after, is ${String(size.mostTimes)} at the most`,
      times <= size.mostTimes,
      times.toFixed(2),
    );
}

/** Each cut loses a request or its reply; whether it was counted is then open, and it is not counted twice. */
async function countedRight(server: TestRedis, { cuts }: Size, run: ChaosRun): Promise<void> {
  const connection = connectRedis({
    url: server.proxiedUrl,
    onAway: () => undefined,
    onBack: () => undefined,
    answerMs: HANGS_MS,
  });
  try {
    await connection.tried;
    const limiter = redisLimiter(connection, Buffer.from('a secret of the run'));
    const quota = 20 * cuts;
    const window = { key: 'one', quota, seconds: 1_000_000_000 };
    const take = async (it: Limiter): Promise<number | undefined> => (await it.take([window]))?.[0]?.left;
    let known = 0;
    let lost = 0;
    for (let at = 0; at < cuts; at += 1) {
      // A reply at least, or there would be nothing to count wrong.
      const happened = server.proxy.cutAtNext(at === 0 || run.random() < 0.5 ? 'reply' : 'request');
      if ((await take(limiter)) === undefined) lost += 1;
      else known += 1;
      await happened;
      for (let more = Math.floor(run.random() * 5); more >= 0; more -= 1)
        known += await eventually('it is counted', async () => ((await take(limiter)) === undefined ? undefined : 1));
    }
    const left = await eventually('it is counted', () => take(limiter));
    const error = quota - left - 1 - known;
    run.must('each cut loses the answer to one command', lost === cuts, `${String(lost)} of ${String(cuts)}`);
    run.must(
      'the limiter counts wrong by one for each reconnect at the most',
      error > 0 && error <= cuts,
      `${String(error)} of ${String(quota - left)}`,
    );
  } finally {
    connection.close();
  }
}
