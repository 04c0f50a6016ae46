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
