import { request as httpRequest } from 'node:http';
import { describe, expect, test } from 'vitest';
import { eventually, NDJSON, ndjson } from '../support/client.ts';
import { message, serviceForSuite } from '../support/service.ts';

const tidings = serviceForSuite();
const { recipients: _, ...plainMessage } = message([]) as { recipients: unknown };
const people = (count: number, prefix: string): readonly object[] =>
  Array.from({ length: count }, (__, at) => ({ recipientId: `${prefix}-${String(at)}`, email: `${prefix}-${String(at)}@example.com` }));
const upload = (lines: readonly unknown[], key?: string, more: object = {}): ReturnType<typeof tidings.post> =>
  tidings.post('/v1/batches', ndjson([{ ...plainMessage, ...more }, ...lines]), {
    ...NDJSON,
    ...(key !== undefined && { 'Idempotency-Key': key }),
  });
const inFuture = (ms: number): string => new Date(Date.now() + ms).toISOString();

/** The batch, once its counts say what is expected of them. */
async function batchWhere(id: string, holds: (batch: any) => boolean): Promise<any> {
  let last: unknown;
  return eventually(
    'the counts of the batch add up',
    async () => {
      const { status, body } = await tidings.get(`/v1/batches/${id}`);
      last = body;
      return status === 200 && holds(body) ? body : undefined;
    },
    { seen: () => last },
  );
}

describe('a batch', () => {
  test('as NDJSON reaches everybody on its lines once, in several chunks', async () => {
    const { status, headers, body } = await upload(people(1203, 'many'));
    expect([status, body]).toStrictEqual([
      202,
      { id: expect.any(String), accepted: 1203, rejected: 0, position: headers.get('tidings-position') },
    ]);
    expect(headers.get('location')).toBe(`/v1/batches/${body.id}`);
    const batch = await batchWhere(body.id, ({ counts }) => counts.captured === 1203);
    expect(batch).toMatchObject({ status: 'closed', accepted: 1203, rejected: 0, counts: { captured: 1203 }, outcomes: { sent: 1203 } });
    const seen = new Set<string>();
    for (let cursor = ''; ;) {
      const page = await tidings.get(`/v1/batches/${body.id}/deliveries?limit=200${cursor}`);
      for (const { recipientId } of page.body.data) seen.add(recipientId);
      if (page.body.nextCursor === null) break;
      cursor = `&cursor=${encodeURIComponent(page.body.nextCursor)}`;
    }
    expect(seen.size).toBe(1203);
    const [one] = (await tidings.get('/v1/captured?to=many-777@example.com')).body.data;
    expect(one.subject).toBe('Order A-1');
  });

  test('that names somebody in two chunks refuses the later line, and they get one message', async () => {
    const twice = { recipientId: 'twice', email: 'twice@example.com' };
    const lines = [twice, ...people(520, 'apart'), { email: 'apart-600@example.com' }, twice, { email: 'apart-600@example.com' }];
    const { status, body } = await upload(lines, 'apart');
    expect([status, body.accepted, body.rejected]).toStrictEqual([202, 522, 2]);
    const { body: rejections } = await tidings.get(`/v1/batches/${body.id}/rejections?after=${body.position}`);
    const detail = 'the same person stands earlier in this request';
    expect(rejections.data).toStrictEqual([523, 524].map((line) => ({ line, code: 'duplicate_recipient', detail })));
    await batchWhere(body.id, ({ counts }) => counts.captured === 522);
    expect((await tidings.get('/v1/captured?to=twice@example.com')).body.data).toHaveLength(1);
    expect((await upload(lines, 'apart')).body).toStrictEqual(body);
    const asJson = await tidings.post('/v1/batches', { ...plainMessage, recipients: lines });
    expect([asJson.status, asJson.body.accepted, asJson.body.rejected]).toStrictEqual([202, 522, 2]);
  });

  test('gives each person their own variables on top of those of all', async () => {
    const { body } = await upload([
      { recipientId: 'v-1', email: 'v-1@example.com', variables: { name: 'Vera' } },
      { recipientId: 'v-2', email: 'v-2@example.com' },
    ]);
    await batchWhere(body.id, ({ counts }) => counts.captured === 2);
    const texts = await Promise.all(['v-1', 'v-2'].map((it) => tidings.get(`/v1/captured?to=${it}@example.com`)));
    expect(texts.map((it) => it.body.data[0].html)).toStrictEqual([
      '<p>Hi Vera, thank you for A-1.</p>',
      '<p>Hi Ana, thank you for A-1.</p>',
    ]);
  });

  test('as JSON with wrong recipients goes to the right ones and lists the others by line', async () => {
    const { status, body } = await tidings.post('/v1/batches', {
      ...plainMessage,
      recipients: [
        { email: 'right@example.com' },
        { email: 'wrong' },
        { name: 'nobody' },
        'registered-one',
        { email: 'right@example.com' },
      ],
    });
    expect([status, body.accepted, body.rejected]).toStrictEqual([202, 2, 3]);
    const { body: rejections } = await tidings.get(`/v1/batches/${body.id}/rejections?after=${body.position}`);
    expect(rejections.data.map(({ line, code }: any) => [line, code]).sort()).toStrictEqual([
      [2, 'invalid_email'],
      [3, 'validation_failed'],
      [5, 'duplicate_recipient'],
    ]);
    const batch = await batchWhere(body.id, ({ outcomes }) => outcomes.sent === 1 && outcomes.not_sent === 1);
    expect(batch).toMatchObject({ accepted: 2, rejected: 3, counts: { captured: 1, suppressed: 1 } });
  });

  test('whose lines are not JSON goes to the lines that are', async () => {
    const text = `${ndjson([plainMessage, { email: 'l1@example.com' }])}{"email":\n${ndjson([{ email: 'l3@example.com' }])}`;
    const { status, body } = await tidings.post('/v1/batches', text, NDJSON);
    expect([status, body.accepted, body.rejected]).toStrictEqual([202, 2, 1]);
    const { body: rejections } = await tidings.get(`/v1/batches/${body.id}/rejections?after=${body.position}`);
    expect(rejections.data).toMatchObject([{ line: 2, code: 'malformed_json' }]);
  });

  test('whose message does not compile hears where, in the words in which it was written', async () => {
    const content = { subject: 'Order {{ orderNumber', text: 'Hi' };
    const asJson = { ...plainMessage, content, recipients: ['ana'] };
    const answers = await Promise.all([
      upload(['ana'], undefined, { content }),
      tidings.post('/v1/batches', asJson),
      tidings.post('/v1/notifications', asJson),
      upload(['ana'], undefined, { content: { email: content } }),
    ]);
    expect(answers.map(({ status, body }) => [status, body.code, body.errors[0].path])).toStrictEqual([
      [422, 'template_invalid', '/content/subject'],
      [422, 'template_invalid', '/content/subject'],
      [422, 'template_invalid', '/content/subject'],
      [422, 'template_invalid', '/content/email/subject'],
    ]);
  });

  test('without a message, or without anybody, is refused', async () => {
    const answers = await Promise.all([
      tidings.post('/v1/batches', ndjson([{ recipientId: 'x' }]), NDJSON),
      tidings.post('/v1/batches', ndjson([plainMessage]), NDJSON),
      tidings.post('/v1/batches', '', NDJSON),
    ]);
    expect(answers.map(({ status, body }) => [status, body.code])).toStrictEqual([
      [422, 'validation_failed'],
      [422, 'no_recipients'],
      [400, 'malformed_json'],
    ]);
  });

  test('that broke off goes on where it broke when it is sent again with the same key', async () => {
    const lines = people(1600, 'broken');
    const text = ndjson([plainMessage, ...lines]);
    await new Promise<void>((resolve) => {
      const headers = { Authorization: `Bearer ${tidings.key}`, 'Idempotency-Key': 'broken-1', ...NDJSON };
      const half = httpRequest(`${tidings.url}/v1/batches`, { method: 'POST', headers });
      half.on('error', () => resolve());
      half.write(text.slice(0, Math.floor(text.length * 0.7)));
      void eventually('a part of it has arrived', async () => {
        const { body } = await tidings.get('/v1/batches?limit=1');
        return body.data[0]?.status === 'open' && body.data[0].accepted >= 500 ? true : undefined;
      }).finally(() => half.destroy());
    });
    const { status, body } = await upload(lines, 'broken-1');
    expect([status, body.accepted, body.rejected]).toStrictEqual([202, 1600, 0]);
    await batchWhere(body.id, ({ counts }) => counts.captured === 1600);
    const again = await upload(lines, 'broken-1');
    expect(again.body).toMatchObject({ id: body.id, accepted: 1600, rejected: 0 });
    const other = await upload(people(1600, 'other'), 'broken-1');
    expect([other.status, other.body.code]).toStrictEqual([422, 'idempotency_key_reused']);
  });

  test('that is paused holds what has not gone until it is resumed', async () => {
    const { body } = await upload(people(20, 'paused'), undefined, { schedule: { at: inFuture(6000) } });
    const paused = await tidings.post(`/v1/batches/${body.id}/pause`);
    expect([paused.status, paused.body]).toStrictEqual([202, { id: body.id }]);
    const held = await batchWhere(body.id, ({ counts }) => counts.deferred === 20);
    expect(held.status).toBe('paused');
    const [delivery] = (await tidings.get(`/v1/batches/${body.id}/deliveries?limit=1`)).body.data;
    expect(delivery).toMatchObject({ status: 'deferred', code: 'batch_paused', outcome: 'pending' });
    expect((await tidings.post(`/v1/batches/${body.id}/resume`)).status).toBe(202);
    await batchWhere(body.id, ({ counts }) => counts.captured === 20);
  });

  test('that is cancelled sends nothing more', async () => {
    const { body } = await upload(people(700, 'cancelled'), undefined, { schedule: { at: inFuture(3_600_000) } });
    expect((await tidings.post(`/v1/batches/${body.id}/cancel`, { reason: 'wrong text' })).status).toBe(202);
    const batch = await batchWhere(body.id, ({ counts }) => counts.cancelled === 700);
    expect(batch).toMatchObject({ status: 'cancelled', outcomes: { cancelled: 700 } });
    const resumed = await tidings.post(`/v1/batches/${body.id}/resume`);
    expect([resumed.status, resumed.body.code]).toStrictEqual([409, 'batch_cancelled']);
  });

  test('can be moved to another time', async () => {
    const { body } = await upload(people(5, 'moved'), undefined, { schedule: { at: inFuture(3_600_000) } });
    const at = inFuture(4000);
    expect((await tidings.post(`/v1/batches/${body.id}/reschedule`, { schedule: { at } })).status).toBe(202);
    const batch = await batchWhere(body.id, ({ counts }) => counts.captured === 5);
    expect(batch.planAt).toBe(at);
  });

  test('is listed, newest first', async () => {
    const first = await upload(people(1, 'listed-a'));
    const second = await upload(people(1, 'listed-b'));
    const { body } = await tidings.get(`/v1/batches?limit=2&after=${second.body.position}`);
    expect(body.data.map(({ id }: any) => id)).toStrictEqual([second.body.id, first.body.id]);
    const none = await tidings.get('/v1/batches/0193a000-0000-7000-8000-000000000000');
    expect([none.status, none.body.code]).toStrictEqual([404, 'batch_not_found']);
  });
});

describe('many requests at once', () => {
  const request = (email: string, more: object = {}): object => message([{ email }], more);

  test('as NDJSON get a verdict for each line, in order', async () => {
    const text = `${ndjson([request('b0@example.com', { idempotencyKey: 'bulk-0' }), { type: 'x' }])}not json\n${ndjson([request('b3@example.com')])}`;
    const { status, headers, body } = await tidings.post('/v1/notifications/bulk', text, NDJSON);
    expect([status, headers.get('content-type')]).toStrictEqual([200, expect.stringContaining('application/x-ndjson')]);
    const verdicts = (body as string)
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(verdicts.map(({ index, status: verdict, problem }) => [index, verdict, problem?.code])).toStrictEqual([
      [0, 202, undefined],
      [1, 422, 'validation_failed'],
      [2, 400, 'malformed_json'],
      [3, 202, undefined],
    ]);
    const id: string = verdicts[0].notification.id;
    expect((await tidings.settled(id)).map(({ status: sent }) => sent)).toStrictEqual(['captured']);
    const again = await tidings.post('/v1/notifications/bulk', ndjson([request('b0@example.com', { idempotencyKey: 'bulk-0' })]), NDJSON);
    expect(JSON.parse(again.body as string)).toMatchObject({ index: 0, status: 202, replayed: true, notification: { id } });
  });

  test('as JSON get the same', async () => {
    const { status, headers, body } = await tidings.post('/v1/notifications/bulk', {
      notifications: [request('j0@example.com'), request('nonsense'), request('j2@example.com')],
    });
    expect(status).toBe(200);
    const positions = body.data.flatMap(({ notification }: any) => notification?.position ?? []);
    expect(headers.get('tidings-position')).toBe([...positions].sort().at(-1));
    expect(body.data.map((it: any) => [it.index, it.status, it.problem?.code])).toStrictEqual([
      [0, 202, undefined],
      [1, 422, 'no_recipient_accepted'],
      [2, 202, undefined],
    ]);
    const tooMany = await tidings.post('/v1/notifications/bulk', { notifications: Array.from({ length: 1001 }, () => 1) });
    expect([tooMany.status, tooMany.body.code]).toStrictEqual([422, 'validation_failed']);
  });

  test('are answered while lines are still being sent', async () => {
    const headers = { Authorization: `Bearer ${tidings.key}`, ...NDJSON };
    const first = await new Promise<string>((resolve, reject) => {
      const stream = httpRequest(`${tidings.url}/v1/notifications/bulk`, { method: 'POST', headers }, (response) => {
        response.setEncoding('utf8').once('data', (text: string) => {
          resolve(text);
          stream.end();
        });
      });
      stream.on('error', reject);
      stream.write(ndjson([request('s0@example.com')]));
    });
    expect(JSON.parse(first)).toMatchObject({ index: 0, status: 202 });
  });
});
