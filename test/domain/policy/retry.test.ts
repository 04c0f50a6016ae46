import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RETRY, retryAt } from '../../../src/domain/policy/retry.ts';
import { epochMsOf, instantOf, type Instant } from '../../../src/domain/values/instant.ts';

const NOW = '2026-11-21T10:00:00.000Z' as Instant;
const delayMs = (tries: number, jitter: number, retryAfterMs?: number): number =>
  epochMsOf(retryAt(NOW, tries, { retry: RETRY, jitter }, retryAfterMs)) - epochMsOf(NOW);

describe('when to try again', () => {
  test.each([
    [0, 0.5, 5_000],
    [0, 0, 0],
    [1, 0.5, 10_000],
    [2, 0.5, 20_000],
    [3, 0.9, 80_000],
    [7, 0.5, 640_000],
    [9, 0.5, 1_800_000],
    [500, 0.999, 3_600_000],
  ])('after %i tries and a draw of %f', (tries, jitter, ms) => {
    expect(delayMs(tries, jitter)).toBe(ms);
  });

  test('what the provider asks for is the least, and the draw comes on top', () => {
    expect(delayMs(0, 0, 30_000)).toBe(30_000);
    expect(delayMs(0, 0.5, 30_000)).toBe(35_000);
    expect(delayMs(0, 0, -5)).toBe(0);
    expect(delayMs(0, 0, 10 ** 9)).toBe(RETRY.capMs);
  });

  test('stays within its bounds and on whole seconds, or tens of seconds where it is far', () => {
    const draw = fc.record({
      now: fc.integer({ min: 0, max: 4_000_000_000_000 }),
      tries: fc.nat(200),
      jitter: fc.double({ min: 0, max: 0.999_999, noNaN: true }),
      after: fc.option(fc.nat(7_200_000), { nil: undefined }),
    });
    fc.assert(
      fc.property(draw, ({ now, tries, jitter, after }) => {
        const ms = epochMsOf(retryAt(instantOf(now), tries, { retry: RETRY, jitter }, after));
        const least = now + Math.min(after ?? 0, RETRY.capMs);
        expect(ms).toBeGreaterThanOrEqual(least);
        expect(ms).toBeLessThanOrEqual(least + Math.min(RETRY.capMs, RETRY.baseMs * 2 ** Math.min(tries, 30)) + 10_000);
        expect(ms % (ms - now > 70_000 ? 10_000 : 1_000)).toBe(0);
      }),
    );
  });
});
