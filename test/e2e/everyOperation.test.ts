import { beforeAll, describe, expect, test } from 'vitest';
import { EXAMPLES, makeWorld, type World } from '../support/exampleCalls.ts';
import type { Answer, Client } from '../support/client.ts';
import { readDocument, type ServedDocument } from '../support/servedDocument.ts';
import { message, serviceForSuite } from '../support/service.ts';

const tidings = serviceForSuite();
let world: World;

let document: ServedDocument;

beforeAll(async () => {
  document = await readDocument(tidings);
  world = await makeWorld(tidings);
});

describe('every operation of the document', () => {
  test('has an example, and every example an operation', () => {
    expect(Object.keys(EXAMPLES).sort()).toStrictEqual(document.operations.map(({ id }) => id).sort());
  });

  test.each(Object.entries(EXAMPLES))('%s answers as it is described', async (id, { call, refused }) => {
    const it = document.operations.find((described) => described.id === id);
    if (it === undefined) throw new Error('the document has no such operation');
    const answer = await call(tidings, world);
    if (refused !== undefined) expect(answer.body.code).toBe(refused);
    expect(document.complaintOf(it, answer)).toBeUndefined();
    expect(answer.headers.get('x-request-id')).toMatch(/^[\w.:-]{1,128}$/);
    if (it.method !== 'get' && answer.headers.has('tidings-position')) expect(answer.headers.get('tidings-position')).not.toBe('');
  });
});

describe('an idempotency key', () => {
  test('gives the first answer again, whatever it is that creates', async () => {
    const creating = document.operations.filter(({ operation }) =>
      operation.parameters.some(({ $ref }: { $ref?: string }) => $ref === '#/components/parameters/idempotencyKey'),
    );
    // Of a bulk each line is a repeat, not the whole.
    const ids = creating.map(({ id }) => id).filter((id) => id !== 'requestNotifications' && id !== 'patchRecipients');
    expect(creating).toHaveLength(ids.length + 2);
    expect(ids.sort()).toStrictEqual([
      'createApiKey',
      'createTenant',
      'requestNotification',
      'testTemplate',
      'uploadAttachment',
      'uploadBatch',
    ]);
    for (const id of ids) {
      // A tenant of the example's id is there already.
      const keyed: Client = {
        ...tidings,
        post: (path, body, headers) =>
          tidings.post(path, path === '/v1/tenants' ? { id: 'twice', name: 'Twice' } : body, {
            ...headers,
            'Idempotency-Key': `every-${id}`,
          }),
      };
      const [first, again] = [await EXAMPLES[id]?.call(keyed, world), await EXAMPLES[id]?.call(keyed, world)];
      expect([id, first?.headers.get('idempotency-replayed'), again?.headers.get('idempotency-replayed')]).toStrictEqual([
        id,
        null,
        'true',
      ]);
      const { key: shownOnce, ...body } = first?.body ?? {};
      expect(again?.body).toStrictEqual(body);
      expect(again?.headers.get('tidings-position')).toBe(first?.headers.get('tidings-position'));
      expect(shownOnce === undefined).toBe(id !== 'createApiKey');
    }
  });

  test('of a bulk makes its lines repeat too', async () => {
    const bulk = () =>
      tidings.post('/v1/notifications/bulk', { notifications: [message(['ana']), message(['bo'])] }, { 'Idempotency-Key': 'every-bulk' });
    const [first, again] = [await bulk(), await bulk()];
    const shown = ({ body }: Answer) => body.data.map((it: any) => [it.index, it.status, it.replayed, it.notification.id]);
    expect(shown(again)).toStrictEqual(shown(first).map(([index, status, , id]: unknown[]) => [index, status, true, id]));
  });
});

describe('a delivery', () => {
  test('tells which template, version and language it was made from', async () => {
    const { id } = await tidings.send({
      type: 'every_templated',
      category: 'transactional',
      recipients: ['ana'],
      template: { key: 'every', version: 2 },
      variables: { name: 'Ana' },
    });
    const [delivery] = await tidings.settled(id);
    const template = { key: 'every', version: 2, locale: 'en' };
    expect([delivery.template, (await tidings.get(`/v1/deliveries/${delivery.id}`)).body.template]).toStrictEqual([template, template]);
  });
});

describe('without the right to it', () => {
  test('nothing but the public operations answers somebody without a key', async () => {
    const nobody = tidings.as(undefined);
    const answered = await Promise.all(
      Object.entries(EXAMPLES).map(async ([id, { call }]) => [id, (await call(nobody, world)).status] as const),
    );
    const isPublic = new Set(document.operations.filter(({ operation }) => operation.security?.length === 0).map(({ id }) => id));
    expect(answered.filter(([id, status]) => (isPublic.has(id) ? status !== 200 : status !== 401))).toStrictEqual([]);
  });
});
