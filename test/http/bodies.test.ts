import { request } from 'node:http';
import { connect } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { httpApp, stopHttpApps } from '../support/httpApp.ts';
import { JSON_TYPE, OPERATIONS, post } from '../support/notes.ts';

afterEach(stopHttpApps);

describe('bodies', () => {
  test('more than the limit is a 413, announced or not, and the answer is read by a client that is still sending', async () => {
    const app = await httpApp({ operations: OPERATIONS });
    const announced = await app.call('/v1/notes', post({ title: 'x'.repeat(1_000_001) }));
    expect([announced.status, JSON.parse(await announced.text()).code]).toStrictEqual([413, 'body_too_large']);
    const chunk = Buffer.alloc(100_000, 'x');
    const answer = await new Promise<{ status: number | undefined; code: string }>((resolve, reject) => {
      const req = request(
        `${app.url}/v1/notes`,
        { method: 'POST', headers: { ...JSON_TYPE, authorization: 'Bearer tk_all_scopes' } },
        (res) => {
          let text = '';
          res.on('data', (part: Buffer) => (text += part.toString()));
          res.on('end', () => resolve({ status: res.statusCode, code: JSON.parse(text).code }));
        },
      );
      req.on('error', reject);
      for (let sent = 0; sent < 30; sent += 1) req.write(chunk);
    });
    expect(answer).toStrictEqual({ status: 413, code: 'body_too_large' });
  });

  test.each([
    ['a document', '/v1/notes', 50],
    ['a form or another small body', '/v1/bytes', 5],
  ])('a trickle of bytes buys no time for %s: 408', async (_, path, length) => {
    const app = await httpApp({ operations: OPERATIONS });
    const socket = connect(app.listener.port, '127.0.0.1');
    let text = '';
    socket.on('data', (part) => (text += part.toString()));
    socket.write(
      `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer tk_all_scopes\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n{`,
    );
    await expect.poll(() => app.clock.waiting()).toBeGreaterThan(0);
    app.clock.advance(29_000);
    socket.write('"');
    await new Promise((resolve) => setTimeout(resolve, 20));
    app.clock.advance(1_000);
    await expect.poll(() => text).toContain('HTTP/1.1 408');
    expect(text).toContain('"code":"request_timeout"');
    socket.destroy();
  });

  test('header fields that never end are cut off', async () => {
    const app = await httpApp({ operations: OPERATIONS, listener: { headersMs: 50, requestMs: 100 } });
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
    const app = await httpApp({ operations: OPERATIONS });
    const [fits, over] = await Promise.all([
      app.call('/v1/bytes', { method: 'POST', body: '12345' }),
      app.call('/v1/bytes', { method: 'POST', body: '123456' }),
    ]);
    expect([await fits.json(), over.status]).toStrictEqual([{ size: 5 }, 413]);
  });

  test('a client that waits for 100 Continue is told to go on, or why not, before it sends', async () => {
    const app = await httpApp({ operations: OPERATIONS });
    const ask = (headers: Record<string, string>) =>
      new Promise<{ continued: boolean; status: number | undefined }>((resolve, reject) => {
        let continued = false;
        const req = request(
          `${app.url}/v1/notes`,
          { method: 'POST', headers: { ...JSON_TYPE, expect: '100-continue', ...headers } },
          (res) => {
            res.resume();
            resolve({ continued, status: res.statusCode });
            req.destroy();
          },
        );
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
    const app = await httpApp({ operations: OPERATIONS });
    const status = await new Promise((resolve, reject) => {
      const headers = { ...JSON_TYPE, authorization: 'Bearer tk_all_scopes', expect: 'the-moon' };
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
    const app = await httpApp({ operations: OPERATIONS, limits: { lineBytes: 20 } });
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
