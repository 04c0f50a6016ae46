import { expect, test } from 'vitest';
import { brokenIn } from './chaosRun.ts';
import { model } from './model.ts';

test('random walks of the model, replayed by the code: after every step both say the same', { timeout: 900_000 }, async () => {
  expect(await brokenIn(model)).toStrictEqual([]);
});
