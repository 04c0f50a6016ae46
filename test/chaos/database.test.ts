import { expect, test } from 'vitest';
import { brokenIn } from './chaosRun.ts';
import { database } from './database.ts';

test(
  'while its database dies and its connections fail, the service keeps what it acknowledged and needs no help',
  { timeout: 900_000 },
  async () => {
    expect(await brokenIn(database)).toStrictEqual([]);
  },
);
