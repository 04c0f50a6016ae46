import { expect, test } from 'vitest';
import { brokenIn } from './chaosRun.ts';
import { rebuild } from './rebuild.ts';

test(
  'when the database of read models is lost in mid-campaign, it is made anew from the log, and delivery goes on',
  { timeout: 900_000 },
  async () => {
    expect(await brokenIn(rebuild)).toStrictEqual([]);
  },
);
