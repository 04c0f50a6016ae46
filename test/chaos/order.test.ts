import { expect, test } from 'vitest';
import { chaosRun, newSeed } from './chaosRun.ts';
import { order } from './order.ts';

test('whoever reads the log by position misses nothing, reads nothing twice and no stream out of order', { timeout: 300_000 }, async () => {
  const run = chaosRun(newSeed(), { quiet: true });
  await order.run(order.short, run);
  expect(run.broken()).toStrictEqual([]);
});
