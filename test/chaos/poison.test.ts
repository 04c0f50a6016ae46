import { expect, test } from 'vitest';
import { brokenIn } from './chaosRun.ts';
import { poison } from './poison.ts';

test(
  'poison stops its own stream only, is retried in order, and nothing is sent to whom the facts are behind',
  { timeout: 900_000 },
  async () => {
    expect(await brokenIn(poison)).toStrictEqual([]);
  },
);
