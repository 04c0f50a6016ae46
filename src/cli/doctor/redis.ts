import { connectRedis, scriptOf } from '../../adapters/redis/connection.ts';
import { fail, ok, type Finding } from './finding.ts';

const NEXT: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Start Redis, or correct host and port of REDIS_URL.',
  ENOTFOUND: 'Correct the host of REDIS_URL.',
  WRONGPASS: 'Correct user and password of REDIS_URL.',
  NOAUTH: 'Give user and password in REDIS_URL.',
};

/** Whether limits can be counted there: it answers, and runs a script. */
export async function checkRedis(url: string): Promise<Finding> {
  let code = 'timeout';
  const connection = connectRedis({
    url,
    onAway: (why) => {
      code = why;
    },
    onBack: () => undefined,
  });
  try {
    await connection.tried;
    if ((await connection.run(scriptOf('return 1'), [], [])) === 1) return ok('redis', 'answers; limits are counted there');
    return fail(
      'redis',
      `does not answer (${code})`,
      NEXT[code] ?? 'See that REDIS_URL leads to it, with user, password and rediss:// as it wants them.',
    );
  } finally {
    connection.close();
  }
}
