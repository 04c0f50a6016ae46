import { generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { emailComposer } from '../../../../src/adapters/providers/email/composeEmail.ts';
import { dkimSigner } from '../../../../src/adapters/providers/email/dkim.ts';
import type { DkimKey } from '../../../../src/adapters/providers/email/dkim.ts';
import { smtpProvider } from '../../../../src/adapters/providers/email/smtp.ts';
import { PortError } from '../../../../src/domain/kernel/portError.ts';
import type { EmailMessage } from '../../../../src/processes/dispatch/provider.ts';
import { outgoing } from '../../../contract/provider.ts';
import { verifyDkim } from '../../../support/dkimVerifier.ts';
import { realSmtp } from '../../../support/smtpServers.ts';
import { CLOCK, optionsFor } from './smtpCases.ts';

const pemOf = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ed = generateKeyPairSync('ed25519');
const KEYS: readonly DkimKey[] = [
  { domain: 'example.com', selector: 'r1', privateKey: pemOf(rsa.privateKey) },
  { domain: 'example.com', selector: 'e1', privateKey: pemOf(ed.privateKey) },
  { domain: 'elsewhere.example', selector: 'x', privateKey: pemOf(ed.privateKey) },
];
const RECORDS = {
  'r1._domainkey.example.com': `v=DKIM1; p=${rsa.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')}`,
  'e1._domainkey.example.com': `v=DKIM1; k=ed25519; p=${Buffer.from(ed.publicKey.export({ format: 'jwk' }).x ?? '', 'base64url').toString('base64')}`,
};
const BOTH = ['example.com rsa', 'example.com ed25519'];
const compose = emailComposer({ clock: CLOCK, dkim: dkimSigner(KEYS) });
const mailOf = (more: Partial<EmailMessage>): EmailMessage => {
  const { message } = outgoing(1, more);
  if (message.channel !== 'email') throw new Error('no mail');
  return message;
};
async function signed(more: Partial<EmailMessage>): Promise<string> {
  const mail = await compose(mailOf(more), 'key');
  if ('refused' in mail) throw new Error(mail.refused);
  return mail.raw;
}

/** RFC 8463, appendix A.3. */
const EXAMPLE = [
  'DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;',
  ' d=football.example.com; i=@football.example.com;',
  ' q=dns/txt; s=brisbane; t=1528637909; h=from : to :',
  ' subject : date : message-id : from : subject : date;',
  ' bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;',
  ' b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus',
  ' Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==',
  'DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;',
  ' d=football.example.com; i=@football.example.com;',
  ' q=dns/txt; s=test; t=1528637909; h=from : to : subject :',
  ' date : message-id : from : subject : date;',
  ' bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;',
  ' b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3',
  ' DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz',
  ' dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=',
  'From: Joe SixPack <joe@football.example.com>',
  'To: Suzie Q <suzie@shopping.example.net>',
  'Subject: Is dinner ready?',
  'Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)',
  'Message-ID: <20030712040037.46341.5F8J@football.example.com>',
  '',
  'Hi.',
  '',
  'We lost the game.  Are you hungry yet?',
  '',
  'Joe.',
  '',
].join('\r\n');
const EXAMPLE_RECORDS = {
  'brisbane._domainkey.football.example.com': 'v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=',
  'test._domainkey.football.example.com':
    'v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB',
};

describe('the verifier of these tests', () => {
  test('accepts the example of RFC 8463, and nothing that was changed in it', () => {
    expect(verifyDkim(EXAMPLE, EXAMPLE_RECORDS)).toStrictEqual(['football.example.com ed25519', 'football.example.com rsa']);
    expect(verifyDkim(EXAMPLE.replace('hungry', 'angry'), EXAMPLE_RECORDS)).toStrictEqual(['body hash differs', 'body hash differs']);
    expect(verifyDkim(EXAMPLE.replace('dinner', 'supper'), EXAMPLE_RECORDS)).toStrictEqual([
      'signature does not fit',
      'signature does not fit',
    ]);
  });
});

describe('a signed mail', () => {
  test('verifies with every key of its domain, and with no other', async () => {
    const raw = await signed({
      html: '<p>Grüße</p>',
      text: 'Grüße',
      headers: { 'List-Unsubscribe': '<https://t.example/u/1>', 'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click' },
    });
    expect(verifyDkim(raw, RECORDS)).toStrictEqual(BOTH);
  });

  test('verifies whatever it holds', async () => {
    const text = fc
      .array(
        fc.oneof(
          fc.constantFrom(' ', '\t', '\r\n', '\n', '\r', '.', ' \r\n', '\r\n\r\n', 'é', 'x'.repeat(120)),
          fc.string({ maxLength: 30 }),
        ),
        { maxLength: 10 },
      )
      .map((parts) => parts.join('').replaceAll('\0', ''));
    const plain = fc.string({ maxLength: 90 });
    await fc.assert(
      fc.asyncProperty(text, text, plain, async (html, body, subject) => {
        expect(verifyDkim(await signed({ html, text: body, subject }), RECORDS)).toStrictEqual(BOTH);
      }),
      { numRuns: 100 },
    );
  });

  test.each<[string, (raw: string) => string]>([
    ['the subject', (raw) => raw.replace('Subject: Hello 1', 'Subject: Hello 2')],
    ['the recipient', (raw) => raw.replace('To: to1@', 'To: to2@')],
    ['the unsubscribe address', (raw) => raw.replace('/u/1', '/u/2')],
    ['a second sender', (raw) => `From: evil@example.com\r\n${raw}`],
    ['a second subject', (raw) => `Subject: evil\r\n${raw}`],
    ['a Reply-To that was not there', (raw) => `Reply-To: evil@example.com\r\n${raw}`],
    ['the type of its content', (raw) => raw.replace('text/plain', 'text/html')],
  ])('does not survive a change of %s', async (_name, change) => {
    const raw = await signed({ headers: { 'List-Unsubscribe': '<https://t.example/u/1>' } });
    expect(verifyDkim(raw, RECORDS)).toStrictEqual(BOTH);
    expect(verifyDkim(change(raw), RECORDS)).toStrictEqual(['signature does not fit', 'signature does not fit']);
  });

  test('is signed for a subdomain too, and not at all for a stranger', async () => {
    expect(verifyDkim(await signed({ from: 'a@news.example.com' }), RECORDS)).toStrictEqual(BOTH);
    expect(await signed({ from: 'a@notexample.com' })).not.toContain('DKIM-Signature');
  });

  test('arrives with its signature whole, attachments and all', async () => {
    const server = await realSmtp();
    onTestFinished(() => server.close());
    const provider = smtpProvider(optionsFor(server.port), { clock: CLOCK, dkim: KEYS });
    onTestFinished(() => provider.close());
    const content = Buffer.from(Array.from({ length: 5_000 }, (_, i) => (i * 7) % 256));
    await provider.send([
      outgoing(1, { text: '.\r\n..\r\nend', html: '.hidden' }),
      outgoing(2, { text: 'see attachment', attachments: [{ filename: 'ü.bin', contentType: 'application/octet-stream', content }] }),
    ]);
    expect(server.received.map(({ raw }) => verifyDkim(raw, RECORDS))).toStrictEqual([BOTH, BOTH]);
  });

  test('needs a key that can sign, and never quotes one', () => {
    for (const privateKey of ['', 'canary', pemOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)]) {
      try {
        dkimSigner([{ domain: 'example.com', selector: 's', privateKey }]);
        expect.unreachable();
      } catch (error) {
        expect(error).toBeInstanceOf(PortError);
        expect(error).toMatchObject({ kind: 'invalid', code: 'dkim_key_invalid' });
        expect(String(error)).not.toContain('canary');
      }
    }
  });
});
