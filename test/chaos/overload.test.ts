import { expect, test } from 'vitest';
import { chaosRun, newSeed } from './chaosRun.ts';
import { overload } from './overload.ts';

test('asked for twice what it can take, the service keeps what it accepted and refuses the rest', { timeout: 300_000 }, async () => {
  const run = chaosRun(newSeed(), { quiet: true });
  await overload.run(overload.short, run);
  expect(run.broken()).toStrictEqual([]);
});
