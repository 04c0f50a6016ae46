import { expect, test } from 'vitest';
import { runConsumer } from '../../src/consumers/consumer.ts';
import { wanting } from '../../src/consumers/wanting.ts';
import { PortError } from '../../src/domain/kernel/portError.ts';
import { tally } from '../support/consumers.ts';

test('between two failures a consumer pauses, longer each time, also while there is always something to take in', async () => {
  const paused: number[] = [];
  const after = (ms: number, run: () => void): (() => void) => {
    paused.push(ms);
    setImmediate(run);
    return () => undefined;
  };
  const time = { epochMs: () => 0, after };
  const stop = new AbortController();
  const wants = wanting(time);
  let tries = 0;
  const head = (): Promise<never> => {
    tries += 1;
    if (tries === 5) stop.abort();
    // As the reader of the log does whenever it has read something.
    wants.bell.ring();
    return Promise.reject(new PortError('unavailable', 'log_read_failed', 'cut'));
  };
  const db = { query: () => Promise.resolve([{ epoch: tries, position: null }]), presence: () => undefined };
  const options = { db, feed: { head }, time, leaseMs: 3_000, wants };
  type Options = Parameters<typeof runConsumer>[2];
  await runConsumer(tally(), { name: 'tally', suffix: '_v1' }, options as unknown as Options, stop.signal);
  // Before each pause the lease that was taken began to be renewed, after a third of it.
  expect(paused).toStrictEqual([1_000, 200, 1_000, 400, 1_000, 800, 1_000, 1_000, 1_000]);
});
