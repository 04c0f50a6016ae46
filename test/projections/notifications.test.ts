import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { EngagementItem, EngagementKind } from '../../src/domain/engagement/events.ts';
import type { AnyFact } from '../../src/domain/kernel/decider.ts';
import type { Recorded } from '../../src/domain/kernel/metadata.ts';
import type { DeliveryState } from '../../src/domain/notification/delivery.ts';
import type { NotificationEvent, NotificationRequested } from '../../src/domain/notification/events.ts';
import type { BatchId, KeyedHash, NotificationId, SubjectId, TenantId } from '../../src/domain/values/ids.ts';
import { plusMs, type Instant } from '../../src/domain/values/instant.ts';
import { streamOf } from '../../src/domain/values/streams.ts';
import { notificationsProjection } from '../../src/projections/notifications/projection.ts';
import {
  countsOfBatches,
  deliveriesPage,
  deliveryOf,
  notificationOf,
  notificationsPage,
  refusalsOf,
  requestedUnder,
  type DeliveryFilter,
  type NotificationFilter,
  type RefusalQuery,
} from '../../src/projections/notifications/queries.ts';
import { ACME } from '../support/house.ts';
import { decidedHistory, history, type Played } from '../support/notificationHistory.ts';
import {
  at,
  cancelled,
  ended,
  goes,
  left,
  NOTIFICATION_ID,
  OF,
  planned,
  recorded,
  requested,
  retried,
  sent,
  started,
  subjectNo,
  T0,
} from '../support/notifications.ts';
import { recordedLog } from '../support/recordedLog.ts';
import { bothWays, openReadModel, V1, type ReadModel } from '../support/readModel.ts';

let model: ReadModel;
beforeAll(async () => {
  model = await openReadModel(notificationsProjection);
});
afterAll(() => model.close());
beforeEach(() => model.clear());

const OTHER = 'globex' as TenantId;
let behind = 0;
/** As the consumer gets them: no two of a test with one position. */
function log(events: readonly AnyFact[], on: Parameters<typeof recordedLog>[1] = {}): readonly Recorded[] {
  behind += events.length;
  return recordedLog(events, { ...on, behind: behind - events.length });
}
const engaged = (...items: readonly (Partial<EngagementItem> & { readonly kind: EngagementKind; readonly at: Instant })[]): AnyFact => ({
  type: 'EngagementRecorded',
  data: {
    notificationId: NOTIFICATION_ID,
    requestedAt: T0,
    items: items.map((it, place) => ({ n: 0, subject: subjectNo(0), provider: 'smtp', eventId: `e${String(place)}`, ...it })),
    recordedAt: T0,
  },
});
const delivery = (n = 0) => model.asTenant(ACME, (tx) => deliveryOf(tx, V1, ACME, { notification: NOTIFICATION_ID, n }));
const notification = (id = NOTIFICATION_ID) => model.asTenant(ACME, (tx) => notificationOf(tx, V1, ACME, id));
const show = async (...events: readonly AnyFact[]) => {
  await model.clear();
  await model.apply(log(events));
  return notification();
};

describe('a notification', () => {
  test('is shown as it was asked for', async () => {
    const terms = {
      key: 'hash' as KeyedHash,
      source: 'orders',
      channels: ['email', 'sms'],
      template: { key: 'shipped', version: 3 },
      expiresAfterMs: 60_000,
      schedule: { at: at(1_000) },
    } as const;
    const event = requested({ people: 2, terms, planAt: at(1_000) });
    const batch = { batchId: '019a0000-0000-7000-8000-0000000000b1' as BatchId, chunk: 3 };
    await model.apply(log([{ ...event, data: { ...event.data, batch, refused: [{ index: 9, code: 'x', detail: 'y' }] } }]));
    expect(await notification()).toStrictEqual({
      id: NOTIFICATION_ID,
      requestedAt: T0,
      type: 'order_shipped',
      category: 'orders',
      class: 'transactional',
      priority: 'normal',
      mode: 'live',
      channels: ['email', 'sms'],
      status: 'scheduled',
      counts: { queued: 4 },
      recipients: 2,
      refused: 1,
      batch: batch.batchId,
      source: 'orders',
      correlation: 'correlation',
      planAt: at(1_000),
      expiresAt: at(61_000),
    });
  });

  test('is what its deliveries are', async () => {
    const three = requested({ people: 3 });
    const open = [three, planned([goes(0, 8, 16)]), started('c1', [0, 8, 16])] as const;
    const statusOf = async (...events: readonly AnyFact[]) => {
      const row = await show(...events);
      return [row?.status, row?.counts];
    };
    expect(await statusOf(three)).toStrictEqual(['accepted', { queued: 3 }]);
    expect(await statusOf(...open)).toStrictEqual(['processing', { sending: 3 }]);
    expect(await statusOf(...open, recorded('c1', [sent([0]), retried([8]), ended('failed', [16])]))).toStrictEqual([
      'processing',
      { sent: 1, queued: 1, failed: 1 },
    ]);
    expect(await statusOf(...open, recorded('c1', [sent([0, 8]), ended('dead', [16])]))).toStrictEqual([
      'completed',
      { sent: 2, dead_lettered: 1 },
    ]);
    expect(await statusOf(three, cancelled([0, 8, 16]))).toStrictEqual(['cancelled', { cancelled: 3 }]);
    expect(
      await statusOf(three, cancelled([0]), planned([goes(8, 16)]), started('c1', [8, 16]), recorded('c1', [sent([8, 16])])),
    ).toStrictEqual(['completed', { cancelled: 1, sent: 2 }]);
    const expired = planned([{ plan: 'suppress', code: 'expired', items: [0, 8, 16], trace: 0 }]);
    expect(await statusOf(three, expired)).toStrictEqual(['expired', { expired: 3 }]);
    const deferred = planned([{ plan: 'defer', code: 'scheduled', until: at(99), items: [0, 8, 16], trace: 0 }]);
    expect(
      await statusOf(requested({ people: 3, terms: { schedule: { local: '2026-12-01T09:00', timeZone: 'recipient' } } }), deferred),
    ).toStrictEqual(['scheduled', { deferred: 3 }]);
  });

  test('that was moved says where to, and expires so long after it', async () => {
    const schedule = { at: at(90_000) };
    const move = { type: 'NotificationRescheduled', data: { ...OF, schedule, planAt: at(90_000), items: [0], rescheduledAt: T0 } };
    const row = await show(requested({ terms: { expiresAfterMs: 1_000 } }), move);
    expect([row?.status, row?.planAt, row?.expiresAt]).toStrictEqual(['scheduled', at(90_000), at(91_000)]);
    const release = { type: 'NotificationRescheduled', data: { ...OF, planAt: at(5), items: [0], rescheduledAt: T0 } };
    expect((await show(requested(), release))?.planAt).toBe(T0);
    expect((await show(requested({ terms: { expiresAt: at(7), expiresAfterMs: 9 } })))?.expiresAt).toBe(at(7));
  });

  test('channels that were left are not shown, unless they are called upon', async () => {
    const first = requested({ terms: { channels: ['email', 'sms'], routing: { method: 'first', until: 'accepted' } } });
    const failing = [first, planned([goes(0), left(1)]), started('c1', [0])] as const;
    expect((await show(...failing))?.counts).toStrictEqual({ sending: 1 });
    expect(await delivery(1)).toBe(undefined);
    await show(...failing, recorded('c1', [ended('failed', [0])], { escalated: [{ items: [1], at: at(9) }] }));
    expect(await delivery(1)).toMatchObject({ status: 'deferred', code: 'scheduled', dueAt: at(9) });
    await show(
      first,
      planned([{ plan: 'fail', code: 'template_invalid', items: [0], trace: 0 }, left(1)], { escalated: [{ items: [1], at: at(9) }] }),
    );
    expect(await delivery(1)).toMatchObject({ status: 'deferred', dueAt: at(9) });
  });
});

describe('a delivery', () => {
  const retry = retried([0], { code: 'greylisted', retryAt: at(10_000) });
  const tried = [
    requested({ terms: { template: { key: 'shipped', version: 3 } } }),
    planned([goes(0)], { plannedAt: at(1) }),
    started('c1', [0], { locale: 'de' }),
  ] as const;

  test('that was taken at the first try needs no list of attempts', async () => {
    await show(...tried, recorded('c1', [sent([0], { messageIds: ['m-1'] })], { recordedAt: at(2) }));
    expect(await delivery()).toStrictEqual({
      notification: NOTIFICATION_ID,
      requestedAt: T0,
      n: 0,
      subject: subjectNo(0),
      status: 'sent',
      code: null,
      provider: 'smtp',
      messageId: 'm-1',
      locale: 'de',
      template: 'shipped',
      templateVersion: 3,
      tries: 1,
      plannedAt: at(1),
      sentAt: at(2),
      dueAt: null,
      attempts: null,
      feedback: null,
      type: 'order_shipped',
      batch: null,
    });
  });

  test('tells every try of several, and when the next is due', async () => {
    await show(...tried, recorded('c1', [retry]));
    expect(await delivery()).toMatchObject({ status: 'queued', code: 'greylisted', dueAt: at(10_000), tries: 1 });
    await show(
      ...tried,
      recorded('c1', [retry]),
      started('c2', [0], { attempt: 2 }),
      recorded('c2', [sent([0], { attempt: 2 })], { recordedAt: at(3) }),
    );
    expect(await delivery()).toMatchObject({
      status: 'sent',
      code: null,
      dueAt: null,
      tries: 2,
      attempts: [
        { attempt: 1, provider: 'smtp', at: T0, outcome: 'retry', code: 'greylisted' },
        { attempt: 2, provider: 'smtp', at: at(3), outcome: 'sent' },
      ],
    });
  });

  test('that was taken twice, since a worker died, tells both, whichever way the events come', async () => {
    const doubled = [
      ...tried,
      started('c2', [0]),
      recorded('c2', [sent([0])], { recordedAt: at(4) }),
      recorded('c1', [sent([0])], { recordedAt: at(5) }),
    ];
    const { once, again, singly } = await bothWays(model, log(doubled));
    expect(again).toStrictEqual(once);
    expect(singly).toStrictEqual(once);
    expect(await delivery()).toMatchObject({
      sentAt: at(4),
      tries: 2,
      attempts: [
        { attempt: 1, provider: 'smtp', at: at(4), outcome: 'sent' },
        { attempt: 1, provider: 'smtp', at: at(5), outcome: 'sent' },
      ],
    });
  });

  test('that was captured says so', async () => {
    await show(...tried, recorded('c1', [sent([0], { captured: true })]));
    expect(await delivery()).toMatchObject({ status: 'captured' });
  });
});

const OUTWARD: Readonly<Record<DeliveryState, string>> = {
  new: 'queued',
  planned: 'queued',
  retry: 'queued',
  deferred: 'deferred',
  open: 'sending',
  sent: 'sent',
  failed: 'failed',
  dead: 'dead_lettered',
  unknown: 'unknown',
  suppressed: 'suppressed',
  cancelled: 'cancelled',
  left: 'left',
};

test('of any log each delivery has the status that the fold gives it, however the events come in', { timeout: 400_000 }, async () => {
  const rowsOf = async (suffix: string): Promise<readonly object[]> => {
    const { deliveries = [], notifications = [] } = await model.rows(suffix);
    return [...notifications, ...deliveries].map((it) => (it as { row: object }).row);
  };
  await fc.assert(
    fc.asyncProperty(history, fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 40, maxLength: 40 }), async (drawn, cuts) => {
      await model.clear();
      const { events, state }: Played = decidedHistory(drawn);
      const all = log(events);
      for (let from = 0, cut = 0; from < all.length; from += cuts[cut++ % cuts.length]!)
        await model.apply(all.slice(from, from + cuts[cut % cuts.length]!), V1);
      // Cut anywhere, with what was applied before applied again.
      await model.apply(all, '_v2');
      await model.apply(all, '_v2');
      const [inPieces, atOnce] = [await rowsOf(V1), await rowsOf('_v2')];
      expect(inPieces).toStrictEqual(atOnce);
      const statuses = Object.fromEntries(atOnce.flatMap((row) => ('n' in row && 'status' in row ? [[String(row.n), row.status]] : [])));
      const expected = [...state.deliveries.values()].map((it) => [
        String(it.n),
        it.status === 'suppressed' && it.code === 'expired' ? 'expired' : OUTWARD[it.status],
      ]);
      expect(statuses).toStrictEqual(Object.fromEntries(expected));
    }),
    { numRuns: 60 },
  );
});

describe('feedback', () => {
  const out = [requested(), planned([goes(0)]), started('c1', [0]), recorded('c1', [sent([0])])] as const;
  const feedbackOf = async (...batches: readonly (readonly AnyFact[])[]) => {
    await show(...out);
    for (const [place, batch] of batches.entries()) await model.apply(log(batch, { noun: 'engagement', from: place * 10 }));
    const row = await delivery();
    return [row?.status, row?.feedback, (await notification())?.counts];
  };

  test('overlays what the hand-off says, the gravest first', async () => {
    expect(await feedbackOf([engaged({ kind: 'confirmed', at: at(5) })])).toStrictEqual([
      'delivered',
      { deliveredAt: at(5) },
      { delivered: 1 },
    ]);
    expect(await feedbackOf([engaged({ kind: 'opened', at: at(5) })])).toStrictEqual(['delivered', { openedAt: at(5) }, { delivered: 1 }]);
    expect((await feedbackOf([engaged({ kind: 'confirmed', at: at(5) }, { kind: 'bounced', at: at(6), bounceType: 'hard' })]))[0]).toBe(
      'bounced',
    );
    expect((await feedbackOf([engaged({ kind: 'bounced', at: at(6) }, { kind: 'complained', at: at(7) })]))[0]).toBe('complained');
  });

  test('is the first of each kind and the gravest bounce, in whatever order and however often it comes', async () => {
    const items = [
      engaged({ kind: 'opened', at: at(9) }, { kind: 'bounced', at: at(20), bounceType: 'soft' }),
      engaged({ kind: 'opened', at: at(3) }),
      engaged({ kind: 'bounced', at: at(30), bounceType: 'hard' }, { kind: 'opened', at: at(1), machine: true }),
    ];
    const merged = ['bounced', { bouncedAt: at(20), bounceType: 'hard', openedAt: at(3) }, { bounced: 1 }];
    const [a, b, c] = items as [AnyFact, AnyFact, AnyFact];
    for (const order of [
      [a, b, c],
      [c, b, a],
      [b, c, a, b, a, c],
    ]) {
      expect(await feedbackOf(...order.map((one) => [one]))).toStrictEqual(merged);
      expect(await feedbackOf(order)).toStrictEqual(merged);
    }
  });

  test('of what was never sent says nothing', async () => {
    await show(requested(), cancelled([0]));
    await model.apply(log([engaged({ kind: 'confirmed', at: at(5) })], { noun: 'engagement' }));
    expect((await delivery())?.status).toBe('cancelled');
  });
});

describe('lists', () => {
  const idNo = (place: number): NotificationId => `01900000-0000-7000-8000-0000000001${String(place).padStart(2, '0')}` as NotificationId;
  const BATCH = '019a0000-0000-7000-8000-0000000000b1' as BatchId;
  /** Five notifications a month apart from each other, the first with two people on two channels. */
  const asked = (place: number, more: Partial<NotificationRequested['data']> = {}, terms: object = {}): NotificationRequested => {
    const data = { notificationId: idNo(place), requestedAt: plusMs(T0, place * 31 * 86_400_000), ...more };
    return requested({ people: place === 0 ? 2 : 1, terms: { channels: place === 0 ? ['email', 'sms'] : ['email'], ...terms }, data });
  };
  const all = [
    asked(0, {}, { type: 'welcome', category: 'account', source: 'crm' }),
    asked(1, {}, { key: 'k' as KeyedHash }),
    asked(2, { batch: { batchId: BATCH, chunk: 0 } }),
    asked(3, { batch: { batchId: BATCH, chunk: 1 } }, { key: 'k' as KeyedHash }),
    asked(4),
  ];
  const failed = (place: number): readonly NotificationEvent[] => {
    const of = { notificationId: idNo(place), requestedAt: all[place]!.data.requestedAt };
    return [planned([goes(0)]), started('c1', [0]), recorded('c1', [ended('failed', [0])])].map(
      (event) => ({ ...event, data: { ...event.data, ...of } }) as NotificationEvent,
    );
  };
  beforeEach(async () => {
    for (const [place, event] of all.entries()) await model.apply(log(place === 2 ? [event, ...failed(2)] : [event]));
    await model.apply(log([asked(4, { notificationId: idNo(77) })], { tenant: OTHER }));
  });
  const notifications = async (filter: NotificationFilter = {}, page: { limit: number; place?: string } = { limit: 50 }) =>
    model.asTenant(ACME, (tx) => notificationsPage(tx, V1, { tenant: ACME, filter }, page));
  const deliveries = async (filter: DeliveryFilter = {}, page: { limit: number; place?: string } = { limit: 50 }) =>
    model.asTenant(ACME, (tx) => deliveriesPage(tx, V1, { tenant: ACME, filter }, page));
  const placesOf = async (filter: NotificationFilter) =>
    (await notifications(filter)).rows.map(({ id }) => all.findIndex(({ data }) => data.notificationId === id));

  test('newest first, a page at a time, stable while others come', async () => {
    const first = await notifications({}, { limit: 2 });
    await model.apply(log([asked(4, { notificationId: idNo(88), requestedAt: plusMs(T0, 300 * 86_400_000) })]));
    const second = await notifications({}, { limit: 2, place: first.next! });
    const third = await notifications({}, { limit: 2, place: second.next! });
    expect([first, second, third].map(({ rows }) => rows.map(({ id }) => id))).toStrictEqual([
      [idNo(4), idNo(3)],
      [idNo(2), idNo(1)],
      [idNo(0)],
    ]);
    expect(third.next).toBe(null);
  });
  test.each<[NotificationFilter, readonly number[]]>([
    [{}, [4, 3, 2, 1, 0]],
    [{ type: 'welcome' }, [0]],
    [{ category: 'account' }, [0]],
    [{ status: 'completed' }, [2]],
    [{ status: 'accepted', batchId: BATCH }, [3]],
    [{ channel: 'sms' }, [0]],
    [{ source: 'crm' }, [0]],
    [{ correlationId: 'correlation', key: 'k' as KeyedHash }, [3, 1]],
    [{ batchId: BATCH }, [3, 2]],
    [{ subject: subjectNo(1) }, [0]],
    [{ since: plusMs(T0, 31 * 86_400_000), until: plusMs(T0, 93 * 86_400_000) }, [2, 1]],
    [{ correlationId: 'another' }, []],
  ])('notifications by %o', async (filter, places) => {
    expect(await placesOf(filter)).toStrictEqual(places);
  });
  test('under a key, a page after the other', async () => {
    const under = (after?: NotificationId, limit?: number): Promise<readonly NotificationId[]> =>
      model.asTenant(ACME, (tx) => requestedUnder(tx, V1, { tenant: ACME, key: 'k' as KeyedHash, after }, limit));
    expect(await under()).toStrictEqual([idNo(3), idNo(1)]);
    expect(await under(undefined, 1)).toStrictEqual([idNo(3)]);
    expect(await under(idNo(3), 1)).toStrictEqual([idNo(1)]);
    expect(await under(idNo(1), 1)).toStrictEqual([]);
  });
  test('deliveries: newest notification first, then its recipients; a page ends anywhere', async () => {
    const seen: string[] = [];
    let place: string | undefined;
    do {
      const page = await deliveries({}, { limit: 3, ...(place === undefined ? {} : { place }) });
      seen.push(
        ...page.rows.map(({ notification: id, n }) => `${String(all.findIndex(({ data }) => data.notificationId === id))} ${String(n)}`),
      );
      place = page.next ?? undefined;
    } while (place !== undefined);
    expect(seen).toStrictEqual(['4 0', '3 0', '2 0', '1 0', '0 0', '0 1', '0 8', '0 9']);
  });
  test.each<[DeliveryFilter, number]>([
    [{}, 8],
    [{ notificationId: idNo(0) }, 4],
    [{ subject: subjectNo(1) }, 2],
    [{ channel: 1 }, 2],
    [{ status: ['failed', 'unknown'] }, 1],
    [{ status: ['queued'] }, 7],
    [{ status: ['queued', 'failed'], type: 'welcome' }, 4],
    [{ provider: 'smtp' }, 1],
    [{ batchId: BATCH }, 2],
    [{ since: plusMs(T0, 31 * 86_400_000), until: plusMs(T0, 62 * 86_400_000) }, 1],
  ])('deliveries by %o', async (filter, count) => {
    expect((await deliveries(filter)).rows).toHaveLength(count);
  });
  test('of batches the counts', async () => {
    expect(await model.asTenant(ACME, (tx) => countsOfBatches(tx, V1, ACME, [BATCH]))).toStrictEqual(
      new Map([[BATCH, { queued: 1, failed: 1 }]]),
    );
  });
  test('another tenant sees only its own', async () => {
    const theirs = await model.asTenant(OTHER, (tx) => notificationsPage(tx, V1, { tenant: OTHER, filter: {} }, { limit: 50 }));
    expect(theirs.rows.map(({ id }) => id)).toStrictEqual([idNo(77)]);
    const mine = await model.asTenant(OTHER, (tx) => deliveriesPage(tx, V1, { tenant: ACME, filter: {} }, { limit: 50 }));
    expect(mine.rows).toStrictEqual([]);
  });
  test('each month of requests has its own partitions', async () => {
    const rows = await model.asWorker((tx) =>
      tx.query<{ name: string }>({
        text: `select relname as name from pg_class where relname like 'deliveries\\_v1\\_y%' and relkind = 'r' order by 1`,
      }),
    );
    expect(rows.map(({ name }) => name)).toStrictEqual(
      expect.arrayContaining([
        'deliveries_v1_y2026m11',
        'deliveries_v1_y2026m12',
        'deliveries_v1_y2027m01',
        'deliveries_v1_y2027m02',
        'deliveries_v1_y2027m03',
      ]),
    );
  });
});

describe('those who were refused when somebody asked for them', () => {
  const [ana, bo] = [subjectNo(7), subjectNo(8)];
  const BATCH = '019a0000-0000-7000-8000-0000000000b1' as BatchId;
  const ofBatch = (event: AnyFact, tenant: TenantId = ACME): Recorded => ({
    ...log([event], { tenant })[0]!,
    stream: streamOf('batch', tenant, BATCH),
  });
  const chunk = (more: object): AnyFact => ({
    type: 'ChunkAdded',
    data: { batchId: BATCH, chunk: 0, lines: { from: 11, to: 13 }, accepted: 0, digest: 'd', addedAt: at(60_000), ...more },
  });
  const rejections = [
    { line: 11, code: 'invalid_email', detail: 'e', subject: ana },
    { line: 12, code: 'malformed_json', detail: 'm' },
    { line: 13, code: 'invalid_phone', detail: 'p', subject: bo },
  ];
  const entry = {
    at: at(120_000),
    actor: { kind: 'key', id: 'k' },
    action: 'requestNotification',
    resource: 'notifications',
    requestId: 'r',
  };
  const events = (): readonly Recorded[] => {
    const { data, type } = requested({ people: 1 });
    const refused = [
      { index: 1, code: 'invalid_email', detail: 'e', subject: ana },
      { index: 2, code: 'invalid_phone', detail: 'p' },
    ];
    const rejected: AnyFact = {
      type: 'CommandRejected',
      data: {
        entries: [
          { ...entry, code: 'validation_failed' },
          {
            ...entry,
            code: 'no_recipient_accepted',
            refused: { type: 'other', people: [{ index: 4, subject: ana, code: 'invalid_locale', detail: 'l' }] },
          },
          {
            ...entry,
            code: 'no_recipient_accepted',
            refused: { type: 'other', people: [{ index: 0, subject: bo, code: 'invalid_url', detail: 'u' }] },
          },
        ],
      },
    };
    const inAudit = { ...log([rejected])[0]!, stream: streamOf('audit', ACME, '2026-11-21') };
    return [...log([{ type, data: { ...data, refused } }]), ofBatch(chunk({ type: 'news', rejections })), inAudit];
  };
  const refusals = (subjects: readonly SubjectId[], filter: RefusalQuery['filter'] = {}, limit = 20) =>
    model.asTenant(ACME, (tx) => refusalsOf(tx, V1, { tenant: ACME, subjects, filter }, limit));

  test('are told, newest first, wherever it stands', async () => {
    const all = events();
    await model.apply(all);
    const [first, second, third] = all.map((it) => it.position);
    expect(await refusals([ana])).toStrictEqual([
      {
        notification: null,
        batch: null,
        requestedAt: at(120_000),
        subject: ana,
        place: 4,
        type: 'other',
        code: 'invalid_locale',
        detail: 'l',
        position: third,
      },
      {
        notification: null,
        batch: BATCH,
        requestedAt: at(60_000),
        subject: ana,
        place: 11,
        type: 'news',
        code: 'invalid_email',
        detail: 'e',
        position: second,
      },
      {
        notification: NOTIFICATION_ID,
        batch: null,
        requestedAt: T0,
        subject: ana,
        place: 1,
        type: 'order_shipped',
        code: 'invalid_email',
        detail: 'e',
        position: first,
      },
    ]);
    expect((await refusals([ana, bo])).map(({ subject, place }) => [subject, place])).toStrictEqual([
      [ana, 4],
      [bo, 0],
      [ana, 11],
      [bo, 13],
      [ana, 1],
    ]);
    expect((await refusals([ana, bo], {}, 2)).map(({ place }) => place)).toStrictEqual([4, 0]);
    expect((await refusals([ana], { type: 'news' })).map(({ place }) => place)).toStrictEqual([11]);
    expect((await refusals([ana], { since: at(1), until: at(120_000) })).map(({ place }) => place)).toStrictEqual([11]);
    expect(await refusals([subjectNo(0)])).toStrictEqual([]);
  });

  test('come to the same rows whichever way the events come in', async () => {
    const { once, again, singly } = await bothWays(model, events());
    expect(once['refusals']).toHaveLength(5);
    expect(again).toStrictEqual(once);
    expect(singly).toStrictEqual(once);
  });

  test('of a chunk that has a notification are told by that', async () => {
    await model.apply([ofBatch(chunk({ notificationId: NOTIFICATION_ID, accepted: 1, rejections }))]);
    expect(await refusals([ana, bo])).toStrictEqual([]);
  });

  test('another tenant sees only its own', async () => {
    await model.apply([ofBatch(chunk({ type: 'news', rejections }), OTHER)]);
    expect(await refusals([ana])).toStrictEqual([]);
    const seen = await model.asTenant(ACME, (tx) => refusalsOf(tx, V1, { tenant: OTHER, subjects: [ana], filter: {} }, 5));
    expect(seen).toStrictEqual([]);
  });
});
