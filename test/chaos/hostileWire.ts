import { gzipSync } from 'node:zlib';
import { below, hostileJson, hostileText, pick, type Random } from './hostileValues.ts';

/** A request as it goes over the wire; fields and target as they are, however ill-formed. */
export type HostileRequest = {
  readonly id: string;
  /** How it came to be. */
  readonly how: string;
  readonly method: string;
  readonly target: string;
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
  /** `short`: fewer bytes come than were announced, and then the end. */
  readonly framing: 'none' | 'length' | 'chunked' | 'short';
};

export const json = (value: unknown): string => JSON.stringify(value) ?? 'null';
const at = (text: string, random: Random): number => below(random, text.length + 1);

/** JSON that is none, or not quite: by bytes, since some of it is no text. */
export const MANGLES: Readonly<Record<string, (text: string, random: Random) => Buffer | string>> = {
  'cut off': (text, random) => text.slice(0, at(text, random)),
  'something in the middle': (text, random) => {
    const place = at(text, random);
    return `${text.slice(0, place)}${pick(random, [',', '}', '"', '\\', '\0', '\ufeff', '\n', '//', "'", 'NaN', '\u2028'])}${text.slice(place)}`;
  },
  'a member twice': (text) => text.replace(/^\{("[^"]*":)/, '{$1null,$1'),
  'a member called __proto__': (text) => text.replace(/^\{/, '{"__proto__":{"admin":true},'),
  'a member called constructor': (text) => text.replace(/^\{/, '{"constructor":{"prototype":{"admin":true}},'),
  'escaped __proto__': (text) => text.replace(/^\{/, '{"\\u005f_proto__":{"admin":true},'),
  'too deep': (_, random) => pick(random, ['[', '{"a":']).repeat(pick(random, [65, 1_000, 100_000])),
  'half a pair': (text) => text.replace(/"(?=[,}\]])/, '\\ud800"'),
  'U+0000': (text) => text.replace(/"(?=[,}\]])/, '\\u0000"'),
  'a mark of byte order': (text) => `\ufeff${text}`,
  'overlong': (text) => Buffer.concat([Buffer.from(text.slice(0, -2)), Buffer.from([0xc0, 0xaf, 0xc0, 0x80, 0xed, 0xa0, 0x80]), Buffer.from(text.slice(-2))]),
  'Latin-1': (text) => Buffer.from(text.replace('"', '"é'), 'latin1'),
  'UTF-16': (text) => Buffer.from(text, 'utf16le'),
  'a huge number': (text) => text.replace(/\d+(?!.*")|null|true/, '1e999'),
  'a long number': (text) => text.replace(/\d+(?!.*")|null|true/, '9'.repeat(5_000)),
  'two of them': (text) => `${text}${text}`,
  'nothing': () => '',
  'blanks': () => ' \n\t ',
  'a lot': (text) => text.replace(/^\{/, `{"surprise":"${'z'.repeat(1_100_000)}",`),
  'a form': () => 'a=1&b=2',
  'XML': () => '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
}; // prettier-ignore

const TYPES = ['text/plain', 'application/xml', 'application/json; charset=utf-16', 'application/json;charset="latin1"', 'multipart/form-data', '', 'application/x-ndjson', 'application/json, text/plain', 'APPLICATION/JSON', 'application/merge-patch+json', '*/*', 'application/json\r\nX-Injected: 1', `a/${'b'.repeat(9_000)}`]; // prettier-ignore
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'QUERY'];

/** What is done to a request on its way, whatever it was. */
export const WIRES: Readonly<Record<string, (request: HostileRequest, random: Random) => HostileRequest>> = {
  'another method': (it, random) => ({ ...it, method: pick(random, METHODS) }),
  'another type': (it, random) => ({ ...it, fields: [...it.fields.filter(([name]) => name !== 'Content-Type'), ['Content-Type', pick(random, TYPES)]] }),
  'gzip': (it) => ({ ...it, body: gzipSync(it.body), fields: [...it.fields, ['Content-Encoding', 'gzip']] }),
  'chunked': (it) => ({ ...it, framing: 'chunked' }),
  'short': (it) => ({ ...it, framing: 'short' }),
  'a body nobody asked for': (it, random) => ({ ...it, body: Buffer.from(json(hostileJson(random))), framing: 'length', fields: [...it.fields, ['Content-Type', 'application/json']] }),
  'waits for 100': (it) => ({ ...it, fields: [...it.fields, ['Expect', '100-continue']] }),
  'other wishes': (it, random) => ({ ...it, fields: [...it.fields, ['Accept', pick(random, ['text/csv', 'application/x-ndjson', 'image/*', hostileText(random)])]] }),
  'no key': (it) => ({ ...it, fields: [...it.fields.filter(([name]) => name !== 'Authorization')] }),
  'another key': (it, random) => ({ ...it, fields: [['Authorization', pick(random, ['Bearer x', 'Basic YTpi', `Bearer ${hostileText(random)}`, 'Bearer eyJhbGciOiJub25lIn0.e30.'])], ...it.fields.filter(([name]) => name !== 'Authorization')] }),
  'a field twice': (it, random) => ({ ...it, fields: [...it.fields, ...it.fields.slice(below(random, it.fields.length)), ['X-Request-Id', hostileText(random)], ['X-Request-Id', 'b']] }),
  'many fields': (it) => ({ ...it, fields: [...it.fields, ...Array.from({ length: 150 }, (_, nth): [string, string] => [`X-${String(nth)}`, 'x'.repeat(nth % 2 === 0 ? 10 : 200)])] }),
  'another host': (it, random) => ({ ...it, fields: [...it.fields, ['X-Forwarded-Host', 'evil.example'], ['X-Forwarded-For', hostileText(random)], ['Forwarded', 'host=evil.example']] }),
  'an odd target': (it, random) => ({ ...it, target: pick(random, [`/${it.target}`, `${it.target}/`, it.target.toUpperCase(), `${it.target}%00`, `${it.target}#x`, `http://evil.example${it.target}`, `${it.target}?${'a=1&'.repeat(2_000)}`, `${it.target}?limit=1&limit=2`, `/../..${it.target}`, `${it.target}\r\nX-Injected: 1`, '*', `${it.target}%ff%fe`, it.target.replaceAll('/', '%2f'), `${it.target};a=b`, `${it.target}?after=%`]) }),
}; // prettier-ignore

function framed({ framing, body }: HostileRequest): readonly [string, Buffer] {
  if (framing === 'none') return ['', Buffer.alloc(0)];
  if (framing === 'short') return [`Content-Length: ${String(body.length + 7)}\r\n`, body];
  if (framing === 'length') return [`Content-Length: ${String(body.length)}\r\n`, body];
  const half = Math.ceil(body.length / 2);
  const pieces = [body.subarray(0, half), body.subarray(half)].filter(({ length }) => length > 0);
  const chunks = pieces.flatMap((piece) => [Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]);
  return ['Transfer-Encoding: chunked\r\n', Buffer.concat([...chunks, Buffer.from('0\r\n\r\n')])];
}

export function bytesOf(request: HostileRequest): Buffer {
  const [framing, body] = framed(request);
  const fields = request.fields.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const head = `${request.method} ${request.target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n${fields}${framing}\r\n`;
  return Buffer.concat([Buffer.from(head, 'utf8'), body]);
}

/** Requests that are simpler by one thing, for telling what a failure is about. */
export function* simpler(request: HostileRequest): Generator<HostileRequest> {
  for (const field of request.fields)
    if (field[0] !== 'Authorization') yield { ...request, fields: request.fields.filter((it) => it !== field) };
  if (request.target.includes('?')) yield { ...request, target: request.target.replace(/\?.*$/s, '') };
  let body: unknown;
  try {
    body = JSON.parse(request.body.toString('utf8'));
  } catch {
    return;
  }
  for (const smaller of lessOf(body)) yield { ...request, body: Buffer.from(json(smaller)) };
}

function* lessOf(value: unknown): Generator {
  if (typeof value === 'string' && value.length > 8) yield value.slice(0, Math.ceil(value.length / 2));
  if (typeof value !== 'object' || value === null) return;
  const entries: [string, unknown][] = Object.entries(value);
  const again = (list: readonly (readonly [string, unknown])[]): unknown =>
    Array.isArray(value) ? list.map(([, it]) => it) : Object.fromEntries(list);
  for (const [name] of entries) yield again(entries.filter(([other]) => other !== name));
  for (const [name, member] of entries)
    for (const less of lessOf(member)) yield again(entries.map(([other, it]) => [other, other === name ? less : it]));
}
