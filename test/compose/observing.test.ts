import { expect, test } from 'vitest';
import { openMetrics } from '../../src/adapters/metrics/metrics.ts';
import { closing } from '../../src/compose/closing.ts';
import type { Core } from '../../src/compose/core.ts';
import { observing } from '../../src/compose/observing.ts';
import { manualClock } from '../support/manualClock.ts';

test('how late the loop is, is taken also while what is due is being counted', async () => {
  const [clock, opened] = [manualClock(), closing(() => undefined)];
  let counted: (rows: readonly { due: number }[]) => void = () => undefined;
  const query = () => new Promise((resolve) => (counted = resolve));
  const core = { clock, metrics: openMetrics({ process: false }), models: { db: { query } } } as unknown as Core;
  const { gauges } = observing(core, opened);
  const looked = () => {
    clock.advance(2_000);
    return gauges.eventLoopDelayMs();
  };
  await expect.poll(looked).toBeGreaterThan(0);
  expect(gauges.actionsDue()).toBe(0);
  counted([{ due: 7 }]);
  await expect.poll(() => gauges.actionsDue()).toBe(7);
  counted([]);
  await opened.all();
});
