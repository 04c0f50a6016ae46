import { expect, test } from 'vitest';
import { brokenIn } from './chaosRun.ts';
import { hostile } from './hostile.ts';

test('requests of every shape get an answer of the document, and nothing else happens', { timeout: 900_000 }, async () => {
  expect(await brokenIn(hostile)).toStrictEqual([]);
});
