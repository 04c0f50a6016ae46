import { expect, test } from 'vitest';
import { chaosRun, newSeed } from './chaosRun.ts';
import { database } from './database.ts';

test(
  'while its database dies and its connections fail, the service keeps what it acknowledged and needs no help',
  { timeout: 400_000 },
  async () => {
    const run = chaosRun(newSeed(), { quiet: true });
    await database.run(database.short, run);
    expect(run.broken()).toStrictEqual([]);
  },
);
