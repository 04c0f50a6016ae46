import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { database } from '../../../src/adapters/postgres/database.ts';
import { openListener } from '../../../src/adapters/postgres/notify.ts';
import { expireReservations, postgresReservations } from '../../../src/adapters/postgres/reservations.ts';
import type { DeliveryId, TenantId } from '../../../src/domain/values/ids.ts';
import { plusMs, type Instant } from '../../../src/domain/values/instant.ts';
import type { Database } from '../../../src/consumers/ports.ts';
import type { ReservationRequest, Reservations } from '../../../src/processes/dispatch/ports.ts';
import { freshDatabase, type FreshDatabase } from '../../support/postgres.ts';

let db: FreshDatabase;
let listener: ReturnType<typeof openListener>;
let models: Database;
let reservations: Reservations;
beforeAll(async () => {
  db = await freshDatabase(['models']);
  listener = openListener({ url: db.url, role: 'tidings_worker' });
  models = database(db.workerPool, listener);
  reservations = postgresReservations(models);
});
afterAll(async () => {
  await listener.close();
  await db.close();
});
beforeEach(() => db.workerPool.query('delete from reservations'));

const NOW = '2026-11-21T10:00:00.000Z' as Instant;
const HOUR = plusMs(NOW, 3_600_000);
const wanted = (delivery: string, more: Partial<ReservationRequest> = {}): ReservationRequest => ({
  tenant: 'acme' as TenantId,
  key: 'k',
  delivery: delivery as DeliveryId,
  since: NOW,
  until: HOUR,
  ...more,
});
const held = (delivery: string, until = HOUR) => ({ delivery, until });
const reserve = (now: Instant, ...requests: readonly ReservationRequest[]) => reservations.reserve(requests, now);

describe('a key', () => {
  test('goes to the first who wants it; the next is told who has it', async () => {
    expect(await reserve(NOW, wanted('a'))).toStrictEqual(['reserved']);
    expect(await reserve(NOW, wanted('b'))).toStrictEqual([held('a')]);
  });
  test('goes to the same delivery again, for as long as it then says', async () => {
    await reserve(NOW, wanted('a'));
    const later = plusMs(HOUR, 1_000);
    expect(await reserve(NOW, wanted('a', { until: later }))).toStrictEqual(['reserved']);
    expect(await reserve(NOW, wanted('b'))).toStrictEqual([held('a', later)]);
  });
  test('is free when its time is over, to the millisecond', async () => {
    await reserve(NOW, wanted('a'));
    expect(await reserve(plusMs(HOUR, -1), wanted('b'))).toStrictEqual([held('a')]);
    expect(await reserve(HOUR, wanted('b', { until: plusMs(HOUR, 5) }))).toStrictEqual(['reserved']);
  });
  test('of another tenant, or another key, is another', async () => {
    expect(await reserve(NOW, wanted('a'), wanted('b', { tenant: 'globex' as TenantId }), wanted('c', { key: 'other' }))).toStrictEqual([
      'reserved',
      'reserved',
      'reserved',
    ]);
  });
  test('wanted twice in one call goes to the first, in the order of the call', async () => {
    expect(await reserve(NOW, wanted('b'), wanted('a'), wanted('c', { key: 'other' }))).toStrictEqual(['reserved', held('b'), 'reserved']);
  });
  test('held in vain is taken over, as long as it is held as it was seen', async () => {
    await reserve(NOW, wanted('a'));
    expect(await reserve(NOW, wanted('b', { over: { delivery: 'x' as DeliveryId, until: HOUR } }))).toStrictEqual([held('a')]);
    expect(await reserve(NOW, wanted('b', { over: { delivery: 'a' as DeliveryId, until: plusMs(HOUR, 1) } }))).toStrictEqual([held('a')]);
    expect(await reserve(NOW, wanted('b', { over: { delivery: 'a' as DeliveryId, until: HOUR } }))).toStrictEqual(['reserved']);
    expect(await reserve(NOW, wanted('c'))).toStrictEqual([held('b')]);
  });
  test('wanted by many at once goes to one of them', async () => {
    const names = Array.from({ length: 20 }, (_, at) => `d${String(at)}`);
    // Every other call names the keys in another order: nobody waits in a circle.
    const answers = await Promise.all(
      names.map((name, at) => {
        const both = [wanted(name), wanted(name, { key: 'other' })];
        return reserve(NOW, ...(at % 2 === 0 ? both : both.reverse()));
      }),
    );
    expect(answers.flat().filter((it) => it === 'reserved')).toHaveLength(2);
    expect(answers.flat().filter((it) => it !== 'reserved' && it.until !== HOUR)).toStrictEqual([]);
  });
  test('of many people is one statement for all of them', async () => {
    const many = Array.from({ length: 500 }, (_, at) => wanted(`d${String(at)}`, { key: `k${String(at)}` }));
    expect(await reserve(NOW, ...many)).toStrictEqual(many.map(() => 'reserved'));
  });
});

test('what is over is swept, some at a time', async () => {
  await reserve(NOW, wanted('a'), wanted('b', { key: '2', until: plusMs(NOW, 5) }), wanted('c', { key: '3', until: plusMs(NOW, 6) }));
  expect([
    await expireReservations(models, plusMs(NOW, 6), 1),
    await expireReservations(models, plusMs(NOW, 6), 9),
    await expireReservations(models, plusMs(NOW, 6), 9),
  ]).toStrictEqual([1, 1, 0]);
  expect(await reserve(NOW, wanted('z'))).toStrictEqual([held('a')]);
});
