import { afterEach, beforeEach, expect, test } from 'vitest';
import { liveClaims } from '../../src/adapters/postgres/actions/liveClaims.ts';
import { over } from '../../src/adapters/postgres/transaction.ts';
import { askParked, listParked } from '../../src/consumers/parking.ts';
import { requestRebuild } from '../../src/consumers/rebuild.ts';
import { consumersStatus } from '../../src/consumers/status.ts';
import { positionAt } from '../support/memoryFeed.ts';
import { happened, openBench, tally, unreadable, until, type Bench } from '../support/consumers.ts';

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(async () => {
  await bench.close();
});

test('the API, bound by row-level security, sees consumers, asks for retries and rebuilds, and changes nothing else', async () => {
  await bench.start([tally()], { holder: 'worker 1' });
  const position = bench.feed.add(happened('Marked', {}, { id: 'a' }), unreadable('unknown_type', 'a'));
  await until(async () => (await bench.rows('select from consumers where position = $1', position)).length === 1);
  const api = over(bench.fresh.apiPool);
  const [status] = await consumersStatus(api, await bench.feed.head());
  expect({ ...status, rate: 0 }).toStrictEqual({
    name: 'tally',
    suffix: '_v1',
    isRead: true,
    version: 1,
    status: 'live',
    position: positionAt(2),
    head: positionAt(2),
    lag: 0,
    rate: 0,
    parked: 1,
    holder: 'worker 1',
  });
  const [parked] = await listParked(api, 'tally');
  expect(await askParked(api, 'tally', parked!.id, 'skip')).toBe('asked');
  await until(async () => (await listParked(api, 'tally')).length === 0);
  await requestRebuild(api, 'tally');
  await until(async () => (await bench.rows(`select from consumers where suffix = '_v2' and state = 'live'`)).length === 1);
  expect(await liveClaims(api).naming(['ann'], [])).toStrictEqual([]);
  await expect(api.query({ text: `update consumers set position = null` })).rejects.toMatchObject({ code: 'database_refused' });
  await expect(api.query({ text: `delete from parked_events` })).rejects.toMatchObject({ code: 'database_refused' });
  await expect(api.query({ text: `update actions set claim = null` })).rejects.toMatchObject({ code: 'database_refused' });
});
