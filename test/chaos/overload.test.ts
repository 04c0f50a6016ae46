import { expect, test } from 'vitest';
import { brokenIn } from './chaosRun.ts';
import { overload } from './overload.ts';

test('asked for twice what it can take, the service keeps what it accepted and refuses the rest', { timeout: 900_000 }, async () => {
  expect(await brokenIn(overload)).toStrictEqual([]);
});
