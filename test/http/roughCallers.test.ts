import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { operation, plain } from '../../src/http/operation.ts';
import { ALL_KEY, httpApp, stopHttpApps, type HttpApp, type HttpAppOptions } from '../support/httpApp.ts';
import { forgetNote, Note, readNote, writeNote } from '../support/notes.ts';
import { answerIn, exchange, type Heard } from '../support/rawHttp.ts';
import { echoOf, sizeOf } from '../support/uploads.ts';

afterEach(stopHttpApps);

const echo = echoOf(Note, ({ index, ok }) => ({ index, ok, padding: 'x'.repeat(200) }));
const file = sizeOf('file', '/v1/files', 2_000_000);
const operations = [readNote, writeNote, forgetNote, echo, file];

const open = (options: Partial<HttpAppOptions> = {}): Promise<HttpApp> => httpApp({ operations, ...options });
const KEY = `Authorization: Bearer ${ALL_KEY}\r\n`;
const head = (line: string, ...fields: readonly string[]): string =>
  `${line} HTTP/1.1\r\nHost: x\r\n${KEY}${fields.map((field) => `${field}\r\n`).join('')}\r\n`;
const JSON_TYPE = 'Content-Type: application/json';
const LINES_TYPE = 'Content-Type: application/x-ndjson';
const CHUNKED = 'Transfer-Encoding: chunked';
const SMUGGLED = head('GET /v1/notes/smuggled');

const factsOf = (heard: Heard): readonly unknown[] =>
  typeof heard === 'string' ? [heard] : [heard.status, heard.body.length === 0 ? '' : JSON.parse(heard.body.toString()).code];
const servedIds = (app: HttpApp): readonly string[] => app.served.map(({ operation: id }) => id);

/** A connection that says what it is told to, and keeps what it hears, unless it never reads. */
function caller(
  { listener }: HttpApp,
  { reads = true } = {},
): { socket: Socket; heard: () => Buffer; ended: Promise<void>; isOver: () => boolean } {
  const socket = connect(listener.port, '127.0.0.1');
  socket.on('error', () => undefined);
  let heard = Buffer.alloc(0);
  if (reads) socket.on('data', (piece: Buffer) => (heard = Buffer.concat([heard, piece])));
  let over = false;
  const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  void ended.then(() => (over = true));
  return { socket, heard: () => heard, ended, isOver: () => over };
}
/** Until it is waiting for the rest of a body. */
const waitsForMore = (app: HttpApp): Promise<unknown> => expect.poll(() => app.clock.waiting()).toBeGreaterThan(0);

describe('what could be read as two requests is read as none', () => {
  const body = '{"title":"a"}';
  const shapes: readonly (readonly [string, string])[] = [
    ['length and chunks', `${head('POST /v1/notes', JSON_TYPE, `Content-Length: ${String(body.length)}`, CHUNKED)}0\r\n\r\n${SMUGGLED}`],
    ['chunks and length', `${head('POST /v1/notes', JSON_TYPE, CHUNKED, 'Content-Length: 4')}0\r\n\r\n${SMUGGLED}`],
    ['two lengths', `${head('POST /v1/notes', JSON_TYPE, 'Content-Length: 0', `Content-Length: ${String(SMUGGLED.length)}`)}${SMUGGLED}`],
    ['a list of lengths', `${head('POST /v1/notes', JSON_TYPE, 'Content-Length: 13, 13')}${body}${SMUGGLED}`],
    ['a length with a sign', `${head('POST /v1/notes', JSON_TYPE, 'Content-Length: +13')}${body}${SMUGGLED}`],
    ['a negative length', `${head('POST /v1/notes', JSON_TYPE, 'Content-Length: -1')}${SMUGGLED}`],
    ['a hexadecimal length', `${head('POST /v1/notes', JSON_TYPE, 'Content-Length: 0xd')}${body}${SMUGGLED}`],
    ['a length beyond counting', `${head('POST /v1/notes', JSON_TYPE, 'Content-Length: 99999999999999999999')}${body}`],
    ['a blank before the colon', `${head('POST /v1/notes', JSON_TYPE, 'Content-Length : 13')}${body}${SMUGGLED}`],
    ['chunks that are not the last coding', `${head('POST /v1/notes', JSON_TYPE, 'Transfer-Encoding: chunked, identity')}0\r\n\r\n${SMUGGLED}`],
    ['an unknown coding', `${head('POST /v1/notes', JSON_TYPE, 'Transfer-Encoding: xchunked')}0\r\n\r\n${SMUGGLED}`],
    ['a coding after a control', `${head('POST /v1/notes', JSON_TYPE, 'Transfer-Encoding:\x0bchunked')}0\r\n\r\n${SMUGGLED}`],
    ['a field over two lines', head('POST /v1/notes', JSON_TYPE, 'X-A: b\r\n Transfer-Encoding: chunked', 'Content-Length: 0')],
    ['line feeds alone', `POST /v1/notes HTTP/1.1\nHost: x\nContent-Length: 0\n\n${SMUGGLED}`],
    ['a carriage return alone', head('GET /v1/notes/a', 'X-A: b\rX-B: c')],
    ['U+0000 in a field', head('GET /v1/notes/a', 'X-A: b\0c')],
    ['a name with a blank', head('GET /v1/notes/a', 'X A: b')],
    ['no name', head('GET /v1/notes/a', ': b')],
    ['the length of a chunk with a sign', `${head('POST /v1/notes', JSON_TYPE, CHUNKED)}+d\r\n${body}\r\n0\r\n\r\n${SMUGGLED}`],
    ['the length of a chunk in 0x', `${head('POST /v1/notes', JSON_TYPE, CHUNKED)}0xd\r\n${body}\r\n0\r\n\r\n${SMUGGLED}`],
    ['the length of a chunk beyond counting', `${head('POST /v1/notes', JSON_TYPE, CHUNKED)}fffffffffffffffff\r\n${body}\r\n0\r\n\r\n${SMUGGLED}`],
    ['a chunk longer than it says', `${head('POST /v1/notes', JSON_TYPE, CHUNKED)}2\r\n${body}\r\n0\r\n\r\n${SMUGGLED}`],
    ['a version of its own', SMUGGLED.replace('HTTP/1.1', 'HTTP/9.9')],
    ['HTTP/2 at once', `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${SMUGGLED}`],
    ['blanks in the target', head('GET /v1/notes/a /v1/notes/smuggled')],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ]; // prettier-ignore
  test.each(shapes)('%s', async (_, bytes) => {
    const app = await open();
    const heard = await exchange({ port: app.listener.port, bytes });
    if (typeof heard === 'string') throw new Error(heard);
    expect([...factsOf(heard), heard.rest.toString(), heard.headers.get('connection')]).toStrictEqual([
      400,
      'malformed_request',
      '',
      'close',
    ]);
    const { type, status, requestId } = JSON.parse(heard.body.toString());
    expect([type, status, requestId]).toStrictEqual(['urn:tidings:problem:malformed_request', 400, heard.headers.get('x-request-id')]);
    expect(servedIds(app)).not.toContain('readNote');
  });

  test('what follows a body that is longer than it was said to be is answered behind it', async () => {
    const app = await open();
    const bytes = `${head('POST /v1/notes', JSON_TYPE, `Content-Length: ${String(body.length)}`)}${body}and more`;
    const first = await exchange({ port: app.listener.port, bytes, halfClose: true });
    expect(factsOf(first)).toStrictEqual([201, undefined]);
    await expect.poll(() => servedIds(app)).toStrictEqual(['writeNote']);
  });

  test('garbage behind a request never comes before its answer', async () => {
    const app = await open();
    const { socket, heard, ended } = caller(app);
    socket.write(`${head('GET /v1/notes/first')}\0\0\0 garbage\r\n\r\n`);
    await ended;
    const first = answerIn(heard(), { ended: true, method: 'GET' });
    if (typeof first !== 'object') throw new Error(heard().toString());
    const second = answerIn(first.rest, { ended: true, method: 'GET' });
    expect([JSON.parse(first.body.toString()), factsOf(second ?? 'closed')]).toStrictEqual([{ id: 'first' }, [400, 'malformed_request']]);
  });

  test('a body that goes wrong in the middle of a streamed answer breaks it off, and nothing stands in it', async () => {
    const app = await open();
    const { socket, heard, ended } = caller(app);
    socket.write(`${head('POST /v1/echo', LINES_TYPE, CHUNKED)}8\r\n{"a":1}\n\r\n`);
    await expect.poll(() => heard().toString()).toContain('"index":0');
    socket.write('this is no chunk\r\n');
    await ended;
    expect(
      heard()
        .toString()
        .match(/HTTP\/1\.1/g),
    ).toStrictEqual(['HTTP/1.1']);
    expect(heard().toString().endsWith('0\r\n\r\n')).toBe(false);
  });
});

describe('whoever takes their time', () => {
  test('silence ends a file: 408', async () => {
    const app = await open();
    const { socket, heard, ended } = caller(app);
    socket.write(`${head('POST /v1/files', 'Content-Length: 1000')}abc`);
    await waitsForMore(app);
    app.clock.advance(30_000);
    await expect.poll(() => heard().toString()).toContain('"code":"request_timeout"');
    // Whoever still sends may read the answer first.
    app.clock.advance(2_000);
    await ended;
    expect(heard().toString()).toMatch(/^HTTP\/1\.1 408 /);
  });

  test.each([
    ['before the first of them', ''],
    ['in the middle', '8\r\n{"a":1}\n\r\n'],
  ])('silence instead of lines, %s, breaks the answer off', async (_, sent) => {
    const app = await open();
    const { socket, heard, ended } = caller(app);
    socket.write(`${head('POST /v1/echo', LINES_TYPE, CHUNKED)}${sent}`);
    await expect.poll(() => heard().toString()).toContain(sent === '' ? '\r\n\r\n' : '"index":0');
    await waitsForMore(app);
    app.clock.advance(30_000);
    await ended;
    expect(heard().toString().endsWith('0\r\n\r\n')).toBe(false);
  });

  test.each([
    ['a document', head('POST /v1/notes', JSON_TYPE, CHUNKED), 413],
    ['a file', head('POST /v1/files', CHUNKED), 413],
    ['of a request that takes none', head('GET /v1/notes/a', CHUNKED), 200],
    ['of a request that is answered without one', head('DELETE /v1/notes/a', CHUNKED), 204],
    ['of a request to nowhere', head('POST /v1/nowhere', CHUNKED), 404],
  ])('a body without end, %s: the connection ends', async (_, first, status) => {
    const app = await open();
    const { socket, heard, ended } = caller(app);
    const chunk = `8000\r\n${'x'.repeat(0x8000)}\r\n`;
    socket.write(first);
    const sending = setInterval(() => socket.writableLength < 1_000_000 && socket.write(chunk.repeat(8)), 1);
    try {
      await expect.poll(() => heard().toString()).toMatch(new RegExp(`^HTTP/1\\.1 ${String(status)} `));
      app.clock.advance(2_000);
      expect(await Promise.race([ended.then(() => 'ended'), pause(20_000, 'still open')])).toBe('ended');
    } finally {
      clearInterval(sending);
      socket.destroy();
    }
  });

  test('who never reads the verdicts is not read any further, and cut off', async () => {
    const app = await open({ listener: { silenceMs: 300 } });
    const { socket, isOver } = caller(app, { reads: false });
    socket.pause();
    socket.write(head('POST /v1/echo', LINES_TYPE, CHUNKED));
    const piece = `4000\r\n${'{"a":1}\n'.repeat(0x800)}\r\n`;
    while (!isOver()) {
      if (socket.writableLength < 4_000_000) socket.write(piece);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    // The buffers of both sockets, and no more.
    expect(socket.bytesWritten - socket.writableLength).toBeLessThan(30_000_000);
    await expect.poll(() => servedIds(app)).toStrictEqual(['echo']);
  });

  test('a line without end costs no memory, and the next one is read', async () => {
    const app = await open({ limits: { lineBytes: 1000 } });
    const { socket, heard, ended } = caller(app);
    socket.write(head('POST /v1/echo', LINES_TYPE, 'Connection: close', CHUNKED));
    const piece = `8000\r\n${'x'.repeat(0x8000)}\r\n`;
    for (let sent = 0; sent < 1000; sent += 1) if (!socket.write(piece)) await once(socket, 'drain');
    socket.write('9\r\n\n{"a":1}\n\r\n0\r\n\r\n');
    await ended;
    const answer = answerIn(heard(), { ended: true, method: 'POST' });
    const lines = typeof answer === 'object' ? answer.body.toString().trim().split('\n') : [];
    expect(lines.map((line) => JSON.parse(line).ok)).toStrictEqual([false, true]);
  });
});

test('a path that two operations have allows what both of them take', async () => {
  const bulk = operation({
    ...writeNote,
    ...plain,
    id: 'bulk',
    path: '/v1/notes/bulk',
    body: Note,
    handler: async ({ body }) => ({ status: 201, body }),
  });
  const app = await open({ operations: [...operations, bulk] });
  const answers = await Promise.all(['bulk', 'a'].map((id) => app.call(`/v1/notes/${id}`, { method: 'PUT' })));
  expect(answers.map(({ status, headers }) => [status, headers.get('allow')])).toStrictEqual([
    [405, 'GET, DELETE, POST, HEAD'],
    [405, 'GET, DELETE, HEAD'],
  ]);
});

describe('many requests on one connection', () => {
  test('are answered in their order', async () => {
    const app = await open();
    const { socket, heard } = caller(app);
    const ids = Array.from({ length: 200 }, (_, at) => `n${String(at)}`);
    socket.write(ids.map((id) => head(`GET /v1/notes/${id}`)).join(''));
    await expect
      .poll(
        () =>
          heard()
            .toString()
            .match(/"id":"n\d+"/g)?.length,
      )
      .toBe(200);
    expect(
      heard()
        .toString()
        .match(/(?<="id":")n\d+/g),
    ).toStrictEqual(ids);
    socket.destroy();
  });

  test('whoever sends them without reading is held back, and others are served', async () => {
    const app = await open({ listener: { silenceMs: 2000 } });
    const { socket, isOver } = caller(app, { reads: false });
    socket.pause();
    const many = head('GET /v1/notes/a').repeat(500);
    const statuses = new Set<number | string>();
    while (!isOver()) {
      if (socket.writableLength < 4_000_000) socket.write(many);
      const other = await exchange({ port: app.listener.port, bytes: head('GET /v1/notes/b', 'Connection: close') });
      statuses.add(typeof other === 'string' ? other : other.status);
    }
    expect([...statuses]).toStrictEqual([200]);
    expect(app.served.length).toBeLessThan(100_000);
  });
});
