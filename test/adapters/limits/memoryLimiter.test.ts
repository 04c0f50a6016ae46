import { beforeEach, expect, test } from 'vitest';
import { memoryLimiter } from '../../../src/adapters/limits/memoryLimiter.ts';
import type { Limiter } from '../../../src/http/rateLimits.ts';
import { limiterContract } from '../../contract/limiter.ts';

let nowMs = 0;
let limiter: Limiter;
beforeEach(() => {
  nowMs = 5_000_000;
  limiter = memoryLimiter(() => nowMs);
});

limiterContract(
  'in memory',
  () => limiter,
  (ms) => {
    nowMs += ms;
  },
);

test('what was taken comes back evenly', async () => {
  const window = { key: 'a', quota: 4, seconds: 2 };
  const after = async (ms: number): Promise<unknown> => {
    nowMs += ms;
    return limiter.take([window]);
  };
  for (let call = 0; call < 3; call += 1) await limiter.take([window]);
  expect([
    await after(0),
    await after(0),
    await after(499),
    await after(1),
    await after(0),
    await after(1000),
    await after(9999),
  ]).toStrictEqual([
    [{ exceeded: false, left: 0, waitMs: 500 }],
    [{ exceeded: true, left: 0, waitMs: 500 }],
    [{ exceeded: true, left: 0, waitMs: 1 }],
    [{ exceeded: false, left: 0, waitMs: 500 }],
    [{ exceeded: true, left: 0, waitMs: 500 }],
    [{ exceeded: false, left: 1, waitMs: 1500 }],
    [{ exceeded: false, left: 3, waitMs: 500 }],
  ]);
});
