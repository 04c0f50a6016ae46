import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { replyReader } from '../../../../src/adapters/providers/email/smtpReply.ts';
import type { SmtpReply } from '../../../../src/adapters/providers/email/smtpReply.ts';
import { parseSmtpUrl } from '../../../../src/adapters/providers/email/smtpUrl.ts';

describe('SMTP_URL', () => {
  test('has defaults that are safe: TLS or nothing, certificates checked, no password in clear', () => {
    expect(parseSmtpUrl('smtp://mail.example.com')).toStrictEqual({
      host: 'mail.example.com',
      port: 25,
      tls: 'required',
      verify: true,
      authInClear: false,
      connections: 4,
      pipeline: 16,
      pipelining: true,
      chunking: false,
      deadlineMs: 30_000,
      connectMs: 10_000,
      idleMs: 15_000,
    });
    expect(parseSmtpUrl('smtp://localhost:1025')).toMatchObject({ port: 1025, tls: 'opportunistic' });
    expect(parseSmtpUrl('smtp://[::1]:1025')).toMatchObject({ host: '::1', tls: 'opportunistic' });
    expect(parseSmtpUrl('smtps://mail.example.com')).toMatchObject({ port: 465, tls: 'implicit' });
  });

  test('takes credentials as URLs write them, and every option', () => {
    expect(
      parseSmtpUrl(
        'smtp://us%40er:p%2Fss@mail.example.com?connections=8&pipeline=32&deadline=5000&connect=2000&idle=1000&tls=opportunistic&verify=0&auth_in_clear=1&pipelining=0&chunking=1&name=tidings.example&sender=bounces@example.com',
      ),
    ).toStrictEqual({
      host: 'mail.example.com',
      port: 587,
      tls: 'opportunistic',
      verify: false,
      auth: { user: 'us@er', password: 'p/ss' },
      authInClear: true,
      connections: 8,
      pipeline: 32,
      pipelining: false,
      chunking: true,
      deadlineMs: 5_000,
      connectMs: 2_000,
      idleMs: 1_000,
      name: 'tidings.example',
      sender: 'bounces@example.com',
    });
  });

  test.each([
    ['', 'write it as'],
    ['http://mail.example.com', 'write it as'],
    ['smtp://', 'write it as'],
    ['smtp://mail.example.com/path', 'it has no path'],
    ['smtp://mail.example.com?connections=0', 'connections must be a number from 1 to 64'],
    ['smtp://mail.example.com?pipeline=many', 'pipeline must be a number from 1 to 500'],
    ['smtp://mail.example.com?verify=no', 'verify must be 0 or 1'],
    ['smtp://mail.example.com?tls=maybe', 'tls must be required, opportunistic or off'],
    ['smtps://mail.example.com?tls=off', 'tls is implicit with smtps'],
    ['smtp://mail.example.com?conections=4', 'conections is not an option'],
    ['smtp://mail.example.com?name=a%0d%0ab', 'name must be a host name'],
    ['smtp://mail.example.com?sender=a%3E%0d%0aDATA', 'sender must be an address'],
  ])('is refused: %s', (url, detail) => {
    const it = parseSmtpUrl(url);
    expect(it).toMatchObject({ rejected: 'invalid_smtp_url' });
    expect('detail' in it ? it.detail : '').toContain(detail);
  });

  test('is never quoted by the refusal', () => {
    expect(JSON.stringify(parseSmtpUrl('smtp://canary:canary@mail.example.com?tls=canary&pipeline=canary&verify=canary'))).not.toContain(
      'canary',
    );
  });
});

describe('replies', () => {
  const readAll = (chunks: readonly string[]): readonly (SmtpReply | 'broken')[] => {
    const seen: (SmtpReply | 'broken')[] = [];
    const reader = replyReader(
      (reply) => seen.push(reply),
      () => seen.push('broken'),
    );
    for (const chunk of chunks) reader.take(Buffer.from(chunk, 'latin1'));
    return seen;
  };

  test('are read however the network cuts them', () => {
    const text = '220 hello\r\n250-one\r\n250-SIZE 100\r\n250 two\r\n550 5.1.1 no <a@b.c>\r\n354\r\n421 4.3.2 bye\n';
    const whole = readAll([text]);
    expect(whole).toStrictEqual([
      { code: 220, lines: ['hello'] },
      { code: 250, lines: ['one', 'SIZE 100', 'two'] },
      { code: 550, lines: ['5.1.1 no <a@b.c>'], enhanced: '5.1.1' },
      { code: 354, lines: [''] },
      { code: 421, lines: ['4.3.2 bye'], enhanced: '4.3.2' },
    ]);
    fc.assert(
      fc.property(fc.array(fc.nat(text.length), { maxLength: 20 }), (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), text.length];
        expect(readAll(at.slice(1).map((to, index) => text.slice(at[index], to)))).toStrictEqual(whole);
      }),
    );
  });

  test('that are none break once, and nothing behind them counts', () => {
    expect(readAll(['250 ok\r\nhello\r\n250 ok\r\n', '250 ok\r\n'])).toStrictEqual([{ code: 250, lines: ['ok'] }, 'broken']);
    expect(readAll(['x'.repeat(5_000), 'x'.repeat(5_000), '\r\n250 ok\r\n'])).toStrictEqual(['broken']);
    expect(readAll(['250-x\r\n'.repeat(400)])).toStrictEqual(['broken']);
  });
});
