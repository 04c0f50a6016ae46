import { expect, test } from 'vitest';
import { brokenIn } from './chaosRun.ts';
import { stop } from './stop.ts';

test('told to end under load, the service ends in time, loses nothing and doubles nothing', { timeout: 900_000 }, async () => {
  expect(await brokenIn(stop)).toStrictEqual([]);
});
