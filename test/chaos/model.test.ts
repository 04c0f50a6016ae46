import { expect, test } from 'vitest';
import { chaosRun, newSeed } from './chaosRun.ts';
import { model } from './model.ts';

test('random walks of the model, replayed by the code: after every step both say the same', { timeout: 300_000 }, async () => {
  const run = chaosRun(newSeed(), { quiet: true });
  await model.run(model.short, run);
  expect(run.broken()).toStrictEqual([]);
});
