import { expect, test } from 'vitest';
import { cancel } from './cancel.ts';
import { brokenIn } from './chaosRun.ts';

test(
  'cancelled, moved or expired at any step of a hand-off, a delivery has one outcome, and it is true',
  { timeout: 900_000 },
  async () => {
    expect(await brokenIn(cancel)).toStrictEqual([]);
  },
);
