import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { dashed, jsonAscii, needlesOf, percentEncoded, quotedPrintable, uuid5 } from './canary.ts';
import { framed, uuid8 } from '../../src/adapters/crypto/uuid8.ts';
import type { Canary } from './canary.ts';
import { searchFor, unfolded } from './search.ts';

const TEXT: Canary = { what: 'name', value: 'Zoë "Canary" <7f3a=%@x~~~???>>>' };
const BYTES: Canary = { what: 'file', value: Buffer.from('00ff7f8081fe10e0a5', 'hex') };
const search = searchFor([TEXT, BYTES]);
const value = Buffer.from(TEXT.value);
/** In the middle of what nobody can read. */
const planted = (bytes: Buffer | string, before = 0): Buffer =>
  Buffer.concat([randomBytes(100_000 + before), Buffer.from(bytes), randomBytes(100_000)]);
const formsIn = (bytes: Buffer): readonly string[] => search('here', bytes).map(({ form }) => form);
const wrapped = (text: string, width: number, end: string): string =>
  text.match(new RegExp(`.{1,${String(width)}}`, 'gs'))?.join(end) ?? '';
const hash = (name: string): Buffer => createHash(name).update(value).digest();
const DNS = uuid5('6ba7b810-9dad-11d1-80b4-00c04fd430c8', value);

describe('the search for canaries', () => {
  test.each<[string, string, string | Buffer]>([
    ['raw', 'raw', value],
    ['in lower case', 'raw', value.toString().toLowerCase()],
    ...[0, 1, 2].map((before): [string, string, string] => [
      `as base64 after ${String(before)} bytes`,
      'base64',
      Buffer.concat([randomBytes(before), value, randomBytes(5)]).toString('base64'),
    ]),
    ['as base64 in lines of 20', 'base64', wrapped(Buffer.concat([randomBytes(40), value]).toString('base64'), 20, '\r\n')],
    ['as base64 in lines within JSON', 'base64', JSON.stringify(wrapped(value.toString('base64'), 20, '\r\n'))],
    ['as base64url', 'base64url', Buffer.from(`?>?>${value.toString()}`).toString('base64url')],
    ['as quoted-printable', 'quoted-printable', quotedPrintable(value.toString())],
    ['as quoted-printable with soft line breaks', 'quoted-printable', wrapped(quotedPrintable(value.toString()), 10, '=\r\n')],
    ['as hex', 'hex', value.toString('hex')],
    ['as upper-case hex', 'hex', value.toString('hex').toUpperCase()],
    ['percent-encoded', 'percent-encoded', encodeURIComponent(value.toString())],
    ['percent-encoded as forms are', 'percent-encoded', new URLSearchParams({ a: value.toString() }).toString()],
    [
      'percent-encoded in full',
      'percent-encoded',
      percentEncoded(value.toString()).toLowerCase().replace('zo', 'Zo').replace('canary', 'Canary'),
    ],
    ['JSON-escaped', 'JSON-escaped', JSON.stringify({ a: value.toString() })],
    ['JSON-escaped in ASCII', 'JSON-escaped', jsonAscii(value.toString())],
    ['JSON-escaped twice', 'JSON-escaped', JSON.stringify(JSON.stringify({ a: value.toString() }))],
    ['HTML-escaped', 'HTML-escaped', 'Zoë &quot;Canary&quot; &lt;7f3a=%@x~~~???&gt;&gt;&gt;'],
    ['in UTF-16', 'UTF-16', Buffer.from(value.toString(), 'utf16le')],
    ...['md5', 'sha1', 'sha256', 'sha512'].flatMap((name): [string, string, string | Buffer][] => [
      [`as ${name}`, name, hash(name)],
      [`as ${name} in hex`, name, hash(name).toString('hex')],
      [`as ${name} in base64`, name, hash(name).toString('base64')],
      [`as ${name} in base64url`, name, hash(name).toString('base64url')],
    ]),
    ['as SHA-256 of its lower case', 'sha256', createHash('sha256').update(value.toString().toLowerCase()).digest('hex')],
    // Without the key, what look-ups of the service are made of is as good as the value.
    [
      'as SHA-256 of an alias without a key',
      'sha256',
      createHash('sha256')
        .update(`id:${TEXT.value as string}`)
        .digest('base64url'),
    ],
    [
      'as SHA-256 of an address key without a key',
      'sha256',
      createHash('sha256')
        .update(`email:${TEXT.value as string}`)
        .digest('base64url'),
    ],
    [
      'as an id without a key',
      'uuid8',
      uuid8(
        createHash('sha256')
          .update(framed(['notification', TEXT.value as string]))
          .digest(),
      ),
    ],
    [
      'as the id of a command without a key',
      'uuid8',
      uuid8(
        createHash('sha256')
          .update(framed(['command', 'recipients/change', TEXT.value as string]))
          .digest(),
      ),
    ],
    ['as a UUIDv5', 'uuid5', dashed(DNS)],
    ['as the bytes of a UUIDv5', 'uuid5', DNS],
    ['as a UUIDv5 in hex', 'uuid5', DNS.toString('hex')],
    ['as a UUIDv5 in base64', 'uuid5', DNS.toString('base64')],
  ])('finds one that stands there %s', (_, form, bytes) => {
    expect(formsIn(planted(bytes))).toContain(form);
  });

  test('finds bytes as it finds text', () => {
    const bytes = BYTES.value as Buffer;
    const forms = [bytes, bytes.toString('hex'), Buffer.concat([randomBytes(1), bytes]).toString('base64')].map((it) =>
      formsIn(planted(it)),
    );
    expect(forms).toStrictEqual([['raw'], ['hex'], ['base64']]);
  });

  test('finds it at the very beginning and at the very end', () => {
    expect([formsIn(value), formsIn(Buffer.concat([randomBytes(9), value]))].map((forms) => forms.includes('raw'))).toStrictEqual([
      true,
      true,
    ]);
  });

  test('finds nothing where nothing is', () => {
    expect(search('noise', randomBytes(20_000_000))).toStrictEqual([]);
  });

  test('knows the UUID of RFC 9562, A.4', () => {
    expect(dashed(uuid5('6ba7b810-9dad-11d1-80b4-00c04fd430c8', Buffer.from('www.example.com')))).toBe(
      '2ed6657d-e927-568b-95e1-2665a8aea6a2',
    );
  });

  test('refuses a canary that chance would find as well', () => {
    expect(() => searchFor([{ what: 'short', value: 'ab' }])).toThrow(RangeError);
  });

  test('takes a secret’s hash for no leak', () => {
    expect(needlesOf({ what: 'key', value: 'secret-of-256-bits', guessable: false }).some(({ form }) => form === 'sha256')).toBe(false);
  });

  test('puts folded lines together', () => {
    expect(unfolded(Buffer.from('a=\r\nb\nc\\r\\nd=e')).toString()).toBe('abcd=e');
  });
});
