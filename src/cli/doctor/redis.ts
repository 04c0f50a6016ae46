import { randomBytes } from 'node:crypto';
import { connectRedis } from '../../adapters/redis/connection.ts';
import { redisLimiter } from '../../adapters/limits/redisLimiter.ts';
import { fail, ok, type Finding } from './finding.ts';

const NEXT: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Start Redis, or correct host and port of REDIS_URL.',
  ENOTFOUND: 'Correct the host of REDIS_URL.',
  WRONGPASS: 'Correct user and password of REDIS_URL.',
  NOAUTH: 'Give user and password in REDIS_URL.',
  NOPERM: 'Permit its user info, evalsha, eval, get, set and time on tidings:*.',
  CROSSSLOT: 'Use one server: a cluster cannot count several limits in one step.',
};

/** This process has just begun, and may be what is slow. */
const ANSWER_MS = 2000;

/** Counts two limits of nobody, for a second, as the service counts those of a request. */
export async function checkRedis(url: string): Promise<Finding> {
  let code = 'timeout';
  const connection = connectRedis({
    url,
    onAway: (why) => {
      code = why;
    },
    onBack: () => undefined,
    answerMs: ANSWER_MS,
  });
  try {
    await connection.tried;
    const windows = ['one', 'another'].map((key) => ({ key, quota: 1, seconds: 1 }));
    if ((await redisLimiter(connection, randomBytes(32)).take(windows)) !== undefined) return ok('redis', 'counts limits');
    return fail(
      'redis',
      `does not count limits (${code})`,
      NEXT[code] ?? 'See that REDIS_URL leads to it, with user, password and rediss:// as it wants them.',
    );
  } finally {
    connection.close();
  }
}
