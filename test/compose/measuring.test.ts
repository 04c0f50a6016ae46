import { expect, test } from 'vitest';
import { measuring } from '../../src/compose/measuring.ts';
import { openMetrics } from '../../src/adapters/metrics/metrics.ts';

/** Timers that run when they are told to. */
function handMoved() {
  const due = new Set<() => void>();
  const after = (_ms: number, run: () => void): (() => void) => {
    due.add(run);
    return () => void due.delete(run);
  };
  const pass = (): void => {
    for (const run of [...due]) run();
    due.clear();
  };
  return { after, pass, waiting: () => due.size };
}

test('what the other thread says is the answer to all who ask, and nobody is left waiting', async () => {
  const time = handMoved();
  let asked = 0;
  const other = measuring(() => (asked += 1), time);
  const both = [other.of(), other.of()];
  const measured = await openMetrics({ process: false }).registry.getMetricsAsJSON();
  other.told(measured);
  expect(await Promise.all(both)).toStrictEqual([[measured], [measured]]);
  expect([asked, time.waiting()]).toStrictEqual([2, 0]);
});

test('a thread that says nothing is told of, and does not keep whoever asked', async () => {
  const time = handMoved();
  const other = measuring(() => undefined, time);
  const hanging = other.of();
  time.pass();
  await expect(hanging).rejects.toMatchObject({ kind: 'unavailable', code: 'thread_silent' });
  const next = other.of();
  other.told([]);
  expect(await next).toStrictEqual([[]]);
});
