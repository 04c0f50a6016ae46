import { expect, test } from 'vitest';
import { brokenIn } from './chaosRun.ts';
import { freeze } from './freeze.ts';

test(
  'a process that is frozen for twice its lease blocks no standby, and its late answers harm nothing',
  { timeout: 900_000 },
  async () => {
    expect(await brokenIn(freeze)).toStrictEqual([]);
  },
);
