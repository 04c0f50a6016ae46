import { beforeAll, describe, expect, test } from 'vitest';
import type { Client } from '../support/client.ts';
import { message, serviceForSuite } from '../support/service.ts';

const tidings = serviceForSuite();
const nobody = tidings.as(undefined);

/** A key of the tenant `default`, or of another. */
async function keyWith(scopes: readonly string[], more: object = {}): Promise<Client & { readonly id: string }> {
  const { status, body } = await tidings.post('/v1/api-keys', { name: scopes.join(' '), scopes, ...more });
  if (status !== 201) throw new Error(JSON.stringify(body));
  return { ...tidings.as(body.key), id: body.id };
}

describe('a request that is not right', () => {
  test('hears of everything that is wrong with it, each with its path', async () => {
    const { status, headers, body } = await tidings.post('/v1/notifications', {
      type: 'order confirmation',
      category: 'transactional',
      priority: 'urgent',
      recipients: [{ email: 'ana@example.com' }, { name: 'no address' }, 7],
      content: { subject: 'a\nb', html: '<p>Hi</p>' },
      expiresAfter: '2 hours',
      colour: 'red',
    });
    expect(status).toBe(422);
    expect(headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(body).toMatchObject({ type: 'urn:tidings:problem:validation_failed', status: 422, code: 'validation_failed' });
    expect(body.requestId).toBe(headers.get('x-request-id'));
    expect(body.errors.map(({ path }: { path: string }) => path).sort()).toStrictEqual([
      '/colour',
      '/content/subject',
      '/expiresAfter',
      '/priority',
      '/recipients/1',
      '/recipients/2',
      '/type',
    ]);
  });

  test.each([
    ['JSON that is cut off', '{"type":"a"'],
    ['a member that stands there twice', '{"type":"a","type":"b"}'],
    ['nothing', ''],
  ])('with %s for a body is 400', async (_, text) => {
    const answer = await tidings.post('/v1/notifications', text, { 'Content-Type': 'application/json' });
    expect([answer.status, answer.body.code]).toStrictEqual([400, 'malformed_json']);
  });

  test('is refused by its size before it is read', async () => {
    const answer = await tidings.post(
      '/v1/notifications',
      message([{ email: 'a@example.com' }], { variables: { big: 'x'.repeat(1_100_000) } }),
    );
    expect([answer.status, answer.body.code]).toStrictEqual([413, 'body_too_large']);
  });

  test('with a parameter that does not exist or does not fit is 400', async () => {
    const answers = await Promise.all(
      ['/v1/deliveries?colour=red', '/v1/deliveries?limit=0', '/v1/deliveries?status=lost', '/v1/deliveries?cursor=nonsense'].map(
        tidings.get,
      ),
    );
    expect(answers.map(({ status, body }) => [status, body.code])).toStrictEqual([
      [400, 'invalid_query'],
      [400, 'invalid_query'],
      [400, 'invalid_query'],
      [400, 'invalid_cursor'],
    ]);
  });

  test('of which every recipient is malformed is refused with a verdict for each', async () => {
    const { status, body } = await tidings.post('/v1/notifications', message([{ email: 'not an address' }, { phone: '+43' }]));
    expect([status, body.code]).toStrictEqual([422, 'no_recipient_accepted']);
    expect(body.recipients).toMatchObject([
      { index: 0, status: 'rejected', code: 'invalid_email' },
      { index: 1, status: 'rejected', code: 'invalid_phone' },
    ]);
  });

  test('of which one recipient is malformed goes to the others', async () => {
    const { id, recipients } = await tidings.send(message([{ email: 'not an address' }, { email: 'good@example.com' }]));
    expect(recipients).toMatchObject([
      { index: 0, status: 'rejected', code: 'invalid_email' },
      { index: 1, status: 'accepted' },
    ]);
    const rows = await tidings.settled(id);
    expect(rows.map(({ id: delivery, status }) => [delivery, status])).toStrictEqual([[`${id}_8`, 'captured']]);
  });
});

describe('who may do what', () => {
  test('nobody without a key, and nobody with a wrong one', async () => {
    const [without, wrong] = await Promise.all([nobody.get('/v1/deliveries'), tidings.as('x'.repeat(40)).get('/v1/deliveries')]);
    expect([without.status, without.body.code]).toStrictEqual([401, 'unauthenticated']);
    expect([wrong.status, wrong.body.code]).toStrictEqual([401, 'unauthenticated']);
    expect(without.headers.get('www-authenticate')).toMatch(/^Bearer/);
  });

  test('a key does only what its scopes say, and creates no key that may more', async () => {
    const [sender, admin] = await Promise.all([keyWith(['send']), keyWith(['admin', 'send'])]);
    const [list, sent] = await Promise.all([
      sender.get('/v1/deliveries'),
      sender.post('/v1/notifications', message([{ email: 'a@example.com' }])),
    ]);
    expect([list.status, list.body.code]).toStrictEqual([403, 'missing_scope']);
    expect(sent.status).toBe(202);
    const more = await admin.post('/v1/api-keys', { name: 'more', scopes: ['read'] });
    expect([more.status, more.body.code]).toStrictEqual([403, 'scope_not_held']);
  });

  test('a key that was revoked is refused', async () => {
    const reader = await keyWith(['read']);
    expect((await reader.get('/v1/deliveries')).status).toBe(200);
    expect((await tidings.delete(`/v1/api-keys/${reader.id}`)).status).toBe(204);
    await expect.poll(async () => (await reader.get('/v1/deliveries')).status).toBe(401);
  });

  describe('another tenant', () => {
    let other: Client;
    let theirs: string;
    let position: string;

    beforeAll(async () => {
      expect((await tidings.post('/v1/tenants', { id: 'other', name: 'Other' })).status).toBe(201);
      other = await keyWith(['send', 'read', 'pii', 'manage', 'admin'], { tenantId: 'other' });
      const { body } = await other.post(
        '/v1/notifications',
        message([{ recipientId: 'their-person', email: 'their@example.com' }], { key: 'k' }),
      );
      theirs = body.id;
      position = body.position;
    });

    test('sees its own', async () => {
      const { status, body } = await other.get(`/v1/notifications/${theirs}?after=${position}`);
      expect([status, body.id]).toStrictEqual([200, theirs]);
    });

    test('is not seen by anyone else: its ids are as if they did not exist', async () => {
      const paths = ['', '/deliveries', '/explain?recipientId=their-person'].map((rest) => `/v1/notifications/${theirs}${rest}`);
      const answers = await Promise.all([
        ...paths.map(tidings.get),
        tidings.get(`/v1/deliveries/${theirs}_0`),
        tidings.get(`/v1/deliveries/${theirs}_0/explain`),
        tidings.get('/v1/recipients/their-person'),
        tidings.post(`/v1/notifications/${theirs}/cancel`),
        tidings.post('/v1/notifications/cancel', { key: 'k' }),
        tidings.post(`/v1/dead-letters/${theirs}_0/redrive`),
      ]);
      expect(answers.map(({ status }) => status)).toStrictEqual(answers.map(() => 404));
      const lists = await Promise.all(['/v1/notifications?key=k', '/v1/deliveries?recipientId=their-person'].map(tidings.get));
      expect(lists.map(({ body }) => body.data)).toStrictEqual([[], []]);
    });

    test('may not manage the installation', async () => {
      const answers = await Promise.all([other.get('/v1/projections'), other.post('/v1/tenants', { id: 'third', name: 'Third' })]);
      expect(answers.map(({ status, body }) => [status, body.code])).toStrictEqual([
        [403, 'forbidden'],
        [403, 'forbidden'],
      ]);
    });
  });

  test('without the scope pii addresses, names and content are masked', async () => {
    const reader = await keyWith(['read']);
    const saved = await tidings.patch('/v1/recipients/masked', {
      email: 'masked@example.com',
      phone: '+436641234567',
      name: 'Mara Masked',
    });
    const { id, position } = await tidings.send(
      message([{ recipientId: 'masked', email: 'private@example.org', variables: { name: 'Mara' } }]),
    );
    const after = `after=${[position, saved.headers.get('tidings-position') ?? ''].sort().at(-1) ?? ''}`;
    const [person, own] = await Promise.all([reader.get(`/v1/recipients/masked?${after}`), tidings.get(`/v1/recipients/masked?${after}`)]);
    expect(person.body).toMatchObject({ email: 'm•••@e•••.com', phone: '+43•••67', name: 'M•••' });
    expect(own.body).toMatchObject({ email: 'masked@example.com', phone: '+436641234567', name: 'Mara Masked' });
    const [masked, whole] = await Promise.all([
      reader.get(`/v1/notifications/${id}?${after}`),
      tidings.get(`/v1/notifications/${id}?${after}`),
    ]);
    expect(masked.body.recipients).toStrictEqual([{ index: 0, recipientId: 'masked', email: 'p•••@e•••.org' }]);
    expect(masked.body.content).toBeUndefined();
    expect(masked.body.variables).toBeUndefined();
    expect(whole.body.recipients).toStrictEqual([
      { index: 0, recipientId: 'masked', email: 'private@example.org', variables: { name: 'Mara' } },
    ]);
    expect(whole.body.content.email.subject).toBe('Order {{ orderNumber }}');
    expect((await reader.get(`/v1/captured?notificationId=${id}`)).status).toBe(403);
  });
});

describe('the catalogue decides', () => {
  beforeAll(async () => {
    await tidings.put('/v1/categories/orders', { class: 'transactional', title: { en: 'Orders' } });
    const declared = await tidings.put('/v1/types/order_shipped', { category: 'orders', channels: ['email'], priority: 'normal' });
    expect(declared.status).toBe(201);
  });

  const answerTo = async (more: object): Promise<unknown> => {
    const { category: _, ...rest } = message([{ email: 'a@example.com' }], more) as { category: string };
    const { status, body } = await tidings.post('/v1/notifications', rest);
    return [status, body.code, body.errors?.map(({ path }: { path: string }) => path)];
  };

  test('a type that is not declared needs a category', async () => {
    expect(await answerTo({ type: 'never_declared' })).toStrictEqual([422, 'category_required', ['/category']]);
  });

  test('a declared type needs none', async () => {
    const { category: _, ...rest } = message([{ email: 'a@example.com' }], { type: 'order_shipped' }) as { category: string };
    const { id } = await tidings.send(rest);
    expect((await tidings.settled(id)).map(({ status }) => status)).toStrictEqual(['captured']);
  });

  test('a request may not say another category, a channel it does not allow, or a higher priority', async () => {
    const sms = { channels: ['sms'], content: { sms: { text: 'Hi' } } };
    const other = await tidings.post(
      '/v1/notifications',
      message([{ email: 'a@example.com' }], { type: 'order_shipped', category: 'marketing' }),
    );
    expect([other.status, other.body.code]).toStrictEqual([422, 'category_conflict']);
    expect(await answerTo({ type: 'order_shipped', ...sms })).toStrictEqual([422, 'category_conflict', ['/channels']]);
    expect(await answerTo({ type: 'order_shipped', priority: 'critical' })).toStrictEqual([422, 'category_conflict', ['/priority']]);
  });

  test('a category that does not exist is an error', async () => {
    const { status, body } = await tidings.post('/v1/notifications', message([{ email: 'a@example.com' }], { category: 'gossip' }));
    expect([status, body.code]).toStrictEqual([422, 'unknown_category']);
  });

  test('types that are not declared can be refused altogether', async () => {
    await tidings.patch('/v1/settings', { unknownTypes: 'reject' });
    const { status, body } = await tidings.post('/v1/notifications', message([{ email: 'a@example.com' }], { type: 'never_declared' }));
    expect([status, body.code]).toStrictEqual([422, 'unknown_type']);
    await tidings.patch('/v1/settings', { unknownTypes: 'allow' });
    expect((await tidings.post('/v1/notifications', message([{ email: 'a@example.com' }]))).status).toBe(202);
  });

  test('an edit on an old version loses', async () => {
    const before = await tidings.get('/v1/types/order_shipped');
    const etag = before.headers.get('etag') ?? '';
    expect((await tidings.patch('/v1/types/order_shipped', { priority: 'low' }, { 'If-Match': etag })).status).toBe(200);
    const lost = await tidings.patch('/v1/types/order_shipped', { priority: 'high' }, { 'If-Match': etag });
    expect([lost.status, lost.body.code]).toStrictEqual([412, 'precondition_failed']);
  });
});
