import { expect, test } from 'vitest';
import { brokenIn } from './chaosRun.ts';
import { order } from './order.ts';

test('whoever reads the log by position misses nothing, reads nothing twice and no stream out of order', { timeout: 900_000 }, async () => {
  expect(await brokenIn(order)).toStrictEqual([]);
});
