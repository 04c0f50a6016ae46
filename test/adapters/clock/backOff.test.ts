import { expect, test } from 'vitest';
import { backOff } from '../../../src/adapters/clock/backOff.ts';

test('each pause lies between half of what it may be and all of it: twice as long each time, up to the longest', () => {
  const pauseMs = backOff(20, 100);
  const shares = [20, 40, 80, 100, 100].map((bound) => pauseMs() / bound);
  expect(shares.filter((share) => share < 0.5 || share > 1)).toStrictEqual([]);
});

test('not even the first pause is longer than the longest', () => {
  expect(backOff(20, 10)()).toBeLessThanOrEqual(10);
});
