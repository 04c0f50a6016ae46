import { afterEach, expect, test } from 'vitest';
import { Type } from 'typebox';
import { reject } from '../../src/domain/kernel/rejection.ts';
import { trusted } from '../../src/domain/values/ids.ts';
import { operation, plain } from '../../src/http/operation.ts';
import { IdParams } from '../../src/http/schemas/values.ts';
import { grant, httpApp, stopHttpApps, type HttpApp } from '../support/httpApp.ts';

afterEach(stopHttpApps);

const responses = { 200: { description: 'It.', schema: Type.Object({ ok: Type.Boolean() }) } };
const facts = { ...plain, tag: 'Service', summary: 'Do it', params: IdParams, responses } as const;
const person = operation({
  ...facts,
  id: 'readPerson',
  method: 'get',
  path: '/v1/people/{id}',
  scope: 'read',
  handler: async ({ params: { id } }) => ({
    status: 200,
    body: { ok: true },
    ...(id !== 'nobody' && { shown: { resource: `people/${id}`, subject: trusted('subject-of-ana') } }),
  }),
});
const rename = operation({
  ...facts,
  id: 'renameType',
  method: 'post',
  path: '/v1/types/{id}',
  scope: 'manage',
  handler: async ({ params: { id } }) =>
    id === 'gone' ? reject('notification_not_found', 'There is none.') : { status: 200, body: { ok: true } },
});
const at = '2026-03-01T12:00:00.000Z';
const actor = { kind: 'key', id: 'key-1' };

/** What the audit had at the moment of the answer. */
async function asked(app: HttpApp, path: string, init: Parameters<HttpApp['call']>[1] = {}): Promise<[number, readonly object[]]> {
  const before = app.audit.length;
  const { status } = await app.call(path, init);
  return [status, app.audit.slice(before)];
}

test('who sees personal data unmasked is in the audit before the answer goes out', async () => {
  const app = await httpApp({ operations: [person, rename] });
  app.keys.set('tk_masked_only', grant({ scopes: ['read'] }));
  const entry = { kind: 'access', tenant: 'default', at, actor, action: 'readPerson', requestId: 'request-1' };
  expect(await asked(app, '/v1/people/ana')).toStrictEqual([200, [{ ...entry, subject: 'subject-of-ana', resource: 'people/ana' }]]);
  expect(await asked(app, '/v1/people/nobody')).toStrictEqual([200, []]);
  expect(await asked(app, '/v1/people/ana', { key: 'tk_masked_only' })).toStrictEqual([200, []]);
});

test('what is administered is in the audit before the answer goes out, and what was refused behind it', async () => {
  const app = await httpApp({ operations: [person, rename] });
  const entry = { tenant: 'default', at, actor, action: 'renameType' };
  expect(await asked(app, '/v1/types/news', { method: 'POST' })).toStrictEqual([
    200,
    [{ ...entry, kind: 'administration', requestId: 'request-1', resource: 'types/news' }],
  ]);
  expect(await asked(app, '/v1/types/gone', { method: 'POST' })).toStrictEqual([
    404,
    [{ ...entry, kind: 'rejected', requestId: 'request-2', resource: 'types/gone', code: 'notification_not_found' }],
  ]);
});
