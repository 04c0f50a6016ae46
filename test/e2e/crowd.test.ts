import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import { memoryOf } from '../support/processUse.ts';
import { message, serviceForSuite } from '../support/service.ts';

const tidings = serviceForSuite();
const sockets: Socket[] = [];
afterAll(() => {
  for (const socket of sockets) socket.destroy();
});

/** A connection on which all of this is said, as far as it is read; `reads`: whether anything is taken back. */
async function opened(said: string, reads = true): Promise<Socket> {
  const socket = connect(Number(new URL(tidings.url).port), '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => undefined);
  if (reads) socket.resume();
  await new Promise((resolve) => socket.once('connect', resolve));
  socket.write(said);
  return socket;
}
const memoryMiB = (): number => memoryOf(tidings.program().pid, 'VmRSS') / 2 ** 20;

const head = (line: string, ...fields: readonly string[]): string =>
  `${line} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${tidings.key}\r\n${fields.map((field) => `${field}\r\n`).join('')}`;
const CHUNKED = 'Transfer-Encoding: chunked';

/** 8 kB at a time, for as long as they are taken and the connection is there. */
async function pour(socket: Socket, piece: string, isOver: () => boolean): Promise<void> {
  const chunk = `${piece.length.toString(16)}\r\n${piece}\r\n`;
  while (!isOver() && !socket.destroyed) {
    if (socket.writableLength < 200_000) socket.write(chunk);
    await pause(5);
  }
}

test(
  'a thousand who say nothing, and a hundred who never come to an end, keep nobody else waiting and cost little memory',
  {
    timeout: 400_000,
  },
  async () => {
    const { id } = await tidings.send(message(['before']));
    await tidings.settled(id);
    const before = memoryMiB();

    const silent: Socket[] = [];
    for (let tens = 0; tens < 100; tens += 1) silent.push(...(await Promise.all(Array.from({ length: 10 }, () => opened('')))));
    // Header fields that do not end.
    silent.push(...(await Promise.all(Array.from({ length: 40 }, () => opened(head('GET /v1/notifications', 'X-A: b'))))));
    // Bodies of which nothing more comes: a document, lines, a file.
    const started = [
    ...Array.from({ length: 20 }, () => `${head('POST /v1/notifications', 'Content-Type: application/json', 'Content-Length: 900000')}\r\n{"type":`),
    ...Array.from({ length: 10 }, () => `${head('POST /v1/attachments?filename=a', 'Content-Length: 20000000')}\r\nabc`),
  ]; // prettier-ignore
    await Promise.all(started.map((said) => opened(said)));
    let over = false;
    const isOver = (): boolean => over;
    const line = `${JSON.stringify({ type: 'wrong' })}\n`.repeat(400);
    const lines = head('POST /v1/notifications/bulk', 'Content-Type: application/x-ndjson', CHUNKED);
    const pouring = await Promise.all([
      // Lines without end whose verdicts nobody reads, and one line without end.
      ...Array.from({ length: 5 }, async () => pourInto(await opened(`${lines}\r\n`, false), line, isOver)),
      ...Array.from({ length: 5 }, async () => pourInto(await opened(`${lines}\r\n`), 'x'.repeat(8_000), isOver)),
      // A document without end, again and again.
      ...Array.from({ length: 10 }, async () =>
        pourInto(
          await opened(`${head('POST /v1/notifications', 'Content-Type: application/json', CHUNKED)}\r\n`),
          'x'.repeat(8_000),
          isOver,
        ),
      ),
    ]);

    const seen: number[] = [];
    for (let nth = 0; nth < 40; nth += 1) {
      const posted = await tidings.post('/v1/notifications', message([`honest-${String(nth)}`]));
      const list = await tidings.get('/v1/notifications?limit=1');
      expect([posted, list].map(({ status, body }) => [status, body.code])).toStrictEqual([
        [202, undefined],
        [200, undefined],
      ]);
      seen.push(memoryMiB());
      await pause(50);
    }
    expect(Math.max(...seen) - before).toBeLessThan(250);
    over = true;
    await Promise.all(pouring.map(({ done }) => done));

    // Who said nothing, or has no end of header fields, is sent away: after 10 s, looked for every 5. What ends the others has tests of its own.
    await expect.poll(() => silent.filter(({ closed }) => !closed).length, { timeout: 120_000, interval: 500 }).toBe(0);
    const last = await tidings.send(message(['after']));
    await tidings.settled(last.id);
  },
);

/** Not awaited where it begins: it goes on beside the others. */
const pourInto = (socket: Socket, piece: string, isOver: () => boolean): { readonly done: Promise<void> } => ({
  done: pour(socket, piece, isOver),
});
