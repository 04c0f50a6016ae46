import { describe, expect, test } from 'vitest';
import { NDJSON, ndjson } from '../support/client.ts';
import { message, serviceForSuite } from '../support/service.ts';

const tidings = serviceForSuite();
const withKey = (key: string): Record<string, string> => ({ 'Idempotency-Key': key });

describe('an Idempotency-Key', () => {
  test('gives a repeat the first answer', async () => {
    const body = message([{ email: 'twice@example.com' }]);
    const first = await tidings.send(body, withKey('order-1'));
    const again = await tidings.send(body, withKey('order-1'));
    expect(again.answer.body).toStrictEqual(first.answer.body);
    expect(first.answer.headers.get('idempotency-replayed')).toBeNull();
    expect(again.answer.headers.get('idempotency-replayed')).toBe('true');
    await tidings.settled(first.id);
    expect(await tidings.captured(first.id)).toHaveLength(1);
  });

  test('with the members in another order is the same request', async () => {
    const { id } = await tidings.send({ ...message([{ email: 'order@example.com', locale: 'de' }]) }, withKey('order-2'));
    const turned = Object.fromEntries(Object.entries(message([{ locale: 'de', email: 'order@example.com' }])).reverse());
    expect((await tidings.send(turned, withKey('order-2'))).id).toBe(id);
  });

  test('of another body is refused', async () => {
    await tidings.send(message([{ email: 'one@example.com' }]), withKey('order-3'));
    const { status, body } = await tidings.post('/v1/notifications', message([{ email: 'other@example.com' }]), withKey('order-3'));
    expect([status, body.code]).toStrictEqual([422, 'idempotency_key_reused']);
  });

  test('of another tenant, or of an API key for another, is refused too', async () => {
    const post = (path: string, body: object, key: string) => tidings.post(path, body, withKey(key));
    const first = await post('/v1/tenants', { id: 'keyed-one', name: 'One' }, 'tenant-1');
    const other = await post('/v1/tenants', { id: 'keyed-two', name: 'Two' }, 'tenant-1');
    const again = await post('/v1/tenants', { id: 'keyed-one', name: 'One' }, 'tenant-1');
    expect([first.status, other.status, other.body.code]).toStrictEqual([201, 422, 'idempotency_key_reused']);
    expect([again.body, again.headers.get('idempotency-replayed')]).toStrictEqual([first.body, 'true']);
    const key = { name: 'k', scopes: ['send'] };
    expect((await post('/v1/api-keys', { ...key, tenantId: 'keyed-one' }, 'key-1')).status).toBe(201);
    const reused = await post('/v1/api-keys', key, 'key-1');
    expect([reused.status, reused.body.code]).toStrictEqual([422, 'idempotency_key_reused']);
  });

  test('of an upload gives the first file again, and no other takes its place', async () => {
    const put = (text: string, name = 'r.txt') =>
      tidings.post(`/v1/attachments?filename=${name}`, Buffer.from(text), { 'Content-Type': 'text/plain', ...withKey('file-1') });
    const [first, again, other, renamed] = [await put('one'), await put('one'), await put('two'), await put('one', 's.txt')];
    expect([first.status, first.headers.get('idempotency-replayed')]).toStrictEqual([201, null]);
    expect([again.status, again.headers.get('idempotency-replayed'), again.body]).toStrictEqual([201, 'true', first.body]);
    for (const refused of [other, renamed]) expect([refused.status, refused.body.code]).toStrictEqual([422, 'idempotency_key_reused']);
    const { id } = await tidings.send(message([{ email: 'file@example.com' }], { attachments: [{ id: first.body.id }] }));
    await tidings.settled(id);
    expect((await tidings.captured(id))[0].attachments).toStrictEqual([{ filename: 'r.txt', contentType: 'text/plain', size: 3 }]);
  });

  test('of a bulk of people stands for each line, in whatever pieces they come', async () => {
    const people = Array.from({ length: 201 }, (_, at) => ({ recipientId: `keyed-${at}`, name: 'Ana' }));
    const own = { ...people[0], idempotencyKey: 'own-1' };
    const bulk = '/v1/recipients/bulk';
    const first = await tidings.post(bulk, ndjson([...people, own]), { ...NDJSON, ...withKey('people-1') });
    const lines = first.body
      .trim()
      .split('\n')
      .map((line: string) => JSON.parse(line));
    await tidings.put('/v1/recipients/keyed-200', { name: 'Bo' });
    const again = await tidings.post(bulk, { recipients: [...people, own] }, withKey('people-1'));
    expect(lines.map(({ status }: any) => status)).toStrictEqual([...people.map(() => 201), 200]);
    // The last changed nothing, so nothing of it was kept, and it is carried out anew.
    const repeats = lines.map((line: object, at: number) => ({ ...line, ...(at < 201 && { replayed: true }) }));
    expect(again.body.data).toStrictEqual(repeats);
    expect((await tidings.get(`/v1/recipients/keyed-200?after=${again.headers.get('tidings-position')}`)).body.version).toBe(2);
    const other = await tidings.post(bulk, { recipients: [{ ...people[0], name: 'Cy' }] }, withKey('people-1'));
    expect(other.body.data.map(({ status, problem }: any) => [status, problem.code])).toStrictEqual([[422, 'idempotency_key_reused']]);
  });

  test('sent fifty times at once makes one notification', async () => {
    const body = message([{ email: 'fifty@example.com' }]);
    const answers = await Promise.all(Array.from({ length: 50 }, () => tidings.post('/v1/notifications', body, withKey('order-50'))));
    expect(answers.map(({ status }) => status)).toStrictEqual(answers.map(() => 202));
    expect(new Set(answers.map((answer) => answer.body.id)).size).toBe(1);
    expect(answers.filter(({ headers }) => headers.get('idempotency-replayed') === null)).toHaveLength(1);
    const id: string = answers[0]?.body.id;
    await tidings.settled(id);
    expect(await tidings.captured(id)).toHaveLength(1);
  });

  test('belongs to its tenant and its route', async () => {
    await tidings.post('/v1/tenants', { id: 'twin', name: 'Twin' });
    const { body } = await tidings.post('/v1/api-keys', { name: 'twin', scopes: ['send'], tenantId: 'twin' });
    const own = await tidings.send(message([{ email: 'a@example.com' }]), withKey('shared'));
    const theirs = await tidings.as(body.key).post('/v1/notifications', message([{ email: 'b@example.com' }]), withKey('shared'));
    expect(theirs.status).toBe(202);
    expect(theirs.body.id).not.toBe(own.id);
  });

  test('must be 1 to 255 characters', async () => {
    const { status, body } = await tidings.post('/v1/notifications', message([{ email: 'a@example.com' }]), withKey('k'.repeat(256)));
    expect([status, body.code]).toStrictEqual([400, 'invalid_idempotency_key']);
  });

  test('survives a restart of the service', async () => {
    const body = message([{ email: 'restart@example.com' }]);
    const { id } = await tidings.send(body, withKey('before'));
    expect(await tidings.stop()).toBe(0);
    await tidings.restart();
    const again = await tidings.send(body, withKey('before'));
    expect([again.id, again.answer.headers.get('idempotency-replayed')]).toStrictEqual([id, 'true']);
  });
});
