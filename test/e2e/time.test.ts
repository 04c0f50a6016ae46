import { describe, expect, test } from 'vitest';
import { message, serviceForSuite } from '../support/service.ts';

const tidings = serviceForSuite();
const inFuture = (ms: number): string => new Date(Date.now() + ms).toISOString();
const HOUR = 3_600_000;
const later = { schedule: { at: inFuture(HOUR) } };
const codesOf = (rows: readonly any[]): readonly unknown[] => rows.map(({ status, code }) => [status, code]);

// Each of them waits for its own instant, which is so far off that what is to come before it does so on a busy machine too.
describe.concurrent('a message for later', () => {
  test('waits, says until when, and goes when its time has come', async () => {
    const at = inFuture(8000);
    const { id, position } = await tidings.send(message([{ email: 'soon@example.com' }], { schedule: { at } }));
    const shown = await tidings.get(`/v1/notifications/${id}?after=${position}`);
    expect(shown.body).toMatchObject({ status: 'scheduled', planAt: at, schedule: { at } });
    expect((await tidings.deliveries(id)).map(({ status }) => status)).not.toContain('captured');
    const [delivery] = await tidings.settled(id);
    expect(delivery.status).toBe('captured');
    expect(delivery.sentAt >= at).toBe(true);
  });

  test('may be said in local time and a zone', async () => {
    const { id, position } = await tidings.send(
      message([{ email: 'vienna@example.com' }], { schedule: { local: '2031-07-01T09:00', timeZone: 'Europe/Vienna' } }),
    );
    const shown = await tidings.get(`/v1/notifications/${id}?after=${position}`);
    expect(shown.body).toMatchObject({ status: 'scheduled', planAt: '2031-07-01T07:00:00.000Z' });
    const unknown = await tidings.post(
      '/v1/notifications',
      message([{ email: 'a@example.com' }], { schedule: { local: '2031-07-01T09:00', timeZone: 'Mars/Olympus' } }),
    );
    expect([unknown.status, unknown.body.errors[0].path]).toStrictEqual([422, '/schedule/timeZone']);
  });

  test('can be moved, and then goes at the new time', async () => {
    const { id } = await tidings.send(message([{ email: 'moved@example.com' }], later));
    const at = inFuture(6000);
    const moved = await tidings.post(`/v1/notifications/${id}/reschedule`, { schedule: { at } });
    expect([moved.status, moved.body]).toStrictEqual([202, { deliveries: 1 }]);
    const [delivery] = await tidings.settled(id);
    expect([delivery.status, delivery.sentAt >= at]).toStrictEqual(['captured', true]);
    const again = await tidings.post(`/v1/notifications/${id}/reschedule`, { schedule: { at: inFuture(HOUR) } });
    expect([again.status, again.body.code]).toStrictEqual([409, 'nothing_to_reschedule']);
  });

  test('is never sent once it is cancelled', async () => {
    const at = inFuture(8000);
    const { id } = await tidings.send(message([{ email: 'never@example.com' }, { email: 'neither@example.com' }], { schedule: { at } }));
    const cancelled = await tidings.post(`/v1/notifications/${id}/cancel`, { reason: 'changed our mind' });
    expect([cancelled.status, cancelled.body]).toStrictEqual([200, { cancelled: 2, alreadySent: 0 }]);
    const probe = await tidings.send(message([{ email: 'probe@example.com' }], { schedule: { at } }));
    await tidings.settled(probe.id);
    const shown = await tidings.get(`/v1/notifications/${id}?after=${cancelled.headers.get('tidings-position') ?? ''}`);
    expect(shown.body).toMatchObject({ status: 'cancelled', counts: { cancelled: 2 } });
    expect(await tidings.captured(id)).toStrictEqual([]);
    const told = await tidings.get(`/v1/deliveries/${id}_0/explain`);
    expect(told.body.sentence).toMatch(/was cancelled before it went/);
    const twice = await tidings.post(`/v1/notifications/${id}/cancel`);
    expect(twice.status === 200 || twice.body.code === 'nothing_to_cancel').toBe(true);
  });

  test('can be cancelled by the caller’s own key, for all or for some', async () => {
    const people = ['k-1', 'k-2', 'k-3'].map((recipientId) => ({ recipientId, email: `${recipientId}@example.com` }));
    const { id } = await tidings.send(message(people, { ...later, key: 'appointment-7' }));
    const one = await tidings.post('/v1/notifications/cancel', { key: 'appointment-7', recipientIds: ['k-2'], reason: 'moved away' });
    expect([one.status, one.body]).toStrictEqual([200, { cancelled: 1, alreadySent: 0 }]);
    const [, two] = await tidings.deliveries(id, one.headers.get('tidings-position') ?? '');
    expect([two.recipientId, two.status]).toStrictEqual(['k-2', 'cancelled']);
    const rest = await tidings.post('/v1/notifications/cancel', { key: 'appointment-7' });
    expect([rest.status, rest.body]).toStrictEqual([200, { cancelled: 3, alreadySent: 0 }]);
    const unknown = await tidings.post('/v1/notifications/cancel', { key: 'appointment-8' });
    expect([unknown.status, unknown.body.code]).toStrictEqual([404, 'notification_not_found']);
  });

  test('that has gone can no longer be cancelled', async () => {
    const { id } = await tidings.send(message([{ email: 'gone@example.com' }]));
    await tidings.settled(id);
    const { status, body } = await tidings.post(`/v1/notifications/${id}/cancel`);
    expect([status, body.code]).toStrictEqual([409, 'nothing_to_cancel']);
  });
});

describe.concurrent('a message that expires', () => {
  test('before its time is refused', async () => {
    const past = await tidings.post('/v1/notifications', message([{ email: 'a@example.com' }], { expiresAt: '2020-01-01T00:00:00Z' }));
    expect([past.status, past.body.code]).toStrictEqual([422, 'already_expired']);
    const both = await tidings.post(
      '/v1/notifications',
      message([{ email: 'a@example.com' }], { expiresAt: inFuture(HOUR), expiresAfter: 'PT1H' }),
    );
    expect([both.status, both.body.code]).toStrictEqual([422, 'validation_failed']);
  });

  test('while it waits to be tried again is not sent any more', async () => {
    const { id } = await tidings.send(message([{ email: 'soft@simulator.tidings' }], { expiresAfter: 'PT1S' }));
    const delivery = await tidings.deliveryIn(id, 'expired');
    expect([delivery.outcome, delivery.code]).toStrictEqual(['not_sent', 'expired']);
  });

  test('while it is paused is not sent any more', async () => {
    const { id } = await tidings.send(
      message([{ email: 'a@example.com' }], { schedule: { at: inFuture(3000) }, expiresAfter: 'PT0.001S' }),
    );
    const [delivery] = await tidings.settled(id);
    expect(codesOf([delivery])).toStrictEqual([['expired', 'expired']]);
  });
});

describe('a dedup key', () => {
  const dedup = (key: string): object => ({ dedup: { key, window: 'PT1H' } });

  test('lets one message through to each person within its window', async () => {
    const ana = { recipientId: 'd-ana', email: 'd-ana@example.com' };
    const first = await tidings.send(message([ana], dedup('cart-1')));
    expect(codesOf(await tidings.settled(first.id))).toStrictEqual([['captured', null]]);
    const second = await tidings.send(message([ana, { recipientId: 'd-bo', email: 'd-bo@example.com' }], dedup('cart-1')));
    expect(codesOf(await tidings.settled(second.id))).toStrictEqual([
      ['suppressed', 'duplicate'],
      ['captured', null],
    ]);
    const other = await tidings.send(message([ana], dedup('cart-2')));
    expect(codesOf(await tidings.settled(other.id))).toStrictEqual([['captured', null]]);
  });

  test('lets one of thirty through that come at once', async () => {
    const sent = await Promise.all(
      Array.from({ length: 30 }, () => tidings.send(message([{ recipientId: 'd-rush', email: 'd-rush@example.com' }], dedup('rush')))),
    );
    const rows = (await Promise.all(sent.map(({ id }) => tidings.settled(id)))).flat();
    expect(rows.filter(({ status }) => status === 'captured')).toHaveLength(1);
    expect(rows.filter(({ code }) => code === 'duplicate')).toHaveLength(29);
  });

  test('is free again when the message that held it could not be sent', async () => {
    const bouncing = { recipientId: 'd-free', email: 'bounce@simulator.tidings' };
    const first = await tidings.send(message([bouncing], dedup('free')));
    expect(codesOf(await tidings.settled(first.id))).toStrictEqual([['failed', 'mailbox_not_found']]);
    await expect
      .poll(
        async () => {
          const { id } = await tidings.send(message([{ ...bouncing, email: 'd-free@example.com' }], dedup('free')));
          return codesOf(await tidings.settled(id));
        },
        { timeout: 60_000 },
      )
      .toStrictEqual([['captured', null]]);
  });

  test('is still taken when the table that knew of it was lost and is made again from the log', async () => {
    const ana = { recipientId: 'd-lost', email: 'd-lost@example.com' };
    const first = await tidings.send(message([ana], dedup('lost')));
    await tidings.settled(first.id);
    const { workerPool } = tidings.database();
    const held = async () => (await workerPool.query<{ delivery: string }>('select delivery from reservations order by tenant, key')).rows;
    const before = await held();
    await workerPool.query('delete from reservations');
    expect((await tidings.post('/v1/projections/actions/rebuild')).status).toBe(202);
    await expect.poll(held, { timeout: 60_000 }).toStrictEqual(before);
    const second = await tidings.send(message([ana], dedup('lost')));
    expect(codesOf(await tidings.settled(second.id))).toStrictEqual([['suppressed', 'duplicate']]);
  });
});
