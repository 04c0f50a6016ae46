import { expect, test } from 'vitest';
import { chaosRun, newSeed } from './chaosRun.ts';
import { stop } from './stop.ts';

test('told to end under load, the service ends in time, loses nothing and doubles nothing', { timeout: 300_000 }, async () => {
  const run = chaosRun(newSeed(), { quiet: true });
  await stop.run(stop.short, run);
  expect(run.broken()).toStrictEqual([]);
});
