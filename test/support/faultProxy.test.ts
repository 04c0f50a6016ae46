import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startFaultProxy } from './faultProxy.ts';
import type { FaultProxy } from './faultProxy.ts';

/** What the server was sent, in all. It sends everything back. */
let received = '';
let server: Server;
let proxy: FaultProxy;

beforeEach(async () => {
  received = '';
  server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      received += chunk.toString();
      socket.write(chunk);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  proxy = await startFaultProxy({ port: typeof address === 'object' && address !== null ? address.port : 0 });
});
afterEach(async () => {
  await proxy.close();
  await new Promise((resolve) => server.close(resolve));
});

type Caller = { readonly socket: Socket; readonly heard: () => string; readonly ended: Promise<string> };
const call = (): Caller => {
  const socket = connect({ host: proxy.host, port: proxy.port });
  let heard = '';
  socket.on('data', (chunk) => (heard += chunk.toString()));
  const ended = new Promise<string>((resolve) => {
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
    socket.on('close', () => resolve('closed'));
  });
  return { socket, heard: () => heard, ended };
};

test('it passes on what is said, and that a side has finished', async () => {
  const caller = call();
  caller.socket.end('hello');
  expect(await caller.ended).toBe('closed');
  expect([received, caller.heard(), proxy.accepted()]).toStrictEqual(['hello', 'hello', 1]);
  await expect.poll(proxy.open).toBe(0);
});

test('a cut resets what is open and lets new connections in', async () => {
  const caller = call();
  caller.socket.write('a');
  await expect.poll(caller.heard).toBe('a');
  proxy.cut();
  expect(await caller.ended).toBe('ECONNRESET');
  const next = call();
  next.socket.write('b');
  await expect.poll(next.heard).toBe('b');
});

test('a lost request never arrives, a lost reply was heard by the server; either takes the connection with it', async () => {
  const request = proxy.cutAtNext('request');
  const one = call();
  one.socket.write('one');
  await request;
  expect([await one.ended, received]).toStrictEqual(['ECONNRESET', '']);
  const reply = proxy.cutAtNext('reply');
  const two = call();
  two.socket.write('two');
  await reply;
  expect([await two.ended, received, two.heard()]).toStrictEqual(['ECONNRESET', 'two', '']);
});

test('a lost answer is that to what was named; others are answered', async () => {
  const [asking, other] = [call(), call()];
  const lost = proxy.loseAnswerTo('append');
  other.socket.write('read');
  await expect.poll(other.heard).toBe('read');
  asking.socket.write('append 1');
  await lost;
  expect([await asking.ended, asking.heard()]).toStrictEqual(['ECONNRESET', '']);
  expect(received).toContain('append 1');
  other.socket.end('more');
  expect([await other.ended, other.heard()]).toStrictEqual(['closed', 'readmore']);
});

test('in a black hole connections stay up and nothing arrives, until it heals', async () => {
  const caller = call();
  caller.socket.write('a');
  await expect.poll(caller.heard).toBe('a');
  proxy.blackhole();
  await new Promise<void>((resolve) => caller.socket.write('lost', () => resolve()));
  await new Promise(setImmediate);
  expect(proxy.open()).toBe(1);
  const other = call();
  await expect.poll(proxy.open).toBe(2);
  proxy.heal();
  other.socket.write('b');
  await expect.poll(other.heard).toBe('b');
  expect(received).not.toContain('lost');
});

test('what is delayed or trickles arrives whole and in order', async () => {
  proxy.delay(2);
  const slow = call();
  for (const word of ['one ', 'two ', 'three']) slow.socket.write(word);
  await expect.poll(slow.heard).toBe('one two three');
  proxy.trickle(2, 1);
  const thin = call();
  thin.socket.write('0123456789');
  await expect.poll(thin.heard).toBe('0123456789');
});

test('when it refuses, connections are reset at once', async () => {
  proxy.refuse();
  expect(await call().ended).toBe('ECONNRESET');
  proxy.heal();
  const caller = call();
  caller.socket.write('a');
  await expect.poll(caller.heard).toBe('a');
});
