import { Readable } from 'node:stream';
import type { Request, Response } from 'express';
import { expect, test } from 'vitest';
import { sourceOf, WIRE } from '../../src/http/wire.ts';
import { manualClock } from '../support/manualClock.ts';

const nothing = null as unknown as Response;

const sending = (pieces: readonly string[], headers: Request['headers']) =>
  sourceOf(
    Object.assign(Readable.from(pieces.map((it) => Buffer.from(it))), { headers }) as unknown as Request,
    nothing,
    WIRE,
    manualClock(),
  );

test('a body that grows beyond its limit is refused, though its length was never announced', async () => {
  expect(Buffer.from(await sending(['12345', '67890'], {}).bytes(10)).toString()).toBe('1234567890');
  await expect(sending(['12345', '67890', '1'], {}).bytes(10)).rejects.toMatchObject({ refusal: { rejected: 'body_too_large' } });
});

test('one that announces too much is refused before it is read', async () => {
  await expect(async () => sending([], { 'content-length': '11' }).bytes(10)).rejects.toMatchObject({
    refusal: { rejected: 'body_too_large' },
  });
});

/** An upload that brings so many bytes every so many seconds, for two minutes of them: how many seconds it lasted, and how it ended. */
async function upload(bytes: number, everySeconds: number, first = 0): Promise<readonly [number, string]> {
  const clock = manualClock();
  const req = new Readable({ read: () => undefined });
  const source = sourceOf(Object.assign(req, { headers: {} }) as unknown as Request, nothing, WIRE, clock);
  let [pieces, end] = [0, ''];
  const reading = (async () => {
    for await (const lines of source.lines()) pieces += lines.length;
  })().then(
    () => (end = 'whole'),
    (error: unknown) => (end = (error as { refusal: { rejected: string } }).refusal.rejected),
  );
  const send = async (size: number) => {
    const before = pieces;
    req.push(`"${'x'.repeat(size - 3)}"\n`);
    while (end === '' && (pieces === before || clock.waiting() === 0)) await new Promise(setImmediate);
  };
  if (first > 0) await send(first);
  let seconds = 0;
  for (; seconds < 120 && end === ''; seconds += everySeconds) {
    clock.advance(everySeconds * 1000);
    await new Promise(setImmediate);
    if (end === '') await send(bytes);
  }
  if (end === '') req.push(null);
  await reading;
  return [seconds, end];
}

test('an upload that trickles is ended, however often it brings something and however much it brought at first', async () => {
  expect(await upload(500, 1)).toStrictEqual([119, 'request_timeout']);
  expect(await upload(10, 10)).toStrictEqual([70, 'request_timeout']);
  expect(await upload(10, 10, 900_000)).toStrictEqual([70, 'request_timeout']);
});

test('one that brings enough, in whatever pieces, may go on', async () => {
  expect(await upload(1000, 1)).toStrictEqual([120, 'whole']);
  expect(await upload(25_000, 25)).toStrictEqual([125, 'whole']);
});

test('one that falls silent is ended, however much it has brought', async () => {
  expect(await upload(900_000, 30)).toStrictEqual([30, 'request_timeout']);
});
