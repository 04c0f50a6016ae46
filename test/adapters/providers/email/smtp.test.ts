import fc from 'fast-check';
import { simpleParser } from 'mailparser';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { SMTPServerOptions } from 'smtp-server';
import type { SmtpOptions } from '../../../../src/adapters/providers/email/smtpUrl.ts';
import { smtpProvider } from '../../../../src/adapters/providers/email/smtp.ts';
import type { SendResult } from '../../../../src/processes/dispatch/provider.ts';
import { authority } from '../../../support/certificates.ts';
import { realSmtp, scriptedSmtp } from '../../../support/smtpServers.ts';
import { CLOCK, many, optionsFor, outgoing, scripted, sender } from './smtpCases.ts';

const accepted = (n: number): SendResult => ({
  outcome: 'accepted',
  providerMessageId: `<0193b0a0-0000-7000-8000-000000000001_${n}.1@example.com>`,
});
const refused = (result: SendResult | undefined) => (result?.outcome === 'refused' ? `${result.kind} ${result.code}` : result?.outcome);
async function real(options: SMTPServerOptions = {}) {
  const server = await realSmtp(options);
  onTestFinished(() => server.close());
  return server;
}

describe('mail by SMTP', () => {
  test('arrives as it was composed, in order on one connection', async () => {
    const server = await real();
    const messages = many(40);
    expect(await sender(server.port).send(messages)).toStrictEqual(messages.map((_, n) => accepted(n)));
    expect(server.received.map(({ from, to }) => [from, to])).toStrictEqual(
      messages.map((_, n) => ['news@example.com', `to${n}@example.org`]),
    );
    const mail = await simpleParser(Buffer.from(server.received[7]?.raw ?? '', 'latin1'));
    expect({ subject: mail.subject, text: mail.text, messageId: mail.messageId }).toStrictEqual({
      subject: 'Hello 7',
      text: 'Mail 7\n',
      messageId: '<0193b0a0-0000-7000-8000-000000000001_7.1@example.com>',
    });
  });

  test('goes over several connections at once and comes back in order', async () => {
    const server = await scripted();
    const results = await sender(server.port, { connections: 4 }).send(many(64));
    expect(results).toStrictEqual(Array.from({ length: 64 }, (_, n) => accepted(n)));
    expect(server.connections()).toBe(4);
    expect(server.received.map(({ to }) => to).sort()).toStrictEqual(
      many(64)
        .map((_, n) => `to${n}@example.org`)
        .sort(),
    );
  });

  test('says the next envelope together with the data before, where PIPELINING is offered', async () => {
    const server = await scripted();
    await sender(server.port).send(many(2));
    expect(server.lines.slice(1)).toStrictEqual([
      'MAIL FROM:<news@example.com> SIZE=281',
      'RCPT TO:<to0@example.org>',
      'DATA',
      'MAIL FROM:<news@example.com> SIZE=281',
      'RCPT TO:<to1@example.org>',
      'DATA',
    ]);
  });

  test('waits for each answer where it is not offered, or not wanted', async () => {
    for (const [capabilities, options] of [
      [['8BITMIME'], {}],
      [['PIPELINING'], { pipelining: false }],
    ] as const) {
      const said: string[] = [];
      const server = await scripted({
        capabilities,
        on: (step) => {
          said.push(step);
          return undefined;
        },
      });
      await sender(server.port, options).send(many(2));
      expect(said).toStrictEqual(['greeting', 'ehlo', 'mail', 'rcpt', 'data', 'body', 'mail', 'rcpt', 'data', 'body']);
    }
  });

  test('goes in chunks with CHUNKING, a refusal in the middle taking no other with it', async () => {
    const server = await scripted({
      capabilities: ['PIPELINING', 'CHUNKING', 'SIZE 100000'],
      on: (step, { count }) => (step === 'rcpt' && count === 3 ? '550 5.1.1 nobody' : undefined),
    });
    const results = await sender(server.port, { chunking: true }).send(many(20));
    expect(results.map(refused)).toStrictEqual(many(20).map((_, n) => (n === 2 ? 'permanent mailbox_not_found' : 'accepted')));
    expect(server.received).toHaveLength(19);
    expect(server.lines).not.toContain('DATA');
  });

  test('cut in chunks is unknown for all that was under way', async () => {
    const server = await scripted({
      capabilities: ['PIPELINING', 'CHUNKING'],
      on: (step, { count }) => (step === 'bdat' && count === 3 ? 'cut' : undefined),
    });
    const results = await sender(server.port, { chunking: true, pipeline: 4 }).send(many(4));
    expect(results.map(refused)).toStrictEqual(['accepted', 'accepted', 'unknown', 'unknown']);
  });

  test('begins with RSET after a refusal, and the refusal concerns one recipient only', async () => {
    for (const capabilities of [['PIPELINING'], ['8BITMIME']]) {
      const server = await scripted({ capabilities, on: (_step, { line }) => (line.includes('to1@') ? '550 5.1.1 nobody' : undefined) });
      const results = await sender(server.port).send(many(3));
      expect(results.map(refused)).toStrictEqual(['accepted', 'permanent mailbox_not_found', 'accepted']);
      expect(server.lines.filter((line) => line === 'RSET')).toHaveLength(1);
      expect(server.connections()).toBe(1);
    }
  });

  test('hangs up on a server that wants data for nobody', async () => {
    const server = await scripted({
      careless: true,
      on: (step, { count }) => (step === 'rcpt' && count === 1 ? '550 5.1.1 nobody' : undefined),
    });
    const results = await sender(server.port, { deadlineMs: 2_000 }).send(many(2));
    expect(results.map(refused)).toStrictEqual(['permanent mailbox_not_found', 'accepted']);
    expect(server.received.map(({ to }) => to)).toStrictEqual(['to1@example.org']);
    expect(server.connections()).toBe(2);
  });

  test('doubles leading dots and breaks lines with CRLF alone, whatever it holds', async () => {
    const server = await real();
    const provider = sender(server.port);
    const line = fc.constantFrom(
      '.',
      '..',
      '.\r\n',
      '\n.\n',
      '\r.\r',
      '\r\n.\r\n',
      'MAIL FROM:<x@example.com>\r\n',
      'text',
      '\r',
      '\n',
      '',
      'é',
      '\r\n\r\n',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 12 }), async (lines) => {
        const text = lines.join('');
        const before = server.received.length;
        const [result] = await provider.send([outgoing(1, { text })]);
        expect(result?.outcome).toBe('accepted');
        expect(server.received).toHaveLength(before + 1);
        const raw = server.received.at(-1)?.raw ?? '';
        expect(raw.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
        const parsed = await simpleParser(Buffer.from(raw, 'latin1'));
        expect((parsed.text ?? '').replace(/\n$/, '')).toBe(text.replace(/\r\n|\r/g, '\n').replace(/\n$/, ''));
      }),
      { numRuns: 100 },
    );
  });

  test('is not ended by a line that is a dot alone', async () => {
    const server = await real();
    const text = 'before\n.\nbehind\n..\nend\n';
    expect((await sender(server.port, { deadlineMs: 2_000 }).send([outgoing(1, { text })])).map(refused)).toStrictEqual(['accepted']);
    const mails = await Promise.all(server.received.map(({ raw }) => simpleParser(Buffer.from(raw, 'latin1'))));
    expect(mails.map((mail) => mail.text)).toStrictEqual([text]);
  });

  test('of another channel or with a forged header is refused for good, the rest goes', async () => {
    const server = await scripted();
    const sms = { ...outgoing(1), message: { channel: 'sms', to: '+4366412345', text: 'x' } as const };
    const results = await sender(server.port).send([
      outgoing(0),
      sms,
      outgoing(2, { subject: 'a\r\nBcc: x@example.com' }),
      outgoing(3, { to: 'x' }),
      outgoing(4),
    ]);
    expect(results.map(refused)).toStrictEqual([
      'accepted',
      'permanent unsupported_channel',
      'permanent invalid_header',
      'permanent invalid_address',
      'accepted',
    ]);
  });

  test('that is too large is refused before it is sent, and by the server', async () => {
    const big = outgoing(1, { text: 'x'.repeat(500) });
    const told = await scripted({ capabilities: ['SIZE 600', 'PIPELINING'] });
    expect((await sender(told.port).send([big, outgoing(2)])).map(refused)).toStrictEqual(['permanent message_too_large', 'accepted']);
    expect(told.lines.filter((line) => line.startsWith('MAIL'))).toHaveLength(1);
    const silent = await real({ size: 600, hideSize: true });
    expect((await sender(silent.port).send([big, outgoing(2)])).map(refused)).toStrictEqual(['permanent message_too_large', 'accepted']);
  });

  test('to an international address takes SMTPUTF8', async () => {
    const server = await scripted();
    const josé = outgoing(1, { to: 'josé@example.org' });
    expect((await sender(server.port).send([josé])).map(refused)).toStrictEqual(['accepted']);
    expect(server.received[0]?.to).toBe('josé@example.org');
    expect(server.lines[1]).toMatch(/ BODY=8BITMIME SMTPUTF8$/);
    expect(Buffer.from(server.received[0]?.raw ?? '', 'latin1').toString('utf8')).toContain('To: josé@example.org\r\n');
    const without = await scripted({ capabilities: ['PIPELINING', '8BITMIME'] });
    expect((await sender(without.port).send([josé, outgoing(2)])).map(refused)).toStrictEqual([
      'permanent smtputf8_unsupported',
      'accepted',
    ]);
  });

  test('understands a server that speaks a character at a time, or only HELO', async () => {
    const slow = await scripted({ trickle: true });
    expect((await sender(slow.port).send(many(3))).map(refused)).toStrictEqual(['accepted', 'accepted', 'accepted']);
    const old = await scripted({ on: (step) => (step === 'ehlo' ? '502 5.5.1 what?' : undefined) });
    expect((await sender(old.port).send(many(2))).map(refused)).toStrictEqual(['accepted', 'accepted']);
  });

  test.each(['HTTP/1.1 400 Bad Request', '999 what', '250ok', 'x'.repeat(10_000), '220-a\r\nnonsense'])(
    'gives up on what is not SMTP: %s',
    async (greeting) => {
      const server = await scripted({ on: (step) => (step === 'greeting' ? greeting : undefined) });
      expect((await sender(server.port).send(many(2))).map(refused)).toStrictEqual([
        'transient protocol_error',
        'transient protocol_error',
      ]);
    },
  );

  test('gives up on a reply that nobody asked for', async () => {
    const server = await scripted({
      capabilities: ['8BITMIME'],
      on: (step) => (step === 'mail' ? '250 ok\r\n250 ok\r\n354 go\r\n250 taken' : undefined),
    });
    const [result] = await sender(server.port).send([outgoing(1)]);
    expect(refused(result)).toBe('transient protocol_error');
    const behind = await scripted({ on: (step) => (step === 'data' ? '354 go\r\n250 taken' : undefined) });
    expect((await sender(behind.port).send([outgoing(1)])).map(refused)).toStrictEqual(['unknown']);
  });

  test('that cannot connect is a definite no for all, after one look', async () => {
    const gone = await scriptedSmtp();
    await gone.close();
    const results = await sender(gone.port, { connections: 2 }).send(many(5));
    expect(results.map(refused)).toStrictEqual(Array(5).fill('transient connection_refused'));
    const nowhere = await sender(25, { host: 'nowhere.invalid' }).send(many(2));
    const impossible = await sender(25, { port: 70_000 }).send(many(2));
    expect(impossible.map(refused)).toStrictEqual(Array(2).fill('transient connection_failed'));
    expect(nowhere.map(refused)).toStrictEqual(Array(2).fill('transient dns_failed'));
  });

  test('that waits for its turn is returned when the sender is told to leave off; what is out is answered', async () => {
    const stop = new AbortController();
    const server = await real({
      onData: (stream, _session, done) => {
        stream.resume();
        stream.on('end', () => {
          stop.abort();
          done();
        });
      },
    });
    const provider = sender(server.port, { connections: 1, pipelining: false });
    expect((await provider.send(many(3), stop.signal)).map(({ outcome }) => outcome)).toStrictEqual(['accepted', 'returned', 'returned']);
    expect((await provider.send(many(2), stop.signal)).map(({ outcome }) => outcome)).toStrictEqual(['returned', 'returned']);
    expect((await provider.send([outgoing(9)])).map(({ outcome }) => outcome)).toStrictEqual(['accepted']);
  });

  test('that lost its connection before its end is returned too, instead of being tried on another', async () => {
    const stop = new AbortController();
    const server = await scripted({
      on: (step) => {
        if (step !== 'data') return undefined;
        stop.abort();
        return 'cut';
      },
    });
    const results = await sender(server.port, { connections: 1, pipelining: false }).send(many(2), stop.signal);
    expect(results.map(({ outcome }) => outcome)).toStrictEqual(['returned', 'returned']);
    expect(server.connections()).toBe(1);
  });

  test('is sent to its end by close, and nothing after it', async () => {
    const server = await scripted();
    const provider = smtpProvider(optionsFor(server.port), { clock: CLOCK });
    const sending = provider.send(many(30));
    await provider.close();
    expect((await sending).map(refused)).toStrictEqual(Array(30).fill('accepted'));
    expect((await provider.send([outgoing(1)])).map(refused)).toStrictEqual(['transient provider_closed']);
    await expect.poll(() => server.lines.at(-1)).toBe('QUIT');
  });
});

describe('what a server says', () => {
  test.each<['mail' | 'rcpt' | 'data' | 'body', string, string, number?]>([
    ['rcpt', '550 5.1.1 no such user', 'permanent mailbox_not_found'],
    ['rcpt', '550 no such user', 'permanent mailbox_unavailable'],
    ['rcpt', '550-5.1.1 no\r\n550 5.1.1 such user', 'permanent mailbox_not_found'],
    ['rcpt', '550 5.2.1 disabled', 'permanent mailbox_disabled'],
    ['rcpt', '552 5.2.2 mailbox full', 'transient mailbox_full'],
    ['rcpt', '552 mailbox full', 'transient mailbox_full'],
    ['rcpt', '553 bad syntax', 'permanent invalid_address'],
    ['rcpt', '556 5.1.10 null MX', 'permanent domain_takes_no_mail'],
    ['rcpt', '450 4.2.0 greylisted, try again in 300 seconds', 'transient mailbox_unavailable', 300_000],
    ['rcpt', '451 4.7.1 please wait', 'transient deferred_by_policy'],
    ['rcpt', '450 4.7.28 rate limited, try again in 30 seconds', 'throttled rate_limited', 30_000],
    ['rcpt', '452 4.5.3 too many recipients', 'throttled rate_limited'],
    ['rcpt', '451 temporary failure', 'transient server_error'],
    ['mail', '452 insufficient storage', 'transient insufficient_storage'],
    ['mail', '530 5.7.0 authenticate first', 'permanent refused_by_policy'],
    ['mail', '530 authenticate first', 'transient auth_required'],
    ['mail', '552 message size exceeds', 'permanent message_too_large'],
    ['mail', '503 bad sequence', 'transient command_refused'],
    ['data', '554 5.7.1 spam', 'permanent refused_by_policy'],
    ['body', '554 5.6.0 no', 'permanent refused_by_policy'],
    ['body', '550 5.7.26 unauthenticated', 'permanent sender_unauthenticated'],
    ['body', '450 4.2.1 user is receiving mail too quickly', 'throttled rate_limited'],
    ['body', '552 5.3.4 too big', 'permanent message_too_large'],
    ['body', '451 4.3.0 later', 'transient server_error'],
    ['body', '354 again', 'transient server_error'],
  ])('to %s: %s means %s', async (step, reply, expected, retryAfterMs) => {
    const server = await scripted({ on: (at) => (at === step ? reply : undefined) });
    const [result] = await sender(server.port).send([outgoing(1)]);
    expect(refused(result)).toBe(expected);
    expect(result?.outcome === 'refused' ? result.retryAfterMs : undefined).toBe(retryAfterMs);
    expect(server.received).toStrictEqual([]);
  });
});

describe('a connection with TLS', () => {
  const { ca, issue } = authority();
  const good = issue(['localhost', '127.0.0.1']);
  const cases: readonly [string, SMTPServerOptions, Partial<SmtpOptions>, string][] = [
    ['implicit', { secure: true, ...good }, { tls: 'implicit', ca }, 'accepted'],
    ['implicit, by name', { secure: true, ...good }, { tls: 'implicit', ca, host: 'localhost' }, 'accepted'],
    ['STARTTLS', { disabledCommands: ['AUTH'], ...good }, { tls: 'required', ca }, 'accepted'],
    ['STARTTLS where it is offered', { disabledCommands: ['AUTH'], ...good }, { tls: 'opportunistic', ca }, 'accepted'],
    ['an authority nobody knows', { secure: true, ...good }, { tls: 'implicit' }, 'transient tls_failed'],
    ['an authority nobody knows, STARTTLS', { disabledCommands: ['AUTH'], ...good }, { tls: 'opportunistic' }, 'transient tls_failed'],
    ['another name', { secure: true, ...issue(['mail.example.com']) }, { tls: 'implicit', ca }, 'transient tls_failed'],
    [
      'a certificate that has run out',
      { secure: true, ...issue(['127.0.0.1'], { ageDays: 60 }) },
      { tls: 'implicit', ca },
      'transient tls_failed',
    ],
    ['no check, on demand', { secure: true, ...good }, { tls: 'implicit', verify: false }, 'accepted'],
    ['plain text where TLS is spoken', {}, { tls: 'implicit', ca }, 'transient tls_failed'],
    ['STARTTLS not offered', {}, { tls: 'required', ca }, 'transient starttls_required'],
  ];
  test.each(cases)('%s', async (_name, server, options, expected) => {
    const { port, received, sessions } = await real(server);
    expect((await sender(port, options).send(many(3))).map(refused)).toStrictEqual(Array(3).fill(expected));
    expect(received).toHaveLength(expected === 'accepted' ? 3 : 0);
    expect(sessions().every(({ secure }) => secure)).toBe(true);
  });

  test('is refused when something speaks in clear behind STARTTLS', async () => {
    const server = await scripted({
      capabilities: ['STARTTLS'],
      on: (step) => (step === 'starttls' ? '220 go\r\n250 injected' : undefined),
    });
    expect((await sender(server.port, { tls: 'required', ca }).send(many(1))).map(refused)).toStrictEqual(['transient protocol_error']);
  });
});

describe('a password', () => {
  const { ca, issue } = authority();
  const tls = issue(['127.0.0.1']);
  const auth = { user: 'tidings', password: 'pässword' };
  const guarded = (more: SMTPServerOptions = {}): SMTPServerOptions => ({
    disabledCommands: [],
    ...tls,
    onAuth: ({ username, password }, _session, done) => {
      if (username === auth.user && password === auth.password) done(null, { user: username });
      else done(new Error('no'));
    },
    ...more,
  });

  test.each(['PLAIN', 'LOGIN'])('is given by %s over TLS', async (method) => {
    const server = await real(guarded({ authMethods: [method] }));
    expect((await sender(server.port, { auth, tls: 'required', ca }).send(many(2))).map(refused)).toStrictEqual(['accepted', 'accepted']);
    expect(server.sessions()).toStrictEqual(Array(2).fill({ secure: true, user: 'tidings' }));
  });

  test('that is wrong refuses for now, so that it can be mended', async () => {
    const server = await real(guarded());
    const wrong = { auth: { ...auth, password: 'wrong' }, tls: 'required', ca } as const;
    expect((await sender(server.port, wrong).send(many(2))).map(refused)).toStrictEqual(['transient auth_failed', 'transient auth_failed']);
  });

  test('never leaves without TLS, unless that is asked for', async () => {
    const server = await scripted({ capabilities: ['AUTH PLAIN LOGIN'], on: (step) => (step === 'auth' ? '235 2.7.0 ok' : undefined) });
    expect((await sender(server.port, { auth }).send(many(1))).map(refused)).toStrictEqual(['transient auth_requires_tls']);
    expect(server.lines.some((line) => line.startsWith('AUTH'))).toBe(false);
    expect((await sender(server.port, { auth, authInClear: true }).send(many(1))).map(refused)).toStrictEqual(['accepted']);
    const other = await scripted({ capabilities: ['AUTH CRAM-MD5'] });
    expect((await sender(other.port, { auth, authInClear: true }).send(many(1))).map(refused)).toStrictEqual([
      'transient auth_unsupported',
    ]);
  });
});
