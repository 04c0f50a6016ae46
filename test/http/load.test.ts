import { Agent, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { trusted } from '../../src/domain/values/ids.ts';
import { grant, httpApp, stopHttpApps } from '../support/httpApp.ts';
import { JSON_TYPE, OPERATIONS, post } from '../support/notes.ts';

afterEach(stopHttpApps);

describe('load', () => {
  test('past a limit a command is refused before its body is read; a read goes on', async () => {
    const app = await httpApp({ operations: OPERATIONS });
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
    const app = await httpApp({ operations: OPERATIONS });
    app.load.bytesWaiting = 1e9;
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const refused = (bytes: number): Promise<unknown> =>
      new Promise((resolve, reject) => {
        const headers = { ...JSON_TYPE, authorization: 'Bearer tk_all_scopes', 'content-length': bytes };
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
    const app = await httpApp({ operations: OPERATIONS, admission: { requests: 1 } });
    for (let round = 0; round < 3; round += 1) expect((await app.call('/v1/notes/1')).status).toBe(200);
  });

  test('whoever sends slowly on all places for uploads that it gets locks out no other tenant', async () => {
    const app = await httpApp({ operations: OPERATIONS, admission: { uploads: 4 } });
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
    const app = await httpApp({ operations: OPERATIONS, admission: { uploads: 1 } });
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
    const app = await httpApp({ operations: OPERATIONS, admission: { fewCommands: 2 } });
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
    const app = await httpApp({ operations: OPERATIONS });
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
