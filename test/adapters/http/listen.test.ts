import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { listen, LISTENER } from '../../../src/adapters/http/listen.ts';

test('garbage behind a request that is still being answered is refused once, in however many pieces it comes', async () => {
  const asked: ServerResponse[] = [];
  const listener = await listen((_req, res) => void asked.push(res), { ...LISTENER, host: '127.0.0.1', port: 0 });
  const socket = connect(listener.port, '127.0.0.1');
  try {
    let heard = '';
    socket.setEncoding('utf8').on('data', (text: string) => (heard += text));
    const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    const head = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
    socket.write(head);
    await expect.poll(() => asked.length).toBe(1);
    const [res] = asked;
    const before = res?.listenerCount('close') ?? 0;
    for (let sent = 1; sent <= 12; sent += 1) {
      socket.write('garbage\0');
      await expect.poll(() => res?.socket?.bytesRead, { interval: 2 }).toBe(head.length + sent * 8);
    }
    expect((res?.listenerCount('close') ?? 0) - before).toBe(1);
    res?.end('answer');
    await ended;
    expect(heard.match(/HTTP\/1\.1 \d+/g)).toStrictEqual(['HTTP/1.1 200', 'HTTP/1.1 400']);
  } finally {
    socket.destroy();
    await listener.drain(500);
  }
});

test.each([
  ['no HTTP', 'GARBAGE\r\n\r\n', 400, 'Send a request as HTTP/1.1 has it (RFC 9112).'],
  [
    'header fields without end',
    `GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}`,
    431,
    'Send fewer or shorter header fields, and a shorter path.',
  ],
  ['header fields that stop coming', 'GET / HTTP/1.1\r\n', 408, 'Send the request again, without long breaks.'],
])('%s is a problem that says what to do next', async (_, text, status, detail) => {
  const listener = await listen((_req, res) => void res.end(), {
    ...LISTENER,
    ...(status === 408 && { headersMs: 20 }),
    host: '127.0.0.1',
    port: 0,
  });
  const socket = connect(listener.port, '127.0.0.1');
  try {
    let heard = '';
    socket.setEncoding('utf8').on('data', (piece: string) => (heard += piece));
    const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.write(text);
    await ended;
    const [head = '', body = ''] = heard.split('\r\n\r\n');
    const problem = JSON.parse(body);
    expect([head.split(' ')[1], problem.status, problem.detail]).toStrictEqual([String(status), status, detail]);
    expect(head).toContain(`X-Request-Id: ${String(problem.requestId)}`);
  } finally {
    socket.destroy();
    await listener.drain(500);
  }
});
