import { Type } from 'typebox';
import { afterEach, describe, expect, test } from 'vitest';
import { trusted } from '../../src/domain/values/ids.ts';
import { operation, plain } from '../../src/http/operation.ts';
import { grant, httpApp, stopHttpApps } from '../support/httpApp.ts';
import { JSON_TYPE, OPERATIONS, post } from '../support/notes.ts';

afterEach(stopHttpApps);

const problem = async (response: Response) => ({ type: response.headers.get('content-type'), ...((await response.json()) as object) });

describe('problems', () => {
  test('a refusal is a problem with everything that RFC 9457 and the interface promise', async () => {
    const app = await httpApp({ operations: OPERATIONS });
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
    ['newerTables', 503, 'newer_release'],
    ['wrong', 500, 'internal_error'],
  ])('what is thrown (%s) becomes %i %s and says nothing of its text', async (id, status, code) => {
    const app = await httpApp({ operations: OPERATIONS });
    const response = await app.call(`/v1/notes/${id}`);
    const text = await response.text();
    expect([response.status, JSON.parse(text).code]).toStrictEqual([status, code]);
    expect(text).not.toMatch(/example\.com|SaidToAna/);
    expect(app.failures.length).toBe(status >= 500 ? 1 : 0);
    if (status === 503) expect(response.headers.get('retry-after')).toBe(code === 'newer_release' ? '10' : '2');
  });

  test('every wrong member is named, not only the first', async () => {
    const app = await httpApp({ operations: OPERATIONS });
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
    const app = await httpApp({ operations: OPERATIONS });
    const response = await app.call('/v1/notes', post(body));
    expect([response.status, JSON.parse(await response.text()).code]).toStrictEqual([400, code]);
  });

  test('bytes that are not UTF-8 are a 400', async () => {
    const app = await httpApp({ operations: OPERATIONS });
    const response = await app.call('/v1/notes', { method: 'POST', headers: JSON_TYPE, body: Buffer.from([0x22, 0xff, 0x22]) });
    expect([response.status, JSON.parse(await response.text()).code]).toStrictEqual([400, 'malformed_json']);
  });

  test('another content type, or a compressed body, is a 415', async () => {
    const app = await httpApp({ operations: OPERATIONS });
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
    const app = await httpApp({ operations: OPERATIONS });
    const one = await app.call('/v1/notes', post({ title: 'a' }, { 'content-type': `application/json; charset=${charset}` }));
    const lines = { 'content-type': `application/x-ndjson;Charset=${charset}` };
    const many = await app.call('/v1/echo', { method: 'POST', headers: lines, body: '{}' });
    expect([one.status, many.status]).toStrictEqual([status, status === 201 ? 200 : 415]);
  });

  test('a number that no double holds is a 400 that names its member', async () => {
    const app = await httpApp({ operations: OPERATIONS });
    const response = await app.call('/v1/notes', post('{"title":"a","lines":[1e999]}'));
    const { code, errors } = JSON.parse(await response.text());
    expect([response.status, code, errors]).toStrictEqual([
      400,
      'malformed_json',
      [{ path: '/lines/0', message: 'a number is beyond what a double holds (IEEE 754)' }],
    ]);
  });

  test('U+0000 in a parameter is a 400, in a path it names nothing', async () => {
    const app = await httpApp({ operations: OPERATIONS });
    const [filter, id] = await Promise.all([app.call('/v1/notes?colour=%00'), app.call('/v1/notes/%00')]);
    expect([filter.status, id.status]).toStrictEqual([400, 404]);
  });

  test('a path, a method, an encoding that nothing has', async () => {
    const app = await httpApp({ operations: OPERATIONS });
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

describe('header fields', () => {
  test('ids of the request and the trace are taken and returned; a bad one is replaced', async () => {
    const app = await httpApp({ operations: OPERATIONS });
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
    const app = await httpApp({ operations: OPERATIONS });
    const first = await app.call('/v1/notes', post({ title: 'a' }, { 'idempotency-key': 'again', 'if-match': '"12"' }));
    expect([first.status, first.headers.get('tidings-position'), first.headers.get('idempotency-replayed')]).toStrictEqual([
      201,
      '0000000000000042',
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
    const app = await httpApp({ operations: OPERATIONS });
    const { headers } = await app.call('/v1/notes/1');
    expect([
      headers.get('cache-control'),
      headers.get('content-security-policy'),
      headers.get('x-content-type-options'),
      headers.get('x-powered-by'),
    ]).toStrictEqual(['private, no-store', "default-src 'none';frame-ancestors 'none'", 'nosniff', null]);
  });
});

describe('an operator’s question', () => {
  let wasAsked: () => void = () => undefined;
  const asking = (answered: Promise<void>) =>
    httpApp({
      operations: [
        operation({
          ...plain,
          id: 'howItIs',
          method: 'get',
          path: '/v1/how-it-is',
          tag: 'Service',
          summary: 'Ask',
          scope: 'instance',
          responses: { 200: { description: 'It.', schema: Type.Object({}) } },
          handler: () => {
            wasAsked();
            return answered.then(() => ({ status: 200, body: {} }));
          },
        }),
      ],
    });

  test('is answered with 503 where a part that it needs hangs', async () => {
    const app = await asking(new Promise(() => undefined));
    const reached = new Promise<void>((resolve) => (wasAsked = resolve));
    const asked = app.call('/v1/how-it-is');
    await reached;
    await Promise.resolve();
    app.clock.advance(4_000);
    const response = await Promise.race([asked, new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), 30_000))]);
    expect([response?.status, response?.headers.get('retry-after'), response && (await problem(response))]).toMatchObject([
      503,
      '2',
      { code: 'unavailable', detail: expect.stringContaining('/health/ready') as string },
    ]);
  });

  test('keeps no timer once it is answered', async () => {
    const app = await asking(Promise.resolve());
    const before = app.clock.waiting();
    expect((await app.call('/v1/how-it-is')).status).toBe(200);
    expect(app.clock.waiting()).toBe(before);
  });
});

describe('reading', () => {
  test('after waits for the read models of the answer', async () => {
    const app = await httpApp({ operations: OPERATIONS });
    const response = await app.call('/v1/notes/1?after=0000000000000042');
    expect([response.status, app.waits]).toStrictEqual([200, [{ position: '0000000000000042', projections: ['notes', 'titles'] }]]);
    for (const after of ['%27', '', 'undefined', 'null', '42']) {
      const refused = await app.call(`/v1/notes/1?after=${after}`);
      expect([after, refused.status, JSON.parse(await refused.text()).code]).toStrictEqual([after, 400, 'invalid_position']);
    }
    expect(app.waits).toHaveLength(1);
  });

  test('what is not there in time is 503 not_caught_up', async () => {
    const app = await httpApp({ operations: OPERATIONS, caughtUp: () => false });
    const response = await app.call('/v1/notes/1?after=0000000000000042');
    expect([response.status, JSON.parse(await response.text()).code, response.headers.get('retry-after')]).toStrictEqual([
      503,
      'not_caught_up',
      '1',
    ]);
  });

  test('pages follow each other; a cursor is good for its own list only', async () => {
    const app = await httpApp({ operations: OPERATIONS });
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
