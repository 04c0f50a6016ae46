import { afterEach, beforeEach, expect, test } from 'vitest';
import { database } from '../../src/adapters/postgres/database.ts';
import { openListener, type Listener } from '../../src/adapters/postgres/notify.ts';
import { openWaitFor, type WaitFor } from '../../src/consumers/waitFor.ts';
import { happened, openBench, systemTime, tally, until, type Bench } from '../support/consumers.ts';
import { positionAt } from '../support/memoryFeed.ts';

let bench: Bench;
let listener: Listener;
let api: WaitFor;
beforeEach(async () => {
  bench = await openBench();
  // The API's own process: another role, another connection.
  listener = openListener({ url: bench.fresh.url, role: 'tidings_api' });
  api = await openWaitFor(database(bench.fresh.apiPool, listener), systemTime);
});
afterEach(async () => {
  await api.close();
  await listener.close();
  await bench.close();
});
const slowly = { idleMs: 3_600_000, leaseMs: 60_000 };
const total = async (): Promise<number> =>
  (await bench.rows<{ n: number }>('select coalesce(sum(total), 0)::int as n from tally_v1'))[0]!.n;

test('a write is read after its position was waited for', async () => {
  await bench.start([tally()], slowly);
  for (let n = 1; n <= 5; n += 1) {
    const position = bench.feed.add(happened('Marked', {}));
    expect([await api.waitFor('tally', position, { boundMs: 30_000 }), await total()]).toStrictEqual(['reached', n]);
  }
});

test('a position is passed at once when someone waits, though nothing concerns the projection', async () => {
  await bench.start([tally()], slowly);
  const position = bench.feed.add(happened('Other', {}, { noun: 'audit' }));
  expect(await api.waitFor('tally', position, { boundMs: 30_000 })).toBe('reached');
});

test('many who wait for one projection are all answered', async () => {
  await bench.start([tally()], slowly);
  const waiting = Array.from({ length: 50 }, () => api.waitFor('tally', bench.feed.add(happened('Marked', {})), { boundMs: 30_000 }));
  expect(new Set(await Promise.all(waiting))).toStrictEqual(new Set(['reached']));
});

test('past its bound the answer is that it is not there', async () => {
  await bench.start([tally()], slowly);
  expect(await api.waitFor('tally', positionAt(99), { boundMs: 30 })).toBe('not_caught_up');
  expect(await api.waitFor('nothing', positionAt(1), { boundMs: 30 })).toBe('not_caught_up');
});

test('a stream that is parked does not come by waiting; others do', async () => {
  await bench.start(
    [
      tally({
        before: async (events) => {
          if (events.some(({ stream }) => stream.endsWith('_bad'))) throw new TypeError('poison');
        },
      }),
    ],
    slowly,
  );
  const bad = happened('Marked', {}, { id: 'bad' });
  const position = bench.feed.add(bad, happened('Marked', {}, { id: 'good' }));
  await until(async () => (await total()) === 1);
  expect([
    await api.waitFor('tally', position, { stream: bad.stream, boundMs: 30_000 }),
    await api.waitFor('tally', position, { stream: 'template-acme_good', boundMs: 30_000 }),
    await api.waitFor('tally', position, { boundMs: 30_000 }),
  ]).toStrictEqual(['parked', 'reached', 'reached']);
});

test('a lost connection fails whoever waits, and the next is served again', async () => {
  await bench.start([tally()], slowly);
  const waiting = api.waitFor('tally', positionAt(99), { boundMs: 30_000 }).then(
    () => 'answered',
    () => 'failed',
  );
  await bench.fresh.apiPool.query('select 1');
  const failing = openWaitFor({ ...database(bench.fresh.apiPool, listener), query: () => Promise.reject(new Error('cut')) }, systemTime);
  await expect((await failing).waitFor('tally', positionAt(1), { boundMs: 30_000 })).rejects.toThrow('cut');
  await expect((await failing).waitFor('tally', positionAt(1), { boundMs: 30_000 })).rejects.toThrow('cut');
  for (let n = 0; n < 99; n += 1) bench.feed.add(happened('Marked', {}));
  expect(await waiting).toBe('answered');
});
