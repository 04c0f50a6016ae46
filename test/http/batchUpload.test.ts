import { expect, test } from 'vitest';
import { batchOfJson, batchOfLines } from '../../src/http/batchUpload.ts';
import type { BatchChecks, BatchStream } from '../../src/http/batchUpload.ts';
import { readLines } from '../../src/http/lines.ts';
import { isRefusal } from '../../src/http/problems.ts';
import type { Refusal } from '../../src/http/problems.ts';
import { MessageRequest, Recipient } from '../../src/http/schemas/notification.ts';
import { createChecks } from '../../src/http/validation.ts';

const checks = createChecks();
const schemas: BatchChecks = { message: checks.body(MessageRequest), recipient: checks.body(Recipient) };
const MESSAGE = '{"type":"a","content":{"sms":{"text":"Hi"}}}';

async function linesOf(text: string) {
  async function* pieces() {
    // Cut at every third byte: a line, and a letter, may come in several pieces.
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += 3) yield bytes.subarray(at, at + 3);
  }
  return batchOfLines(readLines(pieces(), { lineBytes: 1000, groupOf: 2 }), schemas);
}
const collected = async (stream: BatchStream) => {
  const all = [];
  for await (const group of stream.lines) all.push(...group);
  return all;
};
const opened = (it: BatchStream | Refusal): BatchStream => {
  if (isRefusal(it)) throw new Error('refused');
  return it;
};

test('the first line is the message, each further one a recipient with the text it came as', async () => {
  const stream = opened(await linesOf(`${MESSAGE}\n"ana"\n\n{"email":"bö@example.com"}`));
  expect(stream.message).toStrictEqual({ type: 'a', content: { sms: { text: 'Hi' } } });
  expect(stream.written).toStrictEqual({ sms: { text: 'Hi' } });
  expect(await collected(stream)).toStrictEqual([
    { raw: '"ana"', recipient: { recipientId: 'ana' } },
    { raw: '{"email":"bö@example.com"}', recipient: { email: 'bö@example.com' } },
  ]);
});

test('a line that is wrong is refused alone, and its refusal repeats nothing of it', async () => {
  const wrong = '{"email":5,"ana@example.com":1,"variables":{"":"bo@example.com"}}';
  const lines = await collected(opened(await linesOf(`${MESSAGE}\n${wrong}\nnonsense bo@example.com\n"cy"\n`)));
  expect(lines.map((line) => ('refusal' in line ? line.refusal.code : 'recipient'))).toStrictEqual([
    'validation_failed',
    'malformed_json',
    'recipient',
  ]);
  const details = lines.flatMap((line) => ('refusal' in line ? [line.refusal.detail] : []));
  expect(details[0]).toBe('/… is not a known member; /email must be string; /variables/… is no valid name');
  expect(details.join(' ')).not.toContain('example.com');
});

test.each([
  ['nothing', '', 'malformed_json'],
  ['no JSON', 'hello\n', 'malformed_json'],
  ['no message', '{"recipients":["ana"]}\n"ana"\n', 'validation_failed'],
])('an upload that starts with %s is refused as a whole', async (_, text, code) => {
  expect(await linesOf(text)).toMatchObject({ rejected: code });
});

test('JSON gives the same as lines', async () => {
  const stream = opened(batchOfJson({ type: 'a', content: { sms: { text: 'Hi' } }, recipients: ['ana', { name: 'nobody' }] }, schemas));
  const lines = await collected(stream);
  expect(lines[0]).toStrictEqual({ raw: '"ana"', recipient: { recipientId: 'ana' } });
  expect(lines[1]).toMatchObject({ raw: '{"name":"nobody"}', refusal: { code: 'validation_failed' } });
});
