import { expect, test } from 'vitest';
import { closing } from '../../src/compose/closing.ts';
import { repeating } from '../../src/compose/repeating.ts';
import { manualClock } from '../support/manualClock.ts';

/** What it is to run ends when it is told to. */
function repeated() {
  const [time, opened] = [manualClock(), closing(() => undefined)];
  const runs: { readonly signal: AbortSignal; readonly end: () => void }[] = [];
  repeating('it', { everyMs: 1_000, time, closing: opened }, (signal) => new Promise((resolve) => runs.push({ signal, end: resolve })));
  return { time, opened, runs };
}
const turnOfTheLoop = () => new Promise((resolve) => setImmediate(resolve));

test('it runs at once, and again so long after it has ended', async () => {
  const { time, runs } = repeated();
  time.advance(5_000);
  expect(runs.length).toBe(1);
  runs[0]?.end();
  await turnOfTheLoop();
  time.advance(999);
  expect(runs.length).toBe(1);
  time.advance(1);
  expect(runs.length).toBe(2);
});

test('what runs when all is closed is told to leave off and waited for, and does not run again', async () => {
  const { time, opened, runs } = repeated();
  let isClosed = false;
  const closed = opened.all().then(() => {
    isClosed = true;
  });
  await turnOfTheLoop();
  expect([runs[0]?.signal.aborted, isClosed]).toStrictEqual([true, false]);
  runs[0]?.end();
  await closed;
  expect(time.waiting()).toBe(0);
});

test('what waits for its next time when all is closed does not run again', async () => {
  const { time, opened, runs } = repeated();
  runs[0]?.end();
  await turnOfTheLoop();
  expect(time.waiting()).toBe(1);
  await opened.all();
  expect(time.waiting()).toBe(0);
});
