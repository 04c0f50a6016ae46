import { afterEach, beforeEach, expect, test } from 'vitest';
import { openLiveTables } from '../../src/consumers/liveTables.ts';
import type { Recorded } from '../../src/domain/kernel/metadata.ts';
import type { Projection } from '../../src/consumers/ports.ts';
import { dropRetired, requestRebuild } from '../../src/consumers/rebuild.ts';
import { openWaitFor } from '../../src/consumers/waitFor.ts';
import { consumersStatus } from '../../src/consumers/status.ts';
import { happened, movedClock, openBench, systemTime, tally, until, type Bench } from '../support/consumers.ts';

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(async () => {
  await bench.close();
});
const live = async (): Promise<string | undefined> =>
  (await bench.rows<{ suffix: string }>(`select suffix from consumers where state = 'live'`))[0]?.suffix;
const table = (suffix: string): Promise<readonly unknown[]> => bench.rows(`select stream, total, seen from tally${suffix} order by stream`);
const reached = (suffix: string, position: string): Promise<void> =>
  until(async () => (await bench.rows(`select from consumers where suffix = $1 and position >= $2`, suffix, position)).length === 1);
const marked = (mark: string, id = 'a'): ReturnType<typeof happened> => happened('Marked', { mark }, { id });

test('asked for, new tables are filled beside the live ones and take their place, equal in everything', async () => {
  await bench.start([tally()]);
  await reached('_v1', bench.feed.add(...['1', '2', '3'].map((mark) => marked(mark)), marked('4', 'b')));
  await requestRebuild(bench.db, 'tally');
  await until(async () => (await live()) === '_v2');
  const position = bench.feed.add(marked('5'));
  await reached('_v2', position);
  expect(await table('_v2')).toStrictEqual([
    { stream: 'template-acme_a', total: 4, seen: ['1', '2', '3', '5'] },
    { stream: 'template-acme_b', total: 1, seen: ['4'] },
  ]);
});

test('reads stay on the old tables, which stay current, until the swap', async () => {
  let let2: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (let2 = resolve));
  const first = tally();
  const slow: Projection = {
    ...first,
    apply: async (events, tx, suffix) => {
      if (suffix === '_v2') await gate;
      await first.apply(events, tx, suffix);
    },
  };
  const tables = await openLiveTables(bench.db, systemTime, { tally: 1 });
  await bench.start([slow]);
  await reached('_v1', bench.feed.add(marked('1')));
  await requestRebuild(bench.db, 'tally');
  await until(async () => (await bench.rows(`select from consumers where state = 'building' and holder is not null`)).length === 1);
  await reached('_v1', bench.feed.add(marked('2')));
  expect([await tables.suffixOf('tally'), await table('_v1')]).toStrictEqual([
    '_v1',
    [{ stream: 'template-acme_a', total: 2, seen: ['1', '2'] }],
  ]);
  expect((await consumersStatus(bench.db, await bench.feed.head())).map(({ suffix, status }) => [suffix, status])).toStrictEqual([
    ['_v1', 'live'],
    ['_v2', 'building'],
  ]);
  let2();
  await until(async () => (await tables.suffixOf('tally')) === '_v2');
  expect(await table('_v2')).toStrictEqual(await table('_v1'));
  await tables.close();
});

test("tables that have never been at the head are nobody's to read: not after a start, and not after a loss", async () => {
  const tables = await openLiveTables(bench.db, systemTime, { tally: 1 });
  const waiting = await openWaitFor(bench.db, systemTime);
  let let1: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (let1 = resolve));
  const position = bench.feed.add(marked('1'), marked('2'));
  await bench.start([tally({ before: () => gate })], { batchEvents: 1 });
  await expect(tables.suffixOf('tally')).rejects.toMatchObject({ kind: 'unavailable', code: 'projection_not_ready' });
  let1();
  expect(await waiting.waitFor('tally', position, { boundMs: 30_000 })).toBe('reached');
  expect(await tables.suffixOf('tally')).toBe('_v1');
  await tables.close();
  await waiting.close();
});

test('newer code builds its version; older code leaves it alone', async () => {
  const first = await bench.start([tally()]);
  await reached('_v1', bench.feed.add(marked('1')));
  await first.stop();
  await bench.start([tally({ version: 2 })]);
  await until(async () => (await live()) === '_v2');
  const superseded: string[] = [];
  await bench.start([tally()], { observe: { onSuperseded: (name) => superseded.push(name) } });
  await until(() => superseded.length > 0);
  expect(await bench.rows(`select suffix, version, state from consumers order by suffix`)).toStrictEqual([
    { suffix: '_v1', version: 1, state: 'retired' },
    { suffix: '_v2', version: 2, state: 'live' },
  ]);
});

test('replaced tables are dropped after a while, not at once', async () => {
  await bench.moveClock(0);
  await bench.start([tally()], { graceMs: 3_600_000 });
  await reached('_v1', bench.feed.add(marked('1')));
  await requestRebuild(bench.db, 'tally');
  await until(async () => (await live()) === '_v2');
  expect(await dropRetired(bench.owner, 'tally', 3_600_000)).toBe(0);
  await bench.moveClock(3_601_000);
  expect(await dropRetired(bench.owner, 'tally', 3_600_000)).toBeLessThanOrEqual(1);
  expect(await bench.rows(`select relname from pg_class where relname like 'tally\\__%' and relkind = 'r'`)).toStrictEqual([
    { relname: 'tally_v2' },
  ]);
});

test('replaced tables that somebody still reads, as a dump does, hold up neither the next rebuild nor the end of the process', async () => {
  const running = await bench.start([tally()], { graceMs: 0, lookMs: 50 });
  await reached('_v1', bench.feed.add(marked('1')));
  const reader = await bench.fresh.ownerPool.connect();
  try {
    await reader.query('set idle_in_transaction_session_timeout = 0; begin; lock table tally_v1 in access share mode');
    await requestRebuild(bench.db, 'tally');
    await until(async () => (await live()) === '_v2');
    await requestRebuild(bench.db, 'tally');
    await until(async () => (await live()) === '_v3');
    await running.stop();
  } finally {
    // With its lock.
    reader.release(true);
  }
});

test('a new version that sets aside what the old one applies waits for an operator', async () => {
  const first = tally();
  const failing: Projection = {
    ...first,
    apply: async (events: readonly Recorded[], tx, suffix) => {
      if (suffix === '_v2' && events.some(({ event }) => (event.data as { mark: string }).mark === '2')) throw new TypeError('new');
      await first.apply(events, tx, suffix);
    },
  };
  const swaps: string[] = [];
  await bench.start([failing], { observe: { onSwap: (name, outcome) => swaps.push(`${name} ${outcome}`) } });
  await reached('_v1', bench.feed.add(marked('1'), marked('2')));
  await requestRebuild(bench.db, 'tally');
  await until(() => swaps.length > 0);
  expect([swaps[0], await live()]).toStrictEqual(['tally parked', '_v1']);
});

test('newer code goes on without what it sets aside: nobody fills what older code made', async () => {
  const first = await bench.start([tally()]);
  await reached('_v1', bench.feed.add(marked('1'), marked('2')));
  await first.stop();
  const second = tally({ version: 2 });
  const failing: Projection = {
    ...second,
    apply: async (events: readonly Recorded[], tx, suffix) => {
      if (events.some(({ event }) => (event.data as { mark: string }).mark === '2')) throw new TypeError('new');
      await second.apply(events, tx, suffix);
    },
  };
  await bench.start([failing]);
  await until(async () => (await live()) === '_v2');
  expect(await bench.rows(`select suffix, error from parked_events`)).toStrictEqual([{ suffix: '_v2', error: 'TypeError' }]);
});

test('after the log went back, a rebuild is the way out', async () => {
  const first = await bench.start([tally()]);
  await reached('_v1', bench.feed.add(marked('1'), marked('2')));
  await first.stop();
  bench.feed.forget(1);
  const { clock, moving } = movedClock();
  await bench.start([tally()], { time: clock });
  await moving(async () => (await bench.rows(`select from consumers where stopped is not null`)).length === 1);
  await requestRebuild(bench.db, 'tally');
  await moving(async () => (await live()) === '_v2');
  expect(await table('_v2')).toStrictEqual([{ stream: 'template-acme_a', total: 1, seen: ['1'] }]);
});

test('of what does not exist cannot be asked for', async () => {
  await expect(requestRebuild(bench.db, 'nothing')).rejects.toMatchObject({ kind: 'invalid', code: 'unknown_projection' });
});

/** The same with its column named otherwise in the table; in what is given it stays. */
const renamed = (text: string): string =>
  text
    .replace('(tenant, stream, total, seen)', '(tenant, stream, sum, seen)')
    .replace('total = t.total +', 'sum = t.sum +')
    .replace('excluded.total', 'excluded.sum');

test('while releases with different tables run side by side, neither reads the other’s: it says so, and may be asked again', async () => {
  const old = tally();
  const next: Projection = {
    ...old,
    version: 2,
    schema: (suffix) => old.schema(suffix).replace('total integer', 'sum integer'),
    apply: async (events, tx, suffix) => {
      const query: typeof tx.query = (statement) => tx.query({ ...statement, text: renamed(statement.text) });
      await old.apply(events, { query }, suffix);
    },
  };
  const [oldTables, newTables] = [
    await openLiveTables(bench.db, systemTime, { tally: 1 }),
    await openLiveTables(bench.db, systemTime, { tally: 2 }),
  ];
  await bench.start([old]);
  await reached('_v1', bench.feed.add(marked('1')));
  await until(() =>
    oldTables.suffixOf('tally').then(
      () => true,
      () => false,
    ),
  );
  await expect(newTables.suffixOf('tally')).rejects.toMatchObject({ kind: 'unavailable', code: 'projection_not_ready' });
  await bench.start([next]);
  await until(() =>
    newTables.suffixOf('tally').then(
      () => true,
      () => false,
    ),
  );
  expect(await newTables.suffixOf('tally')).toBe('_v2');
  // Until it has heard of it.
  await until(() =>
    oldTables.suffixOf('tally').then(
      (suffix) => suffix !== '_v1',
      () => true,
    ),
  );
  await expect(oldTables.suffixOf('tally')).rejects.toMatchObject({ kind: 'unavailable', code: 'newer_release' });
  // What it would have met: nothing that passes, so a worker would have set its work aside.
  await expect(bench.db.query({ text: 'select total from tally_v2' })).rejects.toMatchObject({ kind: 'invalid', retryable: false });
  expect(await bench.rows('select stream, sum from tally_v2')).toStrictEqual([{ stream: 'template-acme_a', sum: 1 }]);
  await Promise.all([oldTables.close(), newTables.close()]);
});
