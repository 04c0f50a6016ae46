import { Readable } from 'node:stream';
import type { Request, Response } from 'express';
import { expect, test } from 'vitest';
import { sourceOf, WIRE } from '../../src/http/wire.ts';
import { manualClock } from '../support/manualClock.ts';

const sending = (pieces: readonly string[], headers: Request['headers']) =>
  sourceOf(
    Object.assign(Readable.from(pieces.map((it) => Buffer.from(it))), { headers }) as unknown as Request,
    null as unknown as Response,
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
