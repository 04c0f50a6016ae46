import fc from 'fast-check';
import { simpleParser } from 'mailparser';
import type { ParsedMail } from 'mailparser';
import MailComposer from 'nodemailer/lib/mail-composer';
import { describe, expect, test } from 'vitest';
import { emailComposer } from '../../../../src/adapters/providers/email/composeEmail.ts';
import type { ComposedEmail } from '../../../../src/adapters/providers/email/composeEmail.ts';
import type { EmailMessage } from '../../../../src/processes/dispatch/provider.ts';

const AT = Date.parse('2026-03-05T07:08:09.000Z');
const compose = emailComposer({ clock: { epochMs: () => AT } });
const KEY = '0193b0a0-0000-7000-8000-000000000001_0.1';
const mail = (more: Partial<EmailMessage> = {}): EmailMessage => ({
  channel: 'email',
  from: 'Tidings <news@example.com>',
  to: 'ana@example.org',
  subject: 'Hello',
  headers: {},
  attachments: [],
  ...more,
});

async function composed(message: EmailMessage, key = KEY): Promise<ComposedEmail> {
  const result = await compose(message, key);
  if ('refused' in result) throw new Error(result.refused);
  return result;
}
const parse = (raw: Buffer): Promise<ParsedMail> =>
  simpleParser(raw, { skipHtmlToText: true, skipTextToHtml: true, skipImageLinks: true, skipTextLinks: true });
const parsed = async (message: EmailMessage): Promise<ParsedMail> => parse(Buffer.from((await composed(message)).raw, 'latin1'));
const viaNodemailer = async (m: EmailMessage): Promise<ParsedMail> =>
  parse(
    await new MailComposer({
      from: m.from,
      to: m.to,
      ...(m.replyTo === undefined ? {} : { replyTo: m.replyTo }),
      subject: m.subject,
      headers: m.headers,
      ...(m.html === undefined ? {} : { html: m.html }),
      ...(m.text === undefined ? {} : { text: m.text }),
      messageId: '<0193b0a0-0000-7000-8000-000000000001_0.1@example.com>',
      date: new Date(AT),
      newline: 'win',
    })
      .compile()
      .build(),
  );
/** What a reader sees of a mail. */
const seen = (it: ParsedMail) => ({
  from: it.from?.value,
  to: it.to,
  replyTo: it.replyTo?.value,
  subject: it.subject,
  date: it.date?.toISOString(),
  messageId: it.messageId,
  html: it.html,
  text: it.text,
  parts: it.attachments.length,
});

const HOSTILE = [
  '',
  ' ',
  '.',
  '..',
  '\r',
  '\n',
  '\r\n',
  '\r\n.\r\n',
  '\n.\n',
  '=',
  '=3D',
  '=_tidings_1',
  '--=_tidings_1--',
  '--',
  'From here',
  '\t',
  ' \r\n',
  '\t\n',
  'é',
  '😀',
  '👩‍👩‍👧',
  '日本語',
  '\u00a0',
  '\u2028',
  'x'.repeat(77),
  'y'.repeat(999),
  'z '.repeat(600),
  'ü'.repeat(80),
  '<b>',
  '&amp;',
  '=?UTF-8?Q?a?=',
  'a  b',
];
const body = fc
  .array(
    fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom(...HOSTILE) },
      fc.string({ maxLength: 120 }),
      fc.string({ unit: 'grapheme', maxLength: 60 }),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join('').replaceAll('\0', ''));
const headerText = fc
  .array(fc.oneof(fc.constantFrom(...HOSTILE), fc.string({ maxLength: 40 }), fc.string({ unit: 'grapheme', maxLength: 30 })), {
    maxLength: 6,
  })
  .map((parts) =>
    parts
      .join('')
      .replace(/[\x00-\x1f\x7f]/g, '')
      .replace(/\s+/g, ' ')
      .trim(),
  );
/** nodemailer drops a lone CR before CRLF, where we see two line breaks. */
const tame = body.map((text) => text.replace(/\r+(?=\r)/g, ''));
/** What looks like an encoded word is shown as it was given; nodemailer lets it be decoded. */
const plainly = headerText.map((text) => text.replaceAll('=?', '')).filter((text) => text.length < 1500);
const lineBreaks = (text: string | false | undefined): string | undefined =>
  typeof text === 'string' ? text.replace(/\r\n|\r/g, '\n') : undefined;

/** nodemailer ends every message with a line break, which a single part then holds. */
const withoutLastBreak = (text: string | undefined, other: string | undefined): string | undefined =>
  text === `${other ?? ''}\n` ? other : text;

describe('a composed mail', () => {
  test('has the fields of RFC 5322 in full', async () => {
    const { raw, from, to, messageId, international } = await composed(
      mail({ replyTo: 'help@example.com', text: 'Hi', headers: { 'X-Order': 'A-1' } }),
    );
    expect({ from, to, messageId, international }).toStrictEqual({
      from: 'news@example.com',
      to: 'ana@example.org',
      messageId: '<0193b0a0-0000-7000-8000-000000000001_0.1@example.com>',
      international: false,
    });
    expect(raw.split('\r\n')).toStrictEqual([
      'From: Tidings <news@example.com>',
      'To: ana@example.org',
      'Reply-To: help@example.com',
      'Subject: Hello',
      'Date: Thu, 05 Mar 2026 07:08:09 +0000',
      'Message-ID: <0193b0a0-0000-7000-8000-000000000001_0.1@example.com>',
      'X-Order: A-1',
      'MIME-Version: 1.0',
      'Content-Type: text/plain; charset=utf-8',
      'Content-Transfer-Encoding: 7bit',
      '',
      'Hi',
    ]);
  });

  test('is the same to the octet for the same delivery, and has its own Message-ID for another', async () => {
    const one = await composed(mail({ html: '<p>Grüße</p>', text: 'Grüße' }));
    expect(await composed(mail({ html: '<p>Grüße</p>', text: 'Grüße' }))).toStrictEqual(one);
    expect((await composed(mail(), 'k1')).messageId).not.toBe((await composed(mail(), 'k2')).messageId);
    expect((await composed(mail(), 'a key\r\nBcc: x@example.com')).messageId).toMatch(/^<[0-9a-f]{64}@example\.com>$/);
  });

  test('reads like the one of nodemailer: subject, bodies, addresses', async () => {
    await fc.assert(
      fc.asyncProperty(plainly, tame, tame, plainly, async (subject, html, text, name) => {
        const quoted = name.replace(/["\\<>]/g, '');
        const message = mail({
          subject,
          html,
          text,
          from: quoted === '' ? 'news@example.com' : `"${quoted}" <news@example.com>`,
          replyTo: 'Jörg, der Große <help@example.com>'.replace(',', ''),
        });
        const [ours, theirs] = [seen(await parsed(message)), seen(await viaNodemailer(message))];
        expect({ ...ours, html: lineBreaks(ours.html), text: lineBreaks(ours.text) }).toStrictEqual({
          ...theirs,
          html: withoutLastBreak(lineBreaks(theirs.html), lineBreaks(ours.html)),
          text: withoutLastBreak(lineBreaks(theirs.text), lineBreaks(ours.text)),
        });
      }),
      { numRuns: 250 },
    );
  }, 240_000);

  test('gives back html, text and subject as they were, line breaks apart', async () => {
    await fc.assert(
      fc.asyncProperty(headerText, body, body, async (subject, html, text) => {
        const it = await parsed(mail({ subject, html, text }));
        expect(it.subject ?? '').toBe(subject);
        if (html !== '') expect(lineBreaks(it.html)).toBe(lineBreaks(html));
        if (text !== '') expect(lineBreaks(it.text)).toBe(lineBreaks(text));
      }),
      { numRuns: 250 },
    );
  }, 240_000);

  test('keeps to the lines of SMTP: ASCII, no lone CR or LF, at most 998 octets', async () => {
    await fc.assert(
      fc.asyncProperty(headerText, body, body, headerText, async (subject, html, text, header) => {
        const { raw } = await composed(
          mail({
            subject,
            html,
            text,
            headers: { 'X-Note': header },
            from: `"${subject.replace(/["\\<>]/g, '').slice(0, 1500)}" <news@example.com>`,
          }),
        );
        expect(raw).toMatch(/^[\t\r\n\x20-\x7e]*$/);
        expect(raw.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
        const lines = raw.split('\r\n');
        expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(998);
        const header76 = lines.slice(0, lines.indexOf(''));
        for (const line of header76) if (line.includes('=?')) expect(line.length).toBeLessThanOrEqual(76);
        expect(header76.filter((line) => line.trim() === '')).toStrictEqual([]);
      }),
      { numRuns: 250 },
    );
  }, 240_000);

  test('encodes what is mostly not ASCII as base64 and the rest as quoted-printable', async () => {
    expect((await composed(mail({ text: '日本語のメール' }))).raw).toContain('Content-Transfer-Encoding: base64');
    expect((await composed(mail({ text: 'Grüße aus Wien und Umgebung' }))).raw).toContain('Gr=C3=BC=C3=9Fe aus Wien und Umgebung');
    expect((await composed(mail({ text: 'x'.repeat(999) }))).raw).toContain('Content-Transfer-Encoding: quoted-printable');
    expect((await composed(mail({ text: 'blank \r\nend ' }))).raw).toContain('\r\n\r\nblank \r\nend ');
    expect((await composed(mail({ text: 'ü \r\nthis is the end ' }))).raw).toContain('=C3=BC=20\r\nthis is the end=20');
  });

  test('shares nothing between two contents that look alike', async () => {
    const bodies = Array.from({ length: 20 }, (_, i) => `<p>${String(i % 10)}</p>`);
    const texts = await Promise.all(bodies.map(async (html) => (await parsed(mail({ html, text: 'same' }))).html));
    expect(texts).toStrictEqual(bodies);
  });

  test('beside an attachment, too, no CR and no LF stands alone', async () => {
    const attachments = [{ filename: 'a.txt', contentType: 'text/plain', content: Buffer.from('x') }];
    const { raw } = await composed(mail({ text: 'a\rb\nc\r\nd', html: '<p>a\rb</p>', attachments }));
    expect(/(?<!\r)\n|\r(?!\n)|\0/.test(raw)).toBe(false);
    expect(raw).toContain('a\r\nb\r\nc\r\nd');
  });

  test('carries attachments, inline images and odd filenames', async () => {
    const content = Buffer.from(Array.from({ length: 3000 }, (_, i) => i % 256));
    const it = await parsed(
      mail({
        html: '<p>Grüße</p><img src="cid:logo@tidings">',
        text: 'Grüße',
        subject: 'Rechnung für März 2026',
        attachments: [
          { filename: 'Übersicht "März".pdf', contentType: 'application/pdf', content },
          { filename: 'logo.png', contentType: 'image/png', content, disposition: 'inline', contentId: 'logo@tidings' },
          { filename: '../../etc/pass\r\nwd', contentType: 'text/plain\r\nBcc: x@example.com', content },
        ],
      }),
    );
    expect(it.attachments.map((a) => [a.filename, a.contentType, a.contentDisposition, a.cid, a.content.equals(content)])).toStrictEqual(
      [
        ['logo.png', 'image/png', 'inline', 'logo@tidings', true],
        ['Übersicht "März".pdf', 'application/pdf', 'attachment', undefined, true],
        ['passwd', 'application/octet-stream', 'attachment', undefined, true],
      ].sort((a, b) => it.attachments.findIndex((x) => x.filename === a[0]) - it.attachments.findIndex((x) => x.filename === b[0])),
    );
    expect({ subject: it.subject, html: it.html, text: lineBreaks(it.text)?.trim(), bcc: it.bcc, messageId: it.messageId }).toStrictEqual({
      subject: 'Rechnung für März 2026',
      html: '<p>Grüße</p><img src="cid:logo@tidings">',
      text: 'Grüße',
      bcc: undefined,
      messageId: '<0193b0a0-0000-7000-8000-000000000001_0.1@example.com>',
    });
  });

  test('writes international addresses in UTF-8 and says that they need SMTPUTF8', async () => {
    const it = await composed(mail({ to: 'josé@example.org', from: 'Ana <ana@münchen.example>' }));
    expect({ international: it.international, from: it.from, to: it.to }).toStrictEqual({
      international: true,
      from: 'ana@xn--mnchen-3ya.example',
      to: 'josé@example.org',
    });
    expect(Buffer.from(it.raw, 'latin1').toString('utf8')).toContain('To: josé@example.org\r\n');
  });

  test('keeps a long unsubscribe address whole', async () => {
    const url = `https://tidings.example/u/${'t'.repeat(300)}`;
    const it = await parsed(
      mail({
        headers: { 'List-Unsubscribe': `<mailto:leave@example.com>, <${url}>`, 'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click' },
      }),
    );
    expect(it.headerLines.filter(({ key }) => key.startsWith('list-')).map(({ line }) => line.replace(/\r\n/g, ''))).toStrictEqual([
      `List-Unsubscribe: <mailto:leave@example.com>, <${url}>`,
      'List-Unsubscribe-Post: List-Unsubscribe=One-Click',
    ]);
  });
});

describe('a mail that could become another', () => {
  const breaks = ['\r', '\n', '\r\n', '\0', '\u000b', '\r\nBcc: x@example.com', '\n\nbody'];
  const places: readonly [string, (text: string) => Partial<EmailMessage>][] = [
    ['subject', (text) => ({ subject: `a${text}b` })],
    ['from', (text) => ({ from: `Ana${text} <news@example.com>` })],
    ['from address', (text) => ({ from: `news@example.com${text}` })],
    ['to', (text) => ({ to: `ana@example.org${text}` })],
    ['reply-to', (text) => ({ replyTo: `ana@example.org${text}` })],
    ['header value', (text) => ({ headers: { 'X-A': `1${text}2` } })],
    ['header name', (text) => ({ headers: { [`X-A${text}`]: '1' } })],
  ];
  test.each(places.flatMap(([place, more]) => breaks.map((text) => [place, JSON.stringify(text), more(text)] as const)))(
    'is refused: %s with %s',
    async (_place, _text, more) => {
      expect(await compose(mail(more), KEY)).toStrictEqual({ refused: 'invalid_header' });
    },
  );

  test.each([
    'From',
    'Bcc',
    'CONTENT-TYPE',
    'Content-Transfer-Encoding',
    'MIME-Version',
    'Subject',
    'DKIM-Signature',
    'Received',
    'X A',
    'X:A',
    '',
    'Ä',
  ])('is refused: a header named %j', async (name) => {
    expect(await compose(mail({ headers: { [name]: 'x' } }), KEY)).toStrictEqual({ refused: 'invalid_header' });
  });

  test('is refused: an unfoldable structured header', async () => {
    expect(await compose(mail({ headers: { 'List-Unsubscribe': `<https://example.com/${'x'.repeat(1000)}>` } }), KEY)).toStrictEqual({
      refused: 'invalid_header',
    });
    expect(await compose(mail({ headers: { 'List-Unsubscribe': '<https://example.com/ü>' } }), KEY)).toStrictEqual({
      refused: 'invalid_header',
    });
  });

  test.each([
    '',
    'ana',
    'ana@',
    '@example.org',
    'a@example.org, b@example.org',
    'a b@example.org',
    '<a@example.org> <b@example.org>',
    'a@b@c.org',
    'a@exa mple.org',
  ])('is refused: to %j', async (to) => {
    expect(await compose(mail({ to }), KEY)).toStrictEqual({ refused: 'invalid_address' });
  });
});
