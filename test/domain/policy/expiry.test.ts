import { expect, test } from 'vitest';
import { expiryOf } from '../../../src/domain/policy/expiry.ts';
import type { Instant } from '../../../src/domain/values/instant.ts';

const from = '2026-11-21T10:00:00.000Z' as Instant;
const noon = '2026-11-21T12:00:00.000Z' as Instant;

test.each([
  ['never', {}, undefined],
  ['at its instant', { expiresAt: noon }, noon],
  ['so long after it may go', { expiresAfterMs: 60_000 }, '2026-11-21T10:01:00.000Z'],
  ['the earlier of both: the instant', { expiresAt: noon, expiresAfterMs: 7_200_001 }, noon],
  ['the earlier of both: the time after', { expiresAt: noon, expiresAfterMs: 7_199_999 }, '2026-11-21T11:59:59.999Z'],
])('expires %s', (_, expiry, at) => {
  expect(expiryOf(expiry, from)).toBe(at);
});
