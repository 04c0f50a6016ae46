import { describe, expect, test } from 'vitest';
import { eventually } from '../support/client.ts';
import { message, serviceForSuite } from '../support/service.ts';

const tidings = serviceForSuite();
const simulated = (name: string, more: object = {}): object =>
  message([{ recipientId: `p-${name}`, email: `${name}@simulator.tidings` }], more);
const both = { email: { subject: 'Hi', text: 'Hi' }, in_app: { title: 'Hi', body: 'Hi' }, sms: { text: 'Hi' } };

describe('a provider’s answer', () => {
  test('that it refuses for good fails at once, and is listed as a dead letter until it is sent again', async () => {
    const { id } = await tidings.send(simulated('bounce'));
    const [delivery] = await tidings.settled(id);
    expect(delivery).toMatchObject({
      status: 'failed',
      outcome: 'failed',
      code: 'mailbox_not_found',
      attempts: [{ attempt: 1, outcome: 'failed' }],
    });
    const listed = await tidings.get('/v1/dead-letters?recipientId=p-bounce');
    expect(listed.body.data.map((row: any) => row.id)).toStrictEqual([`${id}_0`]);
    const told = await tidings.get(`/v1/deliveries/${id}_0/explain`);
    expect(told.body.sentence).toMatch(/was refused for good by capture \(mailbox_not_found\)/);

    const redriven = await tidings.post(`/v1/dead-letters/${id}_0/redrive`, { reason: 'mailbox is back' });
    expect([redriven.status, redriven.body]).toStrictEqual([202, { deliveries: 1 }]);
    const again = await eventually('it was tried again', async () => {
      const { body } = await tidings.get(`/v1/deliveries/${id}_0`);
      return body.attempts.length >= 2 && body.outcome !== 'pending' ? body : undefined;
    });
    expect(again.attempts.map(({ outcome, code }: any) => [outcome, code])).toStrictEqual([
      ['failed', 'mailbox_not_found'],
      ['failed', 'mailbox_not_found'],
    ]);
    const byFilter = await tidings.post('/v1/dead-letters/redrive', { channel: 'email', type: 'order_confirmation' });
    expect(byFilter.body).toMatchObject({ more: false, notifications: 1, deliveries: 1 });
    const retried = await tidings.settled(id).then(() => tidings.post(`/v1/notifications/${id}/retry`));
    expect([202, 409]).toContain(retried.status);
  });

  test('is sent again for everybody only where that is said', async () => {
    await tidings.post('/v1/tenants', { id: 'redriving', name: 'Redriving' });
    const key = await tidings.post('/v1/api-keys', { name: 'k', scopes: ['send', 'read', 'manage'], tenantId: 'redriving' });
    const own = tidings.as(key.body.key);
    const { body: asked } = await own.post('/v1/notifications', simulated('bounce'));
    await eventually('it failed', async () => ((await own.get('/v1/dead-letters')).body.data?.length === 1 ? true : undefined));
    const redrive = (body: object) => own.post('/v1/dead-letters/redrive', body);
    const message = 'needs a filter (channel, provider, type, batchId, since, until), or all: true for every dead letter';
    for (const body of [{}, { reason: 'a mistake' }]) {
      const refused = await redrive(body);
      expect([refused.status, refused.body.code, refused.body.errors]).toStrictEqual([422, 'validation_failed', [{ path: '', message }]]);
    }
    expect((await redrive({ all: false })).body.errors).toMatchObject([{ path: '/all' }]);
    expect((await redrive({ type: 'another' })).body).toStrictEqual({ deliveries: 0, notifications: 0, more: false });
    expect((await redrive({ all: true, reason: 'the relay is back' })).body).toStrictEqual({
      deliveries: 1,
      notifications: 1,
      more: false,
    });
    const explained = await own.get(`/v1/deliveries/${asked.id as string}_0/explain`);
    expect(explained.body.timeline.map(({ event }: any) => event)).toContain('DeliveriesRedriven');
  });

  // Each of these waits for seconds, and none for another.
  test.concurrent('that is only for now is tried again later', async () => {
    const { id } = await tidings.send(simulated('soft'));
    const waiting = await tidings.deliveryIn(id, 'queued', 'deferred');
    expect(waiting.outcome).toBe('pending');
    const tried = await eventually('a second attempt was made', async () => {
      const { body } = await tidings.get(`/v1/deliveries/${id}_0`);
      return (body.attempts?.length ?? 0) >= 2 ? body : undefined;
    });
    expect(tried.attempts.slice(0, 2).map(({ attempt, code }: any) => [attempt, code])).toStrictEqual([
      [1, 'mailbox_full'],
      [2, 'mailbox_full'],
    ]);
    await tidings.post(`/v1/notifications/${id}/cancel`);
  });

  test.concurrent('that is “slow down” waits as long as it said', async () => {
    const { id } = await tidings.send(simulated('throttled'));
    const tried = await eventually('a second attempt was made', async () => {
      const { body } = await tidings.get(`/v1/deliveries/${id}_0`);
      return (body.attempts?.length ?? 0) >= 2 ? body : undefined;
    });
    const [first, second] = tried.attempts;
    expect(first.code).toBe('rate_limited');
    expect(Date.parse(second.at) - Date.parse(first.at)).toBeGreaterThanOrEqual(1000);
    await tidings.post(`/v1/notifications/${id}/cancel`);
  });

  test.concurrent('that never came is asked for again', async () => {
    const { id } = await tidings.send(simulated('timeout'));
    const tried = await eventually('it was asked again', async () => {
      const { body } = await tidings.get(`/v1/deliveries/${id}_0`);
      return (body.attempts?.length ?? 0) >= 2 ? body : undefined;
    });
    expect(tried.attempts.map(({ code }: any) => code).slice(0, 2)).toStrictEqual(['timeout', 'timeout']);
    await tidings.post(`/v1/notifications/${id}/cancel`);
  });

  test('is followed by what becomes of the message: a complaint', async () => {
    const { id } = await tidings.send(simulated('complaint'));
    const delivery = await tidings.deliveryIn(id, 'complained');
    expect(delivery.outcome).toBe('delivered');
    expect(delivery.feedback.complainedAt).toMatch(/^\d{4}-.*Z$/);
  });
});

describe('routing', () => {
  const rowsOf = async (id: string): Promise<readonly unknown[]> =>
    (await tidings.settled(id)).map(({ channel, status, code }) => [channel, status, code]);

  test('all: every channel that reaches the person', async () => {
    const { id } = await tidings.send(
      message([{ recipientId: 'r-all', email: 'r-all@example.com', phone: '+436641111111' }], { content: both }),
    );
    expect(await rowsOf(id)).toStrictEqual([
      ['email', 'captured', null],
      ['sms', 'captured', null],
      ['in_app', 'captured', null],
    ]);
  });

  test('first: goes on to the next channel where the first has no address', async () => {
    const { id } = await tidings.send(
      message([{ recipientId: 'r-first' }], { content: both, channels: ['email', 'in_app'], routing: 'first' }),
    );
    expect(await rowsOf(id)).toContainEqual(['in_app', 'captured', null]);
    expect(await rowsOf(id)).not.toContainEqual(['email', 'captured', null]);
    expect((await tidings.captured(id)).map(({ channel }) => channel)).toStrictEqual(['in_app']);
  });

  test('first: stops where the first was taken', async () => {
    const { id } = await tidings.send(
      message([{ recipientId: 'r-stop', email: 'r-stop@example.com' }], { content: both, channels: ['email', 'in_app'], routing: 'first' }),
    );
    await tidings.settled(id);
    expect((await tidings.captured(id)).map(({ channel }) => channel)).toStrictEqual(['email']);
  });

  test('first: goes on where the first was refused for good', async () => {
    const { id } = await tidings.send(
      message([{ recipientId: 'r-next', email: 'bounce@simulator.tidings' }], {
        content: both,
        channels: ['email', 'in_app'],
        routing: 'first',
      }),
    );
    const delivery = await tidings.deliveryIn(id, 'captured');
    expect(delivery.channel).toBe('in_app');
    expect(await rowsOf(id)).toStrictEqual([
      ['email', 'failed', 'mailbox_not_found'],
      ['in_app', 'captured', null],
    ]);
  });

  test('first until delivered: asks the next channel when nobody confirmed in time', async () => {
    const routing = { method: 'first', until: 'delivered', wait: 'PT2S' };
    const { id } = await tidings.send(
      message([{ recipientId: 'r-wait', email: 'r-wait@example.com' }], { content: both, channels: ['email', 'in_app'], routing }),
    );
    const first = await tidings.deliveryIn(id, 'captured');
    expect(first.channel).toBe('email');
    const second = await eventually('the next channel was asked', async () =>
      (await tidings.deliveries(id)).find(({ channel, status }) => channel === 'in_app' && status === 'captured'),
    );
    expect(Date.parse(second.sentAt) - Date.parse(first.sentAt)).toBeGreaterThanOrEqual(1900);
  });
});

describe('people', () => {
  test('are reached by what stands in their profile', async () => {
    const saved = await tidings.patch('/v1/recipients/mia', { email: 'mia@example.com', name: 'Mia', locale: 'de' });
    expect([saved.status, saved.body]).toStrictEqual([201, { recipientId: 'mia', version: expect.any(Number) }]);
    const { id } = await tidings.send(message(['mia']));
    expect((await tidings.settled(id)).map(({ status }) => status)).toStrictEqual(['captured']);
    expect((await tidings.captured(id)).map(({ to }) => to)).toStrictEqual(['mia@example.com']);
  });

  test('with another address in the request get it there, and keep it only if asked to', async () => {
    await tidings.patch('/v1/recipients/kim', { email: 'kim@example.com' });
    const once = await tidings.send(message([{ recipientId: 'kim', email: 'other@example.com' }]));
    await tidings.settled(once.id);
    expect((await tidings.captured(once.id)).map(({ to }) => to)).toStrictEqual(['other@example.com']);
    expect((await tidings.get('/v1/recipients/kim')).body.email).toBe('kim@example.com');
    const kept = await tidings.send(message([{ recipientId: 'kim', email: 'new@example.com', save: true }]));
    await tidings.settled(kept.id);
    await expect.poll(async () => (await tidings.get('/v1/recipients/kim')).body.email).toBe('new@example.com');
  });

  test('that a repeat names keep the address that they were given since', async () => {
    const first = message([{ recipientId: 'lou', email: 'lou-1@example.com', save: true }]);
    await tidings.send(first, { 'Idempotency-Key': 'keep-lou' });
    const changed = await tidings.patch('/v1/recipients/lou', { email: 'lou-2@example.com' });
    await tidings.send(first, { 'Idempotency-Key': 'keep-lou' });
    const { body } = await tidings.get(`/v1/recipients/lou?after=${changed.headers.get('tidings-position') ?? ''}`);
    expect([body.email, body.version]).toStrictEqual(['lou-2@example.com', 2]);
  });

  test('keep tokens, endpoints and what came on the lines of a batch too', async () => {
    const saved = {
      recipientId: 'pat',
      pushToken: 'token-1',
      webhookUrl: 'https://pat.example.com/hook',
      walletId: 'wallet-1',
      save: true,
    };
    await tidings.send(message([saved], { content: { push: { title: 'Hi', body: 'Hi' } } }));
    const { recipients: _, ...plain } = message([]) as { recipients: unknown };
    await tidings.post('/v1/batches', { ...plain, recipients: [{ recipientId: 'line', email: 'line@example.com', save: true }] });
    await expect.poll(async () => (await tidings.get('/v1/recipients/line')).body.email).toBe('line@example.com');
    const { body } = await tidings.get('/v1/recipients/pat');
    expect(body.devices.map(({ token, platform }: any) => [token, platform])).toStrictEqual([['token-•••', null]]);
    expect(body.endpoints.map(({ channel, address }: any) => [channel, address]).sort()).toStrictEqual([
      ['wallet', 'wallet-1'],
      ['webhook', 'https://pat.example.com/hook'],
    ]);
    const again = await tidings.send(message(['pat'], { content: { push: { title: 'Hi', body: 'Hi' } } }));
    expect((await tidings.settled(again.id)).map(({ channel, status }) => [channel, status])).toStrictEqual([['push', 'captured']]);
  });

  test('have a timeline of everything sent and not sent', async () => {
    const ids: string[] = [];
    for (const type of ['one', 'two', 'three']) {
      const { id } = await tidings.send(message(['timeline'], { type }));
      await tidings.settled(id);
      ids.unshift(id);
    }
    const { body } = await tidings.get('/v1/recipients/timeline/timeline?limit=2');
    expect(body.data.map((row: any) => row.notificationId)).toStrictEqual(ids.slice(0, 2));
    const rest = await tidings.get(`/v1/recipients/timeline/timeline?limit=2&cursor=${encodeURIComponent(body.nextCursor)}`);
    expect(rest.body).toMatchObject({ data: [{ notificationId: ids[2], code: 'no_address' }], nextCursor: null });
  });

  test('are found by their addresses and changed many at a time', async () => {
    const { status, headers, body } = await tidings.post('/v1/recipients/bulk', {
      recipients: [
        { recipientId: 'b-1', email: 'b-1@example.com', tags: ['vip'] },
        { recipientId: 'b-2', email: 'nonsense' },
        { email: 'b-3@example.com' },
      ],
    });
    expect(status).toBe(200);
    expect(headers.get('tidings-position')).toBe(body.data[0].position);
    expect(body.data.map((line: any) => [line.index, line.status])).toStrictEqual([
      [0, 201],
      [1, 422],
      [2, 422],
    ]);
    await expect
      .poll(async () => (await tidings.get('/v1/recipients?email=b-1@example.com')).body.data.map((row: any) => row.recipientId))
      .toStrictEqual(['b-1']);
    expect((await tidings.get('/v1/recipients?tag=vip')).body.data.map((row: any) => row.recipientId)).toStrictEqual(['b-1']);
  });
});
