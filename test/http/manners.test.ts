import { Agent, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { Type } from 'typebox';
import { PortError } from '../../src/domain/kernel/portError.ts';
import { reject } from '../../src/domain/kernel/rejection.ts';
import { trusted } from '../../src/domain/values/ids.ts';
import { operation, plain } from '../../src/http/operation.ts';
import { closed, IdParams, listOf } from '../../src/http/schemas/values.ts';
import { grant, httpApp, stopHttpApps } from '../support/httpApp.ts';
import { echoOf, sizeOf } from '../support/uploads.ts';

afterEach(stopHttpApps);

const tag = 'Service';
const Note = closed({
  title: Type.String({ minLength: 1, maxLength: 10 }),
  lines: Type.Optional(Type.Array(Type.String({ maxLength: 3 }))),
});

const read = operation({
  ...plain,
  id: 'readNote',
  method: 'get',
  path: '/v1/notes/{id}',
  tag,
  summary: 'Read',
  scope: 'read',
  params: IdParams,
  reads: ['notes', 'titles'],
  responses: { 200: { description: 'It.', schema: Type.Object({ id: Type.String() }) } },
  handler: async ({ params: { id } }) => {
    if (id === 'gone') return reject('notification_not_found', 'There is none.');
    if (id === 'bug') throw new Error('secret of a@example.com');
    if (id === 'down') throw new PortError('unavailable', 'database', 'the database does not answer');
    if (id === 'race') throw new PortError('conflict', 'contended', 'again');
    if (id === 'huge') throw new PortError('invalid', 'append_too_large', 'it is too large');
    if (id === 'newer') throw new PortError('invalid', 'newer_release', 'event 1 (SaidToAna) cannot be read');
    if (id === 'wrong') return { status: 200, body: { other: 1 } };
    return { status: 200, body: { id }, revision: 7 };
  },
});
const write = operation({
  ...plain,
  id: 'writeNote',
  method: 'post',
  path: '/v1/notes',
  tag,
  summary: 'Write',
  scope: 'send',
  idempotent: true,
  conditional: true,
  body: Note,
  refine: ({ title }) => (title === 'odd' ? [{ path: '/title', message: 'is odd' }] : []),
  responses: { 201: { description: 'Written.', schema: Type.Record(Type.String(), Type.Unknown()) } },
  handler: async ({ body, caller, ifMatch, access }) => ({
    status: 201,
    body: {
      title: body.title,
      key: caller.idempotencyKey ?? null,
      ifMatch: ifMatch ?? null,
      actor: caller.actor,
      mode: access.mode,
      correlation: caller.correlationId,
      trace: caller.traceparent ?? null,
      tenant: caller.tenant,
    },
    position: trusted('p-000042'),
    replayed: caller.idempotencyKey === 'again',
  }),
});
const list = operation({
  ...plain,
  id: 'listNotes',
  method: 'get',
  path: '/v1/notes',
  tag,
  summary: 'List',
  scope: 'read',
  query: listOf({ colour: Type.Optional(Type.String()) }),
  responses: {
    200: {
      description: 'Some.',
      schema: Type.Object({ data: Type.Array(Type.Integer()), nextCursor: Type.Union([Type.String(), Type.Null()]) }),
    },
  },
  handler: async ({ query: { limit }, place }) => {
    const from = Number(place ?? 0);
    return {
      status: 200,
      page: { data: Array.from({ length: limit }, (_, at) => from + at), next: from + limit >= 6 ? null : String(from + limit) },
    };
  },
});
const instance = operation({
  ...plain,
  id: 'administer',
  method: 'post',
  path: '/v1/instance',
  tag,
  summary: 'Administer',
  scope: 'instance',
  responses: { 200: { description: 'Done.' } },
  handler: async () => ({ status: 200 }),
});
const echo = echoOf(Note, (line) => line);
const bytes = sizeOf('bytes', '/v1/bytes', 5);
const operations = [read, write, list, instance, echo, bytes];
const json = { 'content-type': 'application/json' };
const post = (body: unknown, headers: Record<string, string> = {}) => ({
  method: 'POST',
  headers: { ...json, ...headers },
  body: typeof body === 'string' ? body : JSON.stringify(body),
});
const problem = async (response: Response) => ({ type: response.headers.get('content-type'), ...((await response.json()) as object) });

describe('problems', () => {
  test('a refusal is a problem with everything that RFC 9457 and the interface promise', async () => {
    const app = await httpApp({ operations });
    const response = await app.call('/v1/notes/gone');
    expect([response.status, await problem(response)]).toStrictEqual([
      404,
      {
        type: 'urn:tidings:problem:notification_not_found',
        title: 'There is no such notification',
        status: 404,
        detail: 'There is none.',
        code: 'notification_not_found',
        requestId: 'request-1',
      },
    ]);
    expect(response.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    expect(app.served).toStrictEqual([
      { operation: 'readNote', method: 'GET', status: 404, requestId: 'request-1', tenant: 'default', code: 'notification_not_found' },
    ]);
  });

  test.each([
    ['bug', 500, 'internal_error'],
    ['down', 503, 'unavailable'],
    ['race', 409, 'contended'],
    ['huge', 413, 'append_too_large'],
    ['newer', 503, 'newer_release'],
    ['wrong', 500, 'internal_error'],
  ])('what is thrown (%s) becomes %i %s and says nothing of its text', async (id, status, code) => {
    const app = await httpApp({ operations });
    const response = await app.call(`/v1/notes/${id}`);
    const text = await response.text();
    expect([response.status, JSON.parse(text).code]).toStrictEqual([status, code]);
    expect(text).not.toMatch(/example\.com|SaidToAna/);
    expect(app.failures.length).toBe(status >= 500 ? 1 : 0);
    if (status === 503) expect(response.headers.get('retry-after')).toBe(id === 'newer' ? '10' : '2');
  });

  test('every wrong member is named, not only the first', async () => {
    const app = await httpApp({ operations });
    const response = await app.call('/v1/notes', post({ title: '', lines: ['long', 5], 'a/b': 1 }));
    const { status, code, errors } = JSON.parse(await response.text());
    expect({ status, code, errors }).toStrictEqual({
      status: 422,
      code: 'validation_failed',
      errors: [
        { path: '/a~1b', message: 'is not a known member' },
        { path: '/title', message: 'must NOT have fewer than 1 characters' },
        { path: '/lines/0', message: 'must NOT have more than 3 characters' },
        { path: '/lines/1', message: 'must be string' },
      ],
    });
    const refined = await app.call('/v1/notes', post({ title: 'odd' }));
    expect(JSON.parse(await refined.text()).errors).toStrictEqual([{ path: '/title', message: 'is odd' }]);
  });

  test.each([
    ['{"title": }', 'malformed_json'],
    ['', 'malformed_json'],
    ['{"title":"a","title":"b"}', 'malformed_json'],
    ['{"title":"a","__proto__":{"admin":true}}', 'malformed_json'],
    ['{"title":"a","t\\u0069tle":"b"}', 'malformed_json'],
    ['{"title":"\\ud800"}', 'malformed_json'],
    ['['.repeat(10_000) + ']'.repeat(10_000), 'malformed_json'],
  ])('a body that is not well-formed is a 400: %#', async (body, code) => {
    const app = await httpApp({ operations });
    const response = await app.call('/v1/notes', post(body));
    expect([response.status, JSON.parse(await response.text()).code]).toStrictEqual([400, code]);
  });

  test('bytes that are not UTF-8 are a 400', async () => {
    const app = await httpApp({ operations });
    const response = await app.call('/v1/notes', { method: 'POST', headers: json, body: Buffer.from([0x22, 0xff, 0x22]) });
    expect([response.status, JSON.parse(await response.text()).code]).toStrictEqual([400, 'malformed_json']);
  });

  test('another content type, or a compressed body, is a 415', async () => {
    const app = await httpApp({ operations });
    const form = await app.call('/v1/notes', { method: 'POST', headers: { 'content-type': 'text/plain' }, body: '{}' });
    const packed = await app.call('/v1/notes', post({ title: 'a' }, { 'content-encoding': 'gzip' }));
    expect([form.status, packed.status]).toStrictEqual([415, 415]);
  });

  test.each([
    ['utf-8', 201],
    ['"UTF-8"', 201],
    ['utf-16', 415],
    ['iso-8859-1', 415],
  ])('a body is read as UTF-8 and as nothing else: charset=%s', async (charset, status) => {
    const app = await httpApp({ operations });
    const one = await app.call('/v1/notes', post({ title: 'a' }, { 'content-type': `application/json; charset=${charset}` }));
    const lines = { 'content-type': `application/x-ndjson;Charset=${charset}` };
    const many = await app.call('/v1/echo', { method: 'POST', headers: lines, body: '{}' });
    expect([one.status, many.status]).toStrictEqual([status, status === 201 ? 200 : 415]);
  });

  test('a number that no double holds is a 400 that names its member', async () => {
    const app = await httpApp({ operations });
    const response = await app.call('/v1/notes', post('{"title":"a","lines":[1e999]}'));
    const { code, errors } = JSON.parse(await response.text());
    expect([response.status, code, errors]).toStrictEqual([
      400,
      'malformed_json',
      [{ path: '/lines/0', message: 'a number is beyond what a double holds (IEEE 754)' }],
    ]);
  });

  test('U+0000 in a parameter is a 400, in a path it names nothing', async () => {
    const app = await httpApp({ operations });
    const [filter, id] = await Promise.all([app.call('/v1/notes?colour=%00'), app.call('/v1/notes/%00')]);
    expect([filter.status, id.status]).toStrictEqual([400, 404]);
  });

  test('a path, a method, an encoding that nothing has', async () => {
    const app = await httpApp({ operations });
    const [path, method, encoding, id] = await Promise.all([
      app.call('/v1/nothing'),
      app.call('/v1/notes/1', { method: 'DELETE' }),
      app.call('/v1/notes/%E0%A4%A'),
      app.call('/v1/notes/%20'),
    ]);
    expect([path.status, method.status, method.headers.get('allow'), encoding.status, id.status]).toStrictEqual([
      404,
      405,
      'GET, HEAD',
      400,
      404,
    ]);
  });
});

describe('bodies', () => {
  test('more than the limit is a 413, announced or not, and the answer is read by a client that is still sending', async () => {
    const app = await httpApp({ operations });
    const announced = await app.call('/v1/notes', post({ title: 'x'.repeat(1_000_001) }));
    expect([announced.status, JSON.parse(await announced.text()).code]).toStrictEqual([413, 'body_too_large']);
    const chunk = Buffer.alloc(100_000, 'x');
    const answer = await new Promise<{ status: number | undefined; code: string }>((resolve, reject) => {
      const req = request(`${app.url}/v1/notes`, { method: 'POST', headers: { ...json, authorization: 'Bearer tk_all_scopes' } }, (res) => {
        let text = '';
        res.on('data', (part: Buffer) => (text += part.toString()));
        res.on('end', () => resolve({ status: res.statusCode, code: JSON.parse(text).code }));
      });
      req.on('error', reject);
      for (let sent = 0; sent < 30; sent += 1) req.write(chunk);
    });
    expect(answer).toStrictEqual({ status: 413, code: 'body_too_large' });
  });

  test.each([
    ['a document', '/v1/notes', 50],
    ['a form or another small body', '/v1/bytes', 5],
  ])('a trickle of bytes buys no time for %s: 408', async (_, path, length) => {
    const app = await httpApp({ operations });
    const socket = connect(app.listener.port, '127.0.0.1');
    let text = '';
    socket.on('data', (part) => (text += part.toString()));
    socket.write(
      `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer tk_all_scopes\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n{`,
    );
    for (let waited = 0; waited < 500 && app.clock.waiting() === 0; waited += 1) await new Promise(setImmediate);
    app.clock.advance(29_000);
    socket.write('"');
    await new Promise((resolve) => setTimeout(resolve, 20));
    app.clock.advance(1_000);
    await expect.poll(() => text).toContain('HTTP/1.1 408');
    expect(text).toContain('"code":"request_timeout"');
    socket.destroy();
  });

  test('header fields that never end are cut off', async () => {
    const app = await httpApp({ operations, listener: { headersMs: 50, requestMs: 100 } });
    const socket = connect(app.listener.port, '127.0.0.1');
    const closedByServer = new Promise<void>((resolve) => socket.on('close', () => resolve()));
    let text = '';
    socket.on('data', (part) => (text += part.toString()));
    socket.write('GET /v1/notes HTTP/1.1\r\nHost: x\r\n');
    await closedByServer;
    expect(text).toContain('HTTP/1.1 408 Request Timeout');
    expect(text).toContain('"code":"request_timeout"');
  });

  test('raw bytes have a limit of their own', async () => {
    const app = await httpApp({ operations });
    const [fits, over] = await Promise.all([
      app.call('/v1/bytes', { method: 'POST', body: '12345' }),
      app.call('/v1/bytes', { method: 'POST', body: '123456' }),
    ]);
    expect([await fits.json(), over.status]).toStrictEqual([{ size: 5 }, 413]);
  });

  test('a client that waits for 100 Continue is told to go on, or why not, before it sends', async () => {
    const app = await httpApp({ operations });
    const ask = (headers: Record<string, string>) =>
      new Promise<{ continued: boolean; status: number | undefined }>((resolve, reject) => {
        let continued = false;
        const req = request(`${app.url}/v1/notes`, { method: 'POST', headers: { ...json, expect: '100-continue', ...headers } }, (res) => {
          res.resume();
          resolve({ continued, status: res.statusCode });
          req.destroy();
        });
        req.on('continue', () => {
          continued = true;
          req.end('{"title":"a"}');
        });
        req.on('error', reject);
        req.flushHeaders();
      });
    expect(await ask({ authorization: 'Bearer tk_all_scopes', 'content-length': '13' })).toStrictEqual({ continued: true, status: 201 });
    expect(await ask({ 'content-length': '13' })).toStrictEqual({ continued: false, status: 401 });
  });

  test('what else a client expects is passed over', async () => {
    const app = await httpApp({ operations });
    const status = await new Promise((resolve, reject) => {
      const headers = { ...json, authorization: 'Bearer tk_all_scopes', expect: 'the-moon' };
      const req = request(`${app.url}/v1/notes`, { method: 'POST', headers }, (res) => {
        res.resume();
        resolve(res.statusCode);
      });
      req.on('error', reject);
      req.end('{"title":"a"}');
    });
    expect(status).toBe(201);
  });

  test('lines come back while others are still being sent, in order, the wrong ones with their place', async () => {
    const app = await httpApp({ operations, limits: { lineBytes: 20 } });
    const got: string[] = [];
    const req = request(`${app.url}/v1/echo`, {
      method: 'POST',
      headers: { authorization: 'Bearer tk_all_scopes', 'content-type': 'application/x-ndjson' },
    });
    const ended = new Promise<void>((resolve, reject) => {
      req.on('error', reject);
      req.on('response', (res) => {
        res.on('data', (part: Buffer) => got.push(...part.toString().trim().split('\n')));
        res.on('end', () => resolve());
      });
    });
    req.write('{"a":1}\n\n{"b"');
    await expect.poll(() => got.length).toBe(1);
    req.write(`:2}\nnonsense\n${'x'.repeat(30)}\n`);
    await expect.poll(() => got.length).toBe(4);
    req.end('{"c":3}');
    await ended;
    expect(got.map((line) => JSON.parse(line))).toStrictEqual([
      { index: 0, raw: '{"a":1}', ok: true, value: { a: 1 } },
      { index: 1, raw: '{"b":2}', ok: true, value: { b: 2 } },
      { index: 2, raw: 'nonsense', ok: false, code: 'malformed_json', detail: 'Correct the line: it is not JSON.' },
      { index: 3, raw: '', ok: false, code: 'body_too_large', detail: 'A line has at most 20 bytes.' },
      { index: 4, raw: '{"c":3}', ok: true, value: { c: 3 } },
    ]);
  });
});

describe('credentials', () => {
  test('none is 401, an unknown one is 401, a missing scope is 403, each with a challenge', async () => {
    const app = await httpApp({ operations });
    app.keys.set('tk_reader', grant({ scopes: ['read'] }));
    const [none, wrong, scope] = await Promise.all([
      app.call('/v1/notes/1', { key: null }),
      app.call('/v1/notes/1', { key: 'tk_unknown_one' }),
      app.call('/v1/notes', { ...post({ title: 'a' }), key: 'tk_reader' }),
    ]);
    const facts = async (response: Response) => [
      response.status,
      JSON.parse(await response.text()).code,
      response.headers.get('www-authenticate'),
    ];
    expect([await facts(none), await facts(wrong), await facts(scope)]).toStrictEqual([
      [401, 'unauthenticated', 'Bearer realm="tidings"'],
      [401, 'unauthenticated', 'Bearer realm="tidings", error="invalid_token"'],
      [403, 'missing_scope', 'Bearer realm="tidings", error="insufficient_scope", scope="send"'],
    ]);
  });

  test('no scope implies another', async () => {
    const app = await httpApp({ operations });
    app.keys.set('tk_admin_only', grant({ scopes: ['admin', 'manage', 'pii', 'compliance', 'send'] }));
    expect((await app.call('/v1/notes/1', { key: 'tk_admin_only' })).status).toBe(403);
  });

  test('the instance is administered by the tenant default alone', async () => {
    const app = await httpApp({ operations });
    app.keys.set('tk_other_admin', grant({ tenant: trusted('other') }));
    const [mine, other] = await Promise.all([
      app.call('/v1/instance', { method: 'POST' }),
      app.call('/v1/instance', { method: 'POST', key: 'tk_other_admin' }),
    ]);
    expect([mine.status, other.status]).toStrictEqual([200, 403]);
  });

  test('a revoked key stops within 5 s, and is not asked for at every request', async () => {
    const app = await httpApp({ operations });
    await app.call('/v1/notes/1');
    await app.call('/v1/notes/1');
    expect(app.asked.length).toBe(1);
    app.keys.clear();
    app.clock.advance(5000);
    expect((await app.call('/v1/notes/1')).status).toBe(401);
  });

  test('an expired key is refused, also from the cache', async () => {
    const app = await httpApp({ operations });
    app.keys.set('tk_short_lived', grant({ expiresAt: '2026-03-01T12:00:01.000Z' as never }));
    expect((await app.call('/v1/notes/1', { key: 'tk_short_lived' })).status).toBe(200);
    app.clock.advance(1000);
    expect((await app.call('/v1/notes/1', { key: 'tk_short_lived' })).status).toBe(401);
  });

  test('a token acts for its subject, whose name never stands in clear', async () => {
    const claims = { sub: 'bo@example.com', tenant: 'acme', scope: 'read send nonsense' };
    const app = await httpApp({ operations, tokens: { verify: async (token) => (token.endsWith('.good') ? claims : undefined) } });
    const good = await app.call('/v1/notes', { ...post({ title: 'a' }), key: 'eyJh.eyJi.good' });
    const { actor, tenant } = (await good.json()) as { actor: unknown; tenant: string };
    expect({ actor, tenant }).toStrictEqual({ actor: { kind: 'user', id: 'hashed-14' }, tenant: 'acme' });
    expect((await app.call('/v1/notes/1', { key: 'eyJh.eyJi.bad' })).status).toBe(401);
  });

  test('without an issuer every token is refused', async () => {
    const app = await httpApp({ operations });
    expect((await app.call('/v1/notes/1', { key: 'eyJh.eyJi.good' })).status).toBe(401);
    expect(app.asked).toStrictEqual([]);
  });
});

describe('header fields', () => {
  test('ids of the request and the trace are taken and returned; a bad one is replaced', async () => {
    const app = await httpApp({ operations });
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const mine = await app.call('/v1/notes', post({ title: 'a' }, { 'x-request-id': 'mine-1', traceparent }));
    expect([mine.headers.get('x-request-id'), mine.headers.get('traceparent')]).toStrictEqual(['mine-1', traceparent]);
    expect(await mine.json()).toStrictEqual({
      title: 'a',
      key: null,
      ifMatch: null,
      actor: { kind: 'key', id: 'key-1' },
      mode: 'live',
      correlation: 'mine-1',
      trace: traceparent,
      tenant: 'default',
    });
    const bad = await app.call('/v1/notes/1', { headers: { 'x-request-id': 'a b', traceparent: '00-0-0-01' } });
    expect([bad.headers.get('x-request-id'), bad.headers.get('traceparent')]).toStrictEqual(['request-1', null]);
  });

  test('position, replay, idempotency key and revision', async () => {
    const app = await httpApp({ operations });
    const first = await app.call('/v1/notes', post({ title: 'a' }, { 'idempotency-key': 'again', 'if-match': '"12"' }));
    expect([first.status, first.headers.get('tidings-position'), first.headers.get('idempotency-replayed')]).toStrictEqual([
      201,
      'p-000042',
      'true',
    ]);
    expect(await first.json()).toMatchObject({ key: 'again', ifMatch: 12 });
    const [any, weak, long, readOne] = await Promise.all([
      app.call('/v1/notes', post({ title: 'a' }, { 'if-match': '*' })),
      app.call('/v1/notes', post({ title: 'a' }, { 'if-match': 'W/"12"' })),
      app.call('/v1/notes', post({ title: 'a' }, { 'idempotency-key': 'k'.repeat(256) })),
      app.call('/v1/notes/1'),
    ]);
    expect([((await any.json()) as { ifMatch: unknown }).ifMatch, weak.status, long.status, readOne.headers.get('etag')]).toStrictEqual([
      'any',
      400,
      400,
      '"7"',
    ]);
  });

  test('an answer is nobody else’s: not cached, not framed, not sniffed', async () => {
    const app = await httpApp({ operations });
    const { headers } = await app.call('/v1/notes/1');
    expect([
      headers.get('cache-control'),
      headers.get('content-security-policy'),
      headers.get('x-content-type-options'),
      headers.get('x-powered-by'),
    ]).toStrictEqual(['private, no-store', "default-src 'none';frame-ancestors 'none'", 'nosniff', null]);
  });
});

describe('reading', () => {
  test('after waits for the read models of the answer', async () => {
    const app = await httpApp({ operations });
    const response = await app.call('/v1/notes/1?after=p-000042');
    expect([response.status, app.waits]).toStrictEqual([200, [{ position: 'p-000042', projections: ['notes', 'titles'] }]]);
    expect((await app.call('/v1/notes/1?after=%27')).status).toBe(400);
  });

  test('what is not there in time is 503 not_caught_up', async () => {
    const app = await httpApp({ operations, caughtUp: () => false });
    const response = await app.call('/v1/notes/1?after=p-000042');
    expect([response.status, JSON.parse(await response.text()).code, response.headers.get('retry-after')]).toStrictEqual([
      503,
      'not_caught_up',
      '1',
    ]);
  });

  test('pages follow each other; a cursor is good for its own list only', async () => {
    const app = await httpApp({ operations });
    type Page = { data: number[]; nextCursor: string | null };
    const first = (await (await app.call('/v1/notes?limit=4&colour=red')).json()) as Page;
    const second = (await (await app.call(`/v1/notes?limit=4&colour=red&cursor=${first.nextCursor}`)).json()) as Page;
    expect([first.data, second]).toStrictEqual([[0, 1, 2, 3], { data: [4, 5, 6, 7], nextCursor: null }]);
    app.keys.set('tk_another', grant({ tenant: trusted('other') }));
    const answers = await Promise.all([
      app.call(`/v1/notes?limit=4&colour=blue&cursor=${first.nextCursor}`),
      app.call(`/v1/notes?limit=4&colour=red&cursor=${first.nextCursor}`, { key: 'tk_another' }),
      app.call(`/v1/notes?limit=4&colour=red&cursor=NA.AAAA`),
      app.call('/v1/notes?limit=0'),
      app.call('/v1/notes?limit=201'),
      app.call('/v1/notes?color=red'),
    ]);
    expect(await Promise.all(answers.map(async (it) => [it.status, JSON.parse(await it.text()).code]))).toStrictEqual([
      [400, 'invalid_cursor'],
      [400, 'invalid_cursor'],
      [400, 'invalid_cursor'],
      [400, 'invalid_query'],
      [400, 'invalid_query'],
      [400, 'invalid_query'],
    ]);
    expect(((await (await app.call('/v1/notes')).json()) as Page).data.length).toBe(50);
  });
});

describe('load', () => {
  test('past a limit a command is refused before its body is read; a read goes on', async () => {
    const app = await httpApp({ operations });
    app.load.bytesWaiting = 1e9;
    const refused = await app.call('/v1/notes', post({ title: 'a' }));
    expect([refused.status, JSON.parse(await refused.text()).code, refused.headers.get('retry-after')]).toStrictEqual([
      503,
      'overloaded',
      '2',
    ]);
    expect([(await app.call('/v1/notes/1')).status, app.asked.length]).toStrictEqual([200, 1]);
    app.load.bytesWaiting = 0;
    app.load.actionsDue = 1e9;
    expect((await app.call('/v1/notes', post({ title: 'a' }))).status).toBe(503);
    app.load.actionsDue = 0;
    app.load.eventLoopDelayMs = 5000;
    expect((await app.call('/v1/notes/1')).status).toBe(503);
  });

  test('whoever is refused keeps the connection: a short body is read to its end, a long one is not', async () => {
    const app = await httpApp({ operations });
    app.load.bytesWaiting = 1e9;
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const refused = (bytes: number): Promise<unknown> =>
      new Promise((resolve, reject) => {
        const headers = { ...json, authorization: 'Bearer tk_all_scopes', 'content-length': bytes };
        const req = request(`${app.url}/v1/notes`, { method: 'POST', agent, headers }, (res) => {
          res.resume();
          res.once('end', () => setImmediate(resolve, [res.statusCode, res.headers.connection, req.reusedSocket]));
        });
        req.once('error', reject);
        req.end(Buffer.alloc(bytes, 'x'));
      });
    expect([await refused(1000), await refused(900_000), await refused(1_000_001), await refused(10)]).toStrictEqual([
      [503, 'keep-alive', false],
      [503, 'keep-alive', true],
      [503, 'close', true],
      [503, 'keep-alive', false],
    ]);
    agent.destroy();
  });

  test('the places of requests that are over are free again', async () => {
    const app = await httpApp({ operations, admission: { requests: 1 } });
    for (let round = 0; round < 3; round += 1) expect((await app.call('/v1/notes/1')).status).toBe(200);
  });

  test('whoever sends slowly on all places for uploads that it gets locks out no other tenant', async () => {
    const app = await httpApp({ operations, admission: { uploads: 4 } });
    app.keys.set('tk_other', grant({ tenant: trusted('other') }));
    const ndjson = { 'content-type': 'application/x-ndjson' };
    const upload = (key: string) => app.call('/v1/echo', { key, method: 'POST', headers: ndjson, body: '{}' });
    const slow = await Promise.all(
      [1, 2].map(
        () =>
          new Promise<ReturnType<typeof request>>((resolve, reject) => {
            const req = request(`${app.url}/v1/echo`, { method: 'POST', headers: { authorization: 'Bearer tk_all_scopes', ...ndjson } });
            req.on('error', reject);
            req.on('response', (res) => {
              res.resume();
              resolve(req);
            });
            req.write('{"a":1}\n');
          }),
      ),
    );
    const [mine, other] = [await upload('tk_all_scopes'), await upload('tk_other')];
    const { code, detail } = JSON.parse(await mine.text());
    expect([mine.status, code, detail, other.status]).toStrictEqual([
      503,
      'overloaded',
      'Too many uploads of this tenant are under way: try again after Retry-After.',
      200,
    ]);
    await other.text();
    for (const req of slow) req.end();
    await expect.poll(async () => (await upload('tk_all_scopes')).status).toBe(200);
  });

  test('whoever is gone before it is known who it was leaves no place taken', async () => {
    const app = await httpApp({ operations, admission: { uploads: 1 } });
    let known: () => void = () => undefined;
    const [find, gone] = [app.keys.get.bind(app.keys), new Promise<void>((resolve) => (known = resolve))];
    app.keys.get = (async (key: string) => gone.then(() => find(key))) as never;
    const headers = { authorization: 'Bearer tk_all_scopes', 'content-type': 'application/x-ndjson' };
    const leaving = request(`${app.url}/v1/echo`, { method: 'POST', headers });
    leaving.on('error', () => undefined);
    leaving.write('{"a":1}\n');
    await expect.poll(() => app.asked.length).toBe(1);
    leaving.destroy();
    await expect.poll(() => app.served.length).toBe(1);
    known();
    const upload = () => app.call('/v1/echo', { method: 'POST', headers: { 'content-type': headers['content-type'] }, body: '{"a":1}' });
    const { status } = await upload();
    expect(status).toBe(200);
  });

  test('callers who take their time for a body keep no other waiting', async () => {
    const app = await httpApp({ operations, admission: { fewCommands: 2 } });
    const slow = (): { readonly socket: Socket; readonly status: () => string } => {
      const socket = connect(app.listener.port, '127.0.0.1');
      let text = '';
      socket.on('data', (part) => (text += part.toString()));
      socket.write(
        'POST /v1/notes HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer tk_all_scopes\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{',
      );
      return { socket, status: () => text.slice(9, 12) };
    };
    for (let round = 0; round < 2; round += 1) {
      const both = [slow(), slow()];
      await expect.poll(() => app.clock.waiting()).toBe(2);
      expect((await app.call('/v1/notes', post({ title: 'a' }))).status).toBe(201);
      app.clock.advance(30_000);
      await expect.poll(() => both.map(({ status }) => status())).toStrictEqual(['408', '408']);
      for (const { socket } of both) socket.destroy();
      await expect.poll(() => app.clock.waiting()).toBe(0);
    }
  });

  test('draining lets what is under way finish and takes nothing new', async () => {
    const app = await httpApp({ operations });
    const req = request(`${app.url}/v1/echo`, {
      method: 'POST',
      headers: { authorization: 'Bearer tk_all_scopes', 'content-type': 'application/x-ndjson' },
    });
    const text = new Promise<string>((resolve, reject) => {
      req.on('error', reject);
      req.on('response', (res) => {
        let all = '';
        res.on('data', (part: Buffer) => (all += part.toString()));
        res.on('end', () => resolve(all));
      });
    });
    req.write('{"a":1}\n');
    await expect.poll(() => app.asked.length).toBe(1);
    const drained = app.listener.drain(10_000);
    await expect(fetch(`${app.url}/v1/notes/1`)).rejects.toThrow();
    req.end('{"b":2}\n');
    expect([(await text).trim().split('\n').length, await drained]).toStrictEqual([2, true]);
  });
});
