import { expect, test } from 'vitest';
import { countedActions } from '../../src/compose/countedActions.ts';
import { ADMISSION, createAdmission } from '../../src/http/admission.ts';
import { isRefusal } from '../../src/http/problems.ts';
import { manualClock } from '../support/manualClock.ts';

function counting(allowed: number) {
  const clock = manualClock();
  const asked: number[] = [];
  const table = { due: 0 };
  const count = (most: number): Promise<number> => {
    asked.push(most);
    return Promise.resolve(Math.min(table.due, most));
  };
  return { clock, asked, table, look: countedActions(count, allowed, clock) };
}

test('what is due is counted at every look up to 10,000, and beyond twice a minute', async () => {
  const { clock, asked, table, look } = counting(1_000_000);
  table.due = 9_999;
  expect(await look()).toBe(9_999);
  table.due = 70_000;
  expect(await look()).toBe(70_000);
  table.due = 80_000;
  expect(await look()).toBe(70_000);
  clock.advance(30_000);
  expect(await look()).toBe(80_000);
  table.due = 10;
  expect(await look()).toBe(10);
  expect(asked).toStrictEqual([10_000, 10_000, 1_000_001, 10_000, 10_000, 1_000_001, 10_000]);
});

test('admission hears when more is due than it allows', async () => {
  const { table, look } = counting(ADMISSION.actionsDue);
  table.due = 2 * ADMISSION.actionsDue;
  const due = await look();
  const admission = createAdmission({ bytesWaiting: () => 0, actionsDue: () => due, eventLoopDelayMs: () => 0 }, ADMISSION, {
    epochMs: () => 0,
  });
  const entered = admission.enter('command');
  expect(isRefusal(entered) && entered.detail).toBe('Sending is behind: try again after Retry-After.');
});
