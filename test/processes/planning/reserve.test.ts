import { expect, test } from 'vitest';
import { openDispatch } from '../../support/dispatchBench.ts';

test('what was sent keeps its reservation for the window, whoever looks into its log', async () => {
  const bench = await openDispatch();
  const ask = () => bench.request({ terms: { dedup: { key: 'hashed' as never, windowMs: 3_600_000 } } });
  const statuses: object[] = [];
  for (const waitMs of [0, 1_000, 3_598_999, 1]) {
    bench.house.clock.advance(waitMs);
    const id = await ask();
    await bench.drain();
    statuses.push(await bench.statuses(id));
  }
  expect(statuses).toStrictEqual([{ 0: 'sent' }, { 0: 'suppressed' }, { 0: 'suppressed' }, { 0: 'sent' }]);
});
