import { expect, test } from 'vitest';
import { chaosRun, newSeed } from './chaosRun.ts';
import { hostile } from './hostile.ts';

test('requests of every shape get an answer of the document, and nothing else happens', { timeout: 300_000 }, async () => {
  const run = chaosRun(newSeed(), { quiet: true });
  await hostile.run(hostile.short, run);
  expect(run.broken()).toStrictEqual([]);
});
