import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isRejection } from '../../../src/domain/kernel/rejection.ts';
import { parseEmail } from '../../../src/domain/values/email.ts';

describe('an e-mail address', () => {
  test('keeps its local part for sending and lowers it for the key', () => {
    expect(parseEmail(' Ana.Maria+News@Example.COM ')).toStrictEqual({
      address: 'Ana.Maria+News@example.com',
      key: 'ana.maria+news@example.com',
      domain: 'example.com',
      international: false,
    });
  });

  test('writes an international domain in ASCII', () => {
    expect(parseEmail('info@MÜNCHEN.example')).toStrictEqual({
      address: 'info@xn--mnchen-3ya.example',
      key: 'info@xn--mnchen-3ya.example',
      domain: 'xn--mnchen-3ya.example',
      international: false,
    });
  });

  test('composes (NFC) an international local part and says that it needs SMTPUTF8', () => {
    expect(parseEmail('Jose\u0301@example.com')).toStrictEqual({
      address: 'José@example.com',
      key: 'josé@example.com',
      domain: 'example.com',
      international: true,
    });
  });

  test.each([
    'magic@simulator.tidings',
    "o'brien@example.ie",
    'a@b.co',
    '_@example.com',
    `${'a'.repeat(64)}@example.com`,
    'x@a-b.example.museum',
    'user@123.com',
    'δοκιμή@παράδειγμα.ελ',
  ])('is accepted: %s', (text) => {
    expect(isRejection(parseEmail(text))).toBe(false);
  });

  test.each([
    '',
    '@',
    'ana',
    'ana@',
    '@example.com',
    'ana@localhost',
    'ana@example..com',
    'ana@.example.com',
    'ana@example.com.',
    'ana@-example.com',
    'ana@example-.com',
    'ana@[127.0.0.1]',
    'ana@127.0.0.1',
    'ana@1.2',
    'ana@0x7f.1',
    'ana@example.com:25',
    'ana@example.com/x',
    'ana@exam%70le.com',
    'ana@exa mple.com',
    'ana@exa_mple.com',
    '.ana@example.com',
    'ana.@example.com',
    'a..na@example.com',
    'a na@example.com',
    '"a na"@example.com',
    'ana@b@example.com',
    'Ana <ana@example.com>',
    'ana@example.com\r\nBcc: x@example.com',
    'ana@example.com\n',
    'ana\u0000@example.com',
    'ana\u200b@example.com',
    'ana\u202e@example.com',
    'ana@exam\u00adple.com',
    `${'a'.repeat(65)}@example.com`,
    `${'é'.repeat(33)}@example.com`,
    `a@${'b'.repeat(64)}.com`,
    `a@${'b.'.repeat(130)}com`,
    `${'a'.repeat(60)}@${'b.'.repeat(96)}com`,
    'ana@xn--a.com',
  ])('is refused: %j', (text) => {
    expect(parseEmail(text)).toMatchObject({ rejected: 'invalid_email' });
  });

  test('is never repeated by the refusal', () => {
    expect(JSON.stringify(parseEmail('canary canary@canary'))).not.toContain('canary');
  });

  test('means the same when it is parsed again', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.emailAddress(),
          fc.string({ unit: 'binary' }).map((s) => `${s}@example.com`),
        ),
        (text) => {
          const once = parseEmail(text);
          if (isRejection(once)) return;
          expect(parseEmail(once.address)).toStrictEqual(once);
          expect(parseEmail(once.key)).toMatchObject({ key: once.key });
          expect(once.address).not.toMatch(/[\s\p{C}]/u);
        },
      ),
    );
  });
});
