import { expect, test } from 'vitest';
import { closing } from '../../src/compose/closing.ts';
import type { Core } from '../../src/compose/core.ts';
import { startHousekeeping } from '../../src/compose/housekeeping.ts';
import { manualClock } from '../support/manualClock.ts';

test('what has run out is removed in parts until none is left, or until all is closed', async () => {
  const [clock, opened] = [manualClock(), closing(() => undefined)];
  const left = { uploads: 3_500, reservations: 9_000 };
  const some = (of: keyof typeof left): number => {
    const removed = Math.min(left[of], 1_000);
    left[of] -= removed;
    return removed;
  };
  const ended = { all: Promise.resolve<readonly string[]>([]) };
  const deleteExpired = () => Promise.resolve(some('uploads'));
  const transaction = () => {
    if (left.reservations === 7_000) ended.all = opened.all();
    return Promise.resolve(Array.from({ length: some('reservations') }));
  };
  let purged = 0;
  const captures = { purge: () => Promise.resolve((purged += 1)) };
  const log = { warn: () => undefined };
  startHousekeeping({ clock, blobs: { deleteExpired }, models: { db: { transaction } }, captures, log } as unknown as Core, opened);
  await expect.poll(() => purged).toBe(1);
  await ended.all;
  expect(left).toStrictEqual({ uploads: 0, reservations: 6_000 });
});
