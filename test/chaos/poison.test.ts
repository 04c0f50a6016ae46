import { expect, test } from 'vitest';
import { chaosRun, newSeed } from './chaosRun.ts';
import { poison } from './poison.ts';

test(
  'poison stops its own stream only, is retried in order, and nothing is sent to whom the facts are behind',
  { timeout: 300_000 },
  async () => {
    const run = chaosRun(newSeed(), { quiet: true });
    await poison.run(poison.short, run);
    expect(run.broken()).toStrictEqual([]);
  },
);
