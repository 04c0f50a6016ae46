import { expect, test } from 'vitest';
import { durationOf, parseDuration } from '../../../src/domain/values/duration.ts';
import { isRejection } from '../../../src/domain/kernel/rejection.ts';

test('a duration is read in weeks to seconds and written in days to seconds', () => {
  const read = ['PT2H', 'P1DT2H', 'P2W', 'PT0S', 'PT1.5S', 'PT90M'].map(parseDuration);
  expect(read).toStrictEqual([7_200_000, 93_600_000, 1_209_600_000, 0, 1_500, 5_400_000]);
  expect([7_200_000, 93_600_000, 0, 1_500].map(durationOf)).toStrictEqual(['PT2H', 'P1DT2H', 'PT0S', 'PT1.5S']);
});

test('what is no duration of a certain length, or longer than a century, is refused', () => {
  for (const text of ['', 'P', 'PT', 'P1Y', 'P1M', '1H', '-PT1H', 'PT1H ', 'P36525DT1S', 'P999999W', 'PT999999999H'])
    expect([text, isRejection(Object(parseDuration(text)))]).toStrictEqual([text, true]);
  expect(parseDuration('P36525D')).toBe(36_525 * 86_400_000);
});
