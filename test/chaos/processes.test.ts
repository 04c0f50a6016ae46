import { expect, test } from 'vitest';
import { brokenIn } from './chaosRun.ts';
import { processes } from './processes.ts';

test(
  'two APIs, two workers and two projectors, of which one after the other is killed, lose nothing together and double no more than was in flight',
  { timeout: 900_000 },
  async () => {
    expect(await brokenIn(processes)).toStrictEqual([]);
  },
);
