import { expect, test } from 'vitest';
import { eventually } from '../support/client.ts';
import { serviceForSuite } from '../support/service.ts';

const tidings = serviceForSuite();

test('who saw personal data, changed the service or was refused stands in the audit, in three formats', async () => {
  await tidings.patch('/v1/recipients/ana@example.com', { email: 'ana@example.com' });
  const { body: masked } = await tidings.post('/v1/api-keys', { name: 'reader', scopes: ['read'] });
  const { headers } = await tidings.put('/v1/categories/orders', { class: 'transactional' });
  expect((await tidings.put('/v1/categories/orders', { class: 'marketing' })).body.code).toBe('category_class_fixed');
  const path = '/v1/recipients/ana%40example.com';
  expect((await tidings.get(`${path}?after=${headers.get('tidings-position')}`)).body.email).toBe('ana@example.com');
  expect((await tidings.as(masked.key).get(path)).body.email).toBe('a•••@e•••.com');

  const entries = await eventually('the refusal and the reading are written down', async () => {
    const { body } = await tidings.get('/v1/compliance/audit');
    const has = (wanted: string): boolean => body.data.some(({ kind, action }: any) => `${kind} ${action}` === wanted);
    return has('rejection putCategory') && has('access getRecipient') ? (body.data as readonly any[]) : undefined;
  });
  const told = (kind: string) =>
    entries.filter((it) => it.kind === kind).map(({ action, resource, recipientId, code }) => [action, resource, recipientId, code]);
  expect(told('rejection')).toStrictEqual([['putCategory', 'categories/orders', undefined, 'category_class_fixed']]);
  // Masked reading is no access.
  expect(told('access').filter(([action]) => action === 'getRecipient')).toStrictEqual([
    ['getRecipient', 'recipients', 'ana@example.com', undefined],
  ]);
  expect(told('administration')).toContainEqual(['createApiKey', 'api-keys', undefined, undefined]);
  expect(told('administration')).toContainEqual(['patchRecipient', 'recipients', 'ana@example.com', undefined]);

  const filter = '?action=patchRecipient&recipientId=ana@example.com';
  const [csv, lines, nobody] = await Promise.all([
    tidings.request('GET', `/v1/compliance/audit${filter}`, undefined, { Accept: 'text/csv' }),
    tidings.request('GET', `/v1/compliance/audit${filter}`, undefined, { Accept: 'application/x-ndjson' }),
    tidings.get('/v1/compliance/audit?recipientId=unknown'),
  ]);
  expect([csv.headers.get('content-type'), lines.headers.get('content-type'), nobody.body.data]).toStrictEqual([
    'text/csv; charset=utf-8',
    'application/x-ndjson',
    [],
  ]);
  const [header, record, rest] = (csv.body as string).split('\r\n');
  expect([header, rest]).toStrictEqual(['at,kind,action,actorKind,actorId,resource,recipientId,code,requestId,position', '']);
  expect(record).toMatch(/^\d{4}-[^,]+Z,administration,patchRecipient,key,[^,]+,recipients,ana@example\.com,,[^,]+,[^,]+$/);
  expect(
    (lines.body as string)
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).recipientId),
  ).toStrictEqual(['ana@example.com']);
});
