import { expect, test } from 'vitest';
import { chaosRun, newSeed } from './chaosRun.ts';
import { freeze } from './freeze.ts';

test(
  'a process that is frozen for twice its lease blocks no standby, and its late answers harm nothing',
  { timeout: 300_000 },
  async () => {
    const run = chaosRun(newSeed(), { quiet: true });
    await freeze.run(freeze.short, run);
    expect(run.broken()).toStrictEqual([]);
  },
);
