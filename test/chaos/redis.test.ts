import { expect, test } from 'vitest';
import { describeWith } from '../support/needs.ts';
import { REDIS } from '../support/redisServer.ts';
import { brokenIn } from './chaosRun.ts';
import { redis } from './redis.ts';

describeWith(REDIS, 'a Redis that is stopped, frozen or cut off', () => {
  test('keeps nobody waiting, and each limit does what it says', { timeout: 900_000 }, async () => {
    expect(await brokenIn(redis)).toStrictEqual([]);
  });
});
