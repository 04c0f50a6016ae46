import { expect, test } from 'vitest';
import { chaosRun, newSeed } from './chaosRun.ts';
import { templates } from './templates.ts';

test('hostile templates run nothing, end within their budget, and honest ones are rendered beside them', { timeout: 300_000 }, async () => {
  const run = chaosRun(newSeed(), { quiet: true });
  await templates.run(templates.short, run);
  expect(run.broken()).toStrictEqual([]);
});
