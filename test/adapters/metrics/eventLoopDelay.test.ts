import { expect, onTestFinished, test } from 'vitest';
import { eventLoopDelay } from '../../../src/adapters/metrics/eventLoopDelay.ts';

/** Keeps the thread, as loading and compiling do, and lets the loop go round until that is measured. */
async function keepBusy(): Promise<void> {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  await new Promise((resolve) => setTimeout(resolve, 60));
}

test('what the start takes is not held against the first requests, what comes after it is', async () => {
  const delay = eventLoopDelay();
  onTestFinished(() => delay.close());
  expect(delay.takeMs()).toBe(0);
  await keepBusy();
  expect(delay.takeMs()).toBe(0);
  await expect
    .poll(async () => {
      await keepBusy();
      return delay.takeMs();
    })
    .toBeGreaterThan(40);
});
