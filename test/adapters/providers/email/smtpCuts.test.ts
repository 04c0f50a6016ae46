import { describe, expect, test } from 'vitest';
import type { SmtpOptions } from '../../../../src/adapters/providers/email/smtpUrl.ts';
import type { SendResult } from '../../../../src/processes/dispatch/provider.ts';
import type { Script, Step } from '../../../support/smtpServers.ts';
import { many, outgoing, scripted, sender } from './smtpCases.ts';

const GROUP = ['PIPELINING', 'SIZE 50000000', '8BITMIME'];
const WAYS: readonly [string, readonly string[], Partial<SmtpOptions>][] = [
  ['pipelining', GROUP, {}],
  ['one command at a time', ['SIZE 50000000'], {}],
];
const lost: SendResult = { outcome: 'refused', kind: 'transient', code: 'connection_lost' };
const unknown: SendResult = { outcome: 'unknown', code: 'connection_lost' };
const accepted = (n: number): SendResult => ({
  outcome: 'accepted',
  providerMessageId: `<0193b0a0-0000-7000-8000-000000000001_${n}.1@example.com>`,
});
const code = (result: SendResult | undefined) =>
  result?.outcome === 'refused'
    ? { outcome: result.outcome, kind: result.kind, code: result.code }
    : result?.outcome === 'unknown'
      ? { outcome: result.outcome, code: result.code }
      : result;

const at = (wanted: Step, how: string, times = Infinity): NonNullable<Script['on']> => {
  let done = 0;
  return (step) => (step === wanted && ++done <= times ? how : undefined);
};

describe.each(WAYS)('a connection that is cut, %s', (_name, capabilities, options) => {
  test.each<[Step, string, SendResult]>([
    ['greeting', 'cut', lost],
    ['greeting', 'reset', lost],
    ['ehlo', 'cut', lost],
    ['ehlo', 'reset', lost],
    ['mail', 'cut', lost],
    ['mail', 'reset', lost],
    ['rcpt', 'cut', lost],
    ['rcpt', 'reset', lost],
    ['data', 'cut', lost],
    ['data', 'reset', lost],
    ['body', 'cut', unknown],
    ['body', 'reset', unknown],
  ])('at %s by %s, every time', async (step, how, expected) => {
    const server = await scripted({ capabilities, on: at(step, how) });
    const [result] = await sender(server.port, options).send([outgoing(1)]);
    expect(code(result)).toStrictEqual(expected);
    expect(server.received).toStrictEqual([]);
  });

  test.each<Step>(['mail', 'rcpt', 'data'])('once at %s loses nothing: another connection carries it', async (step) => {
    const server = await scripted({ capabilities, on: at(step, 'cut', 1) });
    expect(await sender(server.port, options).send(many(5))).toStrictEqual([0, 1, 2, 3, 4].map(accepted));
    expect(server.received.map(({ to }) => to)).toStrictEqual([0, 1, 2, 3, 4].map((n) => `to${n}@example.org`));
    expect(server.connections()).toBe(2);
  });

  test('once behind the data leaves one unknown and loses no other', async () => {
    const server = await scripted({ capabilities, on: (step, { count }) => (step === 'body' && count === 3 ? 'cut' : undefined) });
    expect((await sender(server.port, options).send(many(5))).map(code)).toStrictEqual([
      accepted(0),
      accepted(1),
      unknown,
      accepted(3),
      accepted(4),
    ]);
  });

  test('in the middle of a reply is no reply', async () => {
    const server = await scripted({ capabilities, on: (step) => (step === 'body' ? '250-almost\r\n421' : undefined) });
    const [result] = await sender(server.port, options).send([outgoing(1)]);
    expect(result?.outcome).not.toBe('accepted');
  });

  test('in the middle of large data is a definite no: its end had not left', async () => {
    const server = await scripted({ capabilities, cutDataAt: 20_000 });
    const large = outgoing(1, { text: 'x'.repeat(70).concat('\n').repeat(60_000) });
    const [result] = await sender(server.port, options).send([large]);
    expect(code(result)).toStrictEqual(lost);
  });

  test('idle between two calls costs nothing', async () => {
    const server = await scripted({ capabilities });
    const provider = sender(server.port, { ...options, idleMs: 50 });
    await provider.send([outgoing(1)]);
    await expect.poll(() => server.lines.at(-1)).toBe('QUIT');
    expect(await provider.send([outgoing(2)])).toStrictEqual([accepted(2)]);
    expect(server.connections()).toBe(2);
  });
});

describe.each(WAYS)('a server that hangs, %s', (_name, capabilities, options) => {
  test.each<[Step, SendResult]>([
    ['greeting', { outcome: 'refused', kind: 'transient', code: 'connect_timeout' }],
    ['ehlo', { outcome: 'refused', kind: 'transient', code: 'connect_timeout' }],
    ['mail', { outcome: 'refused', kind: 'transient', code: 'timeout' }],
    ['rcpt', { outcome: 'refused', kind: 'transient', code: 'timeout' }],
    ['data', { outcome: 'refused', kind: 'transient', code: 'timeout' }],
    ['body', { outcome: 'unknown', code: 'timeout' }],
  ])('at %s', async (step, expected) => {
    const server = await scripted({ capabilities, on: at(step, 'hang') });
    const isEarly = step === 'greeting' || step === 'ehlo';
    const limits = isEarly ? { connectMs: 100, deadlineMs: 10_000 } : { deadlineMs: 700 };
    const [result] = await sender(server.port, { ...options, ...limits }).send([outgoing(1)]);
    expect(code(result)).toStrictEqual(expected);
  });

  test('in the middle of large data has not taken it', async () => {
    const server = await scripted({ capabilities, stallDataAt: 20_000 });
    // more than the buffers of both systems hold
    const large = outgoing(1, { text: 'x'.repeat(70).concat('\n').repeat(280_000) });
    const [result] = await sender(server.port, { ...options, deadlineMs: 500 }).send([large]);
    expect(code(result)).toStrictEqual({ outcome: 'refused', kind: 'transient', code: 'timeout' });
  });

  test('with one message answers for those behind it, and none of them is sent later', async () => {
    const server = await scripted({ capabilities, on: (step, { count }) => (step === 'body' && count === 2 ? 'hang' : undefined) });
    const results = await sender(server.port, { ...options, deadlineMs: 1_000 }).send(many(4));
    expect(results.map(code)).toStrictEqual([
      accepted(0),
      { outcome: 'unknown', code: 'timeout' },
      { outcome: 'refused', kind: 'transient', code: 'timeout' },
      { outcome: 'refused', kind: 'transient', code: 'timeout' },
    ]);
    expect(server.received.map(({ to }) => to)).toStrictEqual(['to0@example.org']);
  });
});

describe.each(WAYS)('a server that says 421, %s', (_name, capabilities, options) => {
  test.each<Step>(['mail', 'rcpt', 'data'])('once at %s is asked again on another connection', async (step) => {
    const server = await scripted({
      capabilities,
      on: (at_, { count }) => (at_ === step && count === 3 ? '421 4.3.2 closing' : undefined),
    });
    expect(await sender(server.port, options).send(many(5))).toStrictEqual([0, 1, 2, 3, 4].map(accepted));
    expect(server.received).toHaveLength(5);
  });

  test('to the data refuses that message and sends the rest elsewhere', async () => {
    const server = await scripted({
      capabilities,
      on: (step, { count }) => (step === 'body' && count === 2 ? '421 4.3.2 closing' : undefined),
    });
    const results = await sender(server.port, options).send(many(4));
    expect(results.map(code)).toStrictEqual([
      accepted(0),
      { outcome: 'refused', kind: 'transient', code: 'service_unavailable' },
      accepted(2),
      accepted(3),
    ]);
  });

  test('as its greeting refuses everything for now', async () => {
    const server = await scripted({ capabilities, on: at('greeting', '421 4.7.0 too many connections, try again in 2 minutes') });
    expect(await sender(server.port, options).send(many(2))).toStrictEqual(
      [0, 1].map(() => ({
        outcome: 'refused',
        kind: 'throttled',
        code: 'rate_limited',
        retryAfterMs: 120_000,
        detail: '421 4.7.0 too many connections, try again in 2 minutes',
      })),
    );
    expect(server.connections()).toBe(1);
  });
});

test('an answer that came while the process was held up past its deadline is heard', async () => {
  const deadlineMs = 1_000;
  const heldUp = (): undefined => {
    for (const until = performance.now() + deadlineMs + 200; performance.now() < until;);
  };
  // The server lives in this process: it answers before anybody's timers run again.
  const server = await scripted({ capabilities: GROUP, on: (step) => (step === 'body' ? heldUp() : undefined) });
  const [result] = await sender(server.port, { deadlineMs }).send([outgoing(1)]);
  expect(result).toStrictEqual(accepted(1));
});
