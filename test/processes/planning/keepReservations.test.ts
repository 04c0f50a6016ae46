import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Recorded } from '../../../src/domain/kernel/metadata.ts';
import type { DeliveriesPlanned } from '../../../src/domain/notification/events.ts';
import { actionsConsumer } from '../../../src/processes/actionsConsumer.ts';
import { dispatch } from '../../../src/processes/dispatch/process.ts';
import { keepReservations, reservationsIn } from '../../../src/processes/planning/keepReservations.ts';
import { happened, openBench, TENANT, type Bench } from '../../support/consumers.ts';
import { positionAt } from '../../support/memoryFeed.ts';

const AT = (minute: number): string => `2026-11-21T10:${String(minute).padStart(2, '0')}:00.000Z`;
/** The plan of the e-mail (n = 0) of one person. */
const planned = (notification: string, minute: number, reserved: object = {}): Recorded => ({
  ...happened(
    'DeliveriesPlanned',
    {
      notificationId: notification,
      requestedAt: AT(0),
      priority: 'normal',
      plannedAt: AT(minute),
      traces: [],
      planned: [{ items: [0], trace: 0, plan: 'go' }],
      later: [],
      escalated: [],
      reserved: { key: 'hash', until: AT(minute + 30), holders: [{ n: 0, subject: 'ana' }], ...reserved },
    },
    { noun: 'notification', id: notification },
  ),
  position: positionAt(minute),
});
const held = (notification: string, minute: number, until = minute + 30) => ({
  tenant: TENANT,
  key: 'hash ana email',
  delivery: `${notification}_0`,
  since: AT(minute),
  until: AT(until),
});

describe('what the log says is held', () => {
  test('is held by the newest holder, for each person and channel', () => {
    const both = { holders: [0, 1].map((n) => ({ n, subject: 'bo' })) };
    expect(reservationsIn([planned('n1', 1), planned('n2', 2), planned('n3', 3, both)])).toStrictEqual([
      held('n2', 2),
      { ...held('n3', 3), key: 'hash bo email' },
      { ...held('n3', 3), key: 'hash bo sms', delivery: 'n3_1' },
    ]);
  });
  test('is nothing where no dedup key was given', () => {
    const { event, ...rest } = planned('n1', 1);
    const { reserved: _, ...data } = event.data as DeliveriesPlanned['data'];
    expect(reservationsIn([{ ...rest, event: { ...event, data } }])).toStrictEqual([]);
  });
});

describe('the table of reservations', () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await openBench();
  });
  beforeEach(() => bench.rows('delete from reservations'));
  afterAll(() => bench.close());
  const keep = (...events: readonly Recorded[]): Promise<unknown> =>
    bench.db.transaction((tx) => keepReservations(reservationsIn(events), tx));
  const table = () =>
    bench.rows<object>(`select tenant, key, delivery, to_char(since, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as since,
                       to_char(until, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as until from reservations`);

  test('is made again, and the same by a replay', async () => {
    await keep(planned('n1', 1));
    await keep(planned('n2', 2, { until: AT(5) }));
    await keep(planned('n1', 1), planned('n2', 2, { until: AT(5) }));
    expect(await table()).toStrictEqual([held('n2', 2, 5)]);
  });
  test('never goes back to an older holder', async () => {
    await keep(planned('n2', 2, { until: AT(5) }));
    await keep(planned('n1', 1));
    expect(await table()).toStrictEqual([held('n2', 2, 5)]);
  });
  test('keeps what its holder has made of it since', async () => {
    await keep(planned('n2', 2, { until: AT(5) }));
    await bench.rows(`update reservations set until = '${AT(40)}'`);
    await keep(planned('n2', 3));
    expect(await table()).toStrictEqual([held('n2', 2, 40)]);
  });
  test('is made again by the consumer of actions, for which drainers wait', async () => {
    await bench.db.transaction((tx) => actionsConsumer([dispatch]).apply([planned('n4', 4)], tx, ''));
    expect(await table()).toStrictEqual([held('n4', 4)]);
  });
});
