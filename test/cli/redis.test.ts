import { expect, test } from 'vitest';
import { checkRedis } from '../../src/cli/doctor/redis.ts';
import { describeWith } from '../support/needs.ts';
import { REDIS, startRedisServer } from '../support/redisServer.ts';

describeWith(REDIS, 'doctor counts in Redis as the service does', () => {
  test('and says what is in the way', async () => {
    const redis = await startRedisServer();
    try {
      expect(await checkRedis(redis.url)).toStrictEqual({ check: 'redis', status: 'ok', detail: 'counts limits' });
      await redis.client.acl('SETUSER', 'reader', 'on', '>word', '~*', '+info');
      const found = async (user: string): Promise<unknown> => (await checkRedis(redis.url.replace('//', `//${user}@`))).detail;
      expect([await found('reader:word'), await found('reader:other')]).toStrictEqual([
        'does not count limits (NOPERM)',
        'does not count limits (WRONGPASS)',
      ]);
      await redis.stop();
      expect(await checkRedis(redis.url)).toStrictEqual({
        check: 'redis',
        status: 'fail',
        detail: 'does not count limits (ECONNREFUSED)',
        todo: 'Start Redis, or correct host and port of REDIS_URL.',
      });
    } finally {
      await redis.close();
    }
  });
});
