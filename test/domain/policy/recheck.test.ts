import { expect, test } from 'vitest';
import { factsAgainAt } from '../../../src/domain/policy/recheck.ts';
import { plusMs, type Instant } from '../../../src/domain/values/instant.ts';

const T0 = '2026-11-21T10:00:00.000Z' as Instant;
const MINUTE = 60_000;

test.each([
  ['when it is to go', 0, 1],
  ['not long after', 9, 1],
  ['after an hour', 60, 6],
  ['after a day', 24 * 60, 15],
])('what waits for facts is looked at again, %s: after waiting %i minutes, in %i', (_, waited, next) => {
  const now = plusMs(T0, waited * MINUTE);
  expect(factsAgainAt(T0, now)).toBe(plusMs(now, next * MINUTE));
});
