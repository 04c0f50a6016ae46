import { createHash } from 'node:crypto';
import { framed, uuid8 } from '../../src/adapters/crypto/uuid8.ts';
import { CHANNELS } from '../../src/domain/values/channel.ts';

/**
 * A value that stands nowhere else, so that finding it says where it came from. `mark`: the part of it by which it is known in a longer
 * text; `guessable: false` for a secret of 256 random bits, whose hash tells nobody anything.
 */
export type Canary = { readonly what: string; readonly value: string | Buffer; readonly mark?: string; readonly guessable?: false };
/** How a canary looks in one encoding; found by its bytes. */
export type Needle = { readonly what: string; readonly form: string; readonly bytes: Buffer };
type Form = readonly [form: string, bytes: string | Buffer];

const bytesOf = (value: string | Buffer): Buffer => (typeof value === 'string' ? Buffer.from(value) : value);
const urlSafe = (base64: string): string => base64.replaceAll('+', '-').replaceAll('/', '_');
const each = (text: string, form: (char: string) => string): string => Array.from(text, form).join('');
const hexOf = (char: string, before: string): string => each(Buffer.from(char).toString('latin1'), (one) => before + octet(one));
const octet = (char: string): string => char.charCodeAt(0).toString(16).padStart(2, '0').toUpperCase();

/** Base64 of something that holds these bytes at any place: of each of the three alignments the characters that they alone decide. */
function base64Within(bytes: Buffer): readonly string[] {
  return [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
    return text.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
  });
}

/** RFC 2045 §6.7; soft line breaks are the search's to take out. */
export const quotedPrintable = (text: string): string => each(text, (char) => (/^[!-<>-~ ]$/.test(char) ? char : hexOf(char, '=')));
export const percentEncoded = (text: string): string => each(text, (char) => (/^[A-Za-z0-9._~-]$/.test(char) ? char : hexOf(char, '%')));
const UNIT = /[^\x20-\x7e]/g;
/** JSON in ASCII alone, as some encoders write it. */
export const jsonAscii = (text: string): string =>
  JSON.stringify(text)
    .slice(1, -1)
    .replace(UNIT, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
const htmlEscaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const within = (bytes: Buffer): readonly Form[] => {
  const base64 = base64Within(bytes);
  return [
    ['raw', bytes],
    ...base64.map((text): Form => ['base64', text]),
    ...base64.map((text): Form => ['base64url', urlSafe(text)]),
    ['hex', bytes.toString('hex')],
    ['hex', bytes.toString('hex').toUpperCase()],
  ];
};
/** Of a text of any length that holds this one. */
function textForms(text: string): readonly Form[] {
  const percent = percentEncoded(text);
  const escaped: readonly Form[] = [
    ['quoted-printable', quotedPrintable(text)],
    ['percent-encoded', percent],
    ['percent-encoded', encodeURIComponent(text)],
    ['percent-encoded', percent.replaceAll('%20', '+')],
    ['percent-encoded', new URLSearchParams([['', text]]).toString().slice(1)],
    ['percent-encoded', percent.replace(/%../g, (code) => code.toLowerCase())],
    ['JSON-escaped', JSON.stringify(text).slice(1, -1)],
    ['JSON-escaped', jsonAscii(text)],
    ['JSON-escaped', JSON.stringify(JSON.stringify(text).slice(1, -1)).slice(1, -1)],
    ['HTML-escaped', htmlEscaped(text)],
    ['Latin-1', Buffer.from(text, 'latin1')],
    ['UTF-16', Buffer.from(text, 'utf16le')],
  ];
  return [...within(Buffer.from(text)), ...escaped];
}

/** RFC 9562, appendix: DNS, URL, OID, X.500; and those who take none. */
const NAMESPACES = ['6ba7b810', '6ba7b811', '6ba7b812', '6ba7b814'].map((first) => `${first}-9dad-11d1-80b4-00c04fd430c8`);
const NIL = '00000000-0000-0000-0000-000000000000';
export function uuid5(namespace: string, name: Buffer): Buffer {
  const hash = createHash('sha1')
    .update(Buffer.from(namespace.replaceAll('-', ''), 'hex'))
    .update(name)
    .digest()
    .subarray(0, 16);
  hash.writeUInt8((hash.readUInt8(6) & 0x0f) | 0x50, 6);
  hash.writeUInt8((hash.readUInt8(8) & 0x3f) | 0x80, 8);
  return hash;
}
export const dashed = (uuid: Buffer): string => uuid.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');

/** So much of a digest is enough to know it by; a longer needle would miss one that was cut. */
const DIGEST = 12;
function digestForms(form: string, digest: Buffer): readonly Form[] {
  const start = digest.subarray(0, DIGEST);
  const [hex, base64] = [start.toString('hex'), start.toString('base64')];
  return [start, hex, hex.toUpperCase(), base64, urlSafe(base64)].map((bytes): Form => [form, bytes]);
}
const HASHES = ['md5', 'sha1', 'sha256', 'sha512'] as const;
function hashForms(value: Buffer): readonly Form[] {
  const hashes = HASHES.flatMap((name) => digestForms(name, createHash(name).update(value).digest()));
  const uuids = [...NAMESPACES, NIL].map((namespace) => uuid5(namespace, value));
  const own = uuid8(createHash('sha256').update(value).digest());
  return [
    ...hashes,
    ...uuids.flatMap((uuid): readonly Form[] => [['uuid5', dashed(uuid)], ...digestForms('uuid5', uuid)]),
    ['uuid8', own],
    ...digestForms('uuid8', Buffer.from(own.replaceAll('-', ''), 'hex')),
  ];
}

/** What stands before a value where the service hashes it under a key: without the key it would be these. */
const KINDS = ['id', 'address', ...CHANNELS, ...CHANNELS.map((channel) => `address:${channel}`)];
/** What an idempotency key is framed with where an id is made of it. */
const FRAMES = [['notification'], ['batch'], ['attachment'], ['command', 'batches'], ['command', 'recipients/change']];

/** What somebody might hash: the value as given, as a look-up would normalise it, and as the service's own look-ups frame it. */
function hashed(value: string | Buffer): readonly Buffer[] {
  if (typeof value !== 'string') return [value];
  const named = KINDS.flatMap((kind) => [`${kind}:${value}`, `${kind}:${value.toLowerCase()}`]);
  const keyed = FRAMES.map((parts) => framed([...parts, value]));
  return [value, value.toLowerCase(), value.trim(), JSON.stringify(value), ...named, ...keyed].map(bytesOf);
}

/** All that a canary could look like. */
export function needlesOf({ what, value, mark, guessable }: Canary): readonly Needle[] {
  const known = mark ?? value;
  const cases = typeof known === 'string' ? [known, known.toLowerCase(), known.toUpperCase()] : [];
  const forms = [
    ...(typeof known === 'string' ? cases.flatMap(textForms) : within(known)),
    ...(guessable === false ? [] : hashed(value).flatMap(hashForms)),
  ];
  const seen = new Map<string, Needle>();
  for (const [form, bytes] of forms) {
    const needle = { what, form, bytes: bytesOf(bytes) };
    const key = needle.bytes.toString('latin1');
    if (!seen.has(key)) seen.set(key, needle);
  }
  return [...seen.values()];
}
