import { expect, test } from 'vitest';
import { asking } from '../../src/compose/asking.ts';

/** Timers that run when they are told to. */
function handMoved() {
  const due = new Set<() => void>();
  const after = (_ms: number, run: () => void): (() => void) => {
    due.add(run);
    return () => void due.delete(run);
  };
  /** One timer after the other, as a loop runs them that did not stand still. */
  const fallDue = (): void => {
    const now = [...due];
    due.clear();
    for (const run of now) run();
  };
  const pass = (): void => {
    while (due.size > 0) fallDue();
  };
  return { after, pass, fallDue, waiting: () => due.size };
}

test('what the other thread says is the answer to all who ask, and nobody is left waiting', async () => {
  const time = handMoved();
  let asked = 0;
  const other = asking<string>(() => (asked += 1), time);
  const both = [other.answer(), other.answer()];
  other.told('so and so');
  expect(await Promise.all(both)).toStrictEqual(['so and so', 'so and so']);
  expect([asked, time.waiting()]).toStrictEqual([2, 0]);
});

test('a thread that says nothing is told of, and does not keep whoever asked', async () => {
  const time = handMoved();
  const other = asking<string>(() => undefined, time);
  const hanging = other.answer();
  time.pass();
  await expect(hanging).rejects.toMatchObject({ kind: 'unavailable', code: 'thread_silent' });
  const next = other.answer();
  other.told('here');
  expect(await next).toBe('here');
});

test('an answer that came while the loop stood still is heard, although the timer is the first to run', async () => {
  const time = handMoved();
  const other = asking<string>(() => undefined, time);
  const answer = other.answer();
  time.fallDue();
  other.told('in time');
  await expect(answer).resolves.toBe('in time');
  expect(time.waiting()).toBe(0);
});
