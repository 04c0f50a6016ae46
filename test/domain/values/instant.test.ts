import { expect, test } from 'vitest';
import { instantOf, isInstant, isWithinReach, plusMs } from '../../../src/domain/values/instant.ts';
import { parseDuration } from '../../../src/domain/values/duration.ts';

test('an instant has 24 characters and exists', () => {
  expect(['2026-12-01T09:00:00.000Z', '2026-12-01T09:00:00Z', '2026-13-01T09:00:00.000Z', '2026-12-01'].map(isInstant)).toStrictEqual([
    true,
    false,
    false,
    false,
  ]);
});

test('whatever may be added to an instant from outside gives an instant', () => {
  const last = Date.UTC(9000, 0) - 1;
  const longest = parseDuration('P36525D');
  expect([last + 1, last, Date.UTC(1000, 0), Date.UTC(1000, 0) - 1, Number.NaN].map(isWithinReach)).toStrictEqual([
    false,
    true,
    true,
    false,
    false,
  ]);
  expect(plusMs(instantOf(last), Number(longest))).toBe('9100-01-01T23:59:59.999Z');
});
