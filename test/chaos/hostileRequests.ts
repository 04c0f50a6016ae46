import { gzipSync } from 'node:zlib';
import { clientWith, ndjson, type Body } from '../support/client.ts';
import { EXAMPLES, type World } from '../support/exampleCalls.ts';
import type { Described, ServedDocument } from '../support/servedDocument.ts';
import {
  below,
  chance,
  hostileJson,
  hostileMail,
  hostilePerson,
  hostileText,
  INJECTED,
  mutated,
  pick,
  valueOf,
  type Random,
} from './hostileValues.ts';

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

/** Ids that exist, by the noun of their path; more come with what is made on the way. */
export type Ids = { readonly of: (noun: string) => readonly string[]; readonly add: (noun: string, id: string) => void };

const KEPT = 40;
export function idsOf(world: World): Ids {
  const { sent, scheduled, toCancel, failed, failedToo, batch, laterBatch } = world;
  const sentTo = [sent, scheduled, toCancel, failed, failedToo];
  const deliveries = sentTo.map((id) => `${id}_0`);
  const nouns = new Map<string, string[]>(
    Object.entries({
      notifications: sentTo,
      deliveries,
      'dead-letters': deliveries,
      batches: [batch, laterBatch],
      recipients: ['ana', 'bo', 'cy'],
      templates: ['every', 'another'],
      categories: ['orders', 'newsletter', 'marketing'],
      types: ['every_type', 'order_shipped'],
      projections: ['templates', 'audit', 'catalogue'],
      cursors: [],
      positions: [],
    }),
  );
  return {
    of: (noun) => nouns.get(noun) ?? [],
    add: (noun, id) => {
      const known = nouns.get(noun) ?? [];
      nouns.set(noun, [...known.slice(-KEPT), id]);
    },
  };
}

const NEWS: Readonly<Record<string, string>> = {
  requestNotification: 'notifications',
  testTemplate: 'notifications',
  uploadBatch: 'batches',
  createApiKey: 'api-keys',
  uploadAttachment: 'attachments',
};

/** Learns what an answer names, for later requests. */
export function learn(ids: Ids, id: string, body: unknown, position: string | null): void {
  const { id: made, nextCursor } = (typeof body === 'object' && body !== null ? body : {}) as { id?: unknown; nextCursor?: unknown };
  const noun = NEWS[id];
  if (noun !== undefined && typeof made === 'string') ids.add(noun, made);
  if (noun === 'notifications' && typeof made === 'string') for (const n of ['deliveries', 'dead-letters']) ids.add(n, `${made}_0`);
  if (typeof nextCursor === 'string') ids.add('cursors', nextCursor);
  if (position !== null) ids.add('positions', position);
}

type Draft = { method: string; target: string; fields: (readonly [string, string])[]; body: unknown; type: string | undefined };

const encoded = (text: string): string =>
  [...Buffer.from(text, 'utf8')].map((byte) => (/[\w.:-]/.test(String.fromCharCode(byte)) ? String.fromCharCode(byte) : `%${byte.toString(16).padStart(2, '0')}`)).join(''); // prettier-ignore

/** The request that its example makes. */
function exampleOf(id: string, world: World): Draft | undefined {
  let draft: Draft | undefined;
  const client = clientWith(async (method, target, body, fields = {}) => {
    draft = {
      method,
      target,
      fields: Object.entries(fields).filter(([name]) => name !== 'Content-Type'),
      ...bodyOf(body, fields['Content-Type']),
    };
    return { status: 0, headers: new Headers(), body: {} };
  });
  void EXAMPLES[id]?.call(client, world);
  return draft;
}
const bodyOf = (body: Body, type?: string): Pick<Draft, 'body' | 'type'> => ({
  body,
  type: type ?? (typeof body === 'object' ? 'application/json' : undefined),
});

const LINES = /(?:[Ff]irst line is a (\w+)\. )?[^.]*line is a (\w+)\.$/;

function schemaBody(operation: any, document: ServedDocument, random: Random, wrong: number): Pick<Draft, 'body' | 'type'> {
  const content = Object.entries<any>(operation.requestBody?.content ?? {});
  if (content.length === 0 || (operation.requestBody.required !== true && chance(random, 0.2))) return { body: undefined, type: undefined };
  const [type, { schema }] = pick(random, content);
  const values = { random, wrong, resolve: document.resolve };
  if (type === 'application/octet-stream')
    return { body: Buffer.from(hostileText(random)), type: pick(random, [type, 'text/html', 'image/svg+xml']) };
  if (type !== 'application/x-ndjson') return { body: valueOf(schema, values), type };
  const [, first, line = ''] = LINES.exec(String(schema.description)) ?? [];
  const named = (name: string): unknown => valueOf({ $ref: `#/components/schemas/${name}` }, values);
  const lines = Array.from({ length: 1 + below(random, 5) }, () => named(line));
  return { body: ndjson([...(first === undefined ? [] : [named(first)]), ...lines]), type };
}

type Parameter = { readonly name: string; readonly in: string; readonly required?: boolean; readonly schema: any };

function idIn(path: string, { name, schema }: Parameter, { ids, document, random, wrong }: Making): string {
  const noun = name === 'deviceId' || name === 'endpointId' ? name : (path.split('/')[2] ?? '');
  const known = noun === 'endpointId' ? ['hook-1'] : noun === 'deviceId' ? ['phone-1'] : ids.of(noun);
  if (known.length > 0 && !chance(random, Math.max(0.15, wrong))) return encoded(pick(random, known));
  if (chance(random, 0.4)) return chance(random, 0.1) ? hostileText(random) : encoded(hostileText(random));
  return encoded(String(valueOf(schema, { random, wrong: 0, resolve: document.resolve })));
}

const STORED: Readonly<Record<string, string>> = { cursor: 'cursors', after: 'positions', notificationId: 'notifications', batchId: 'batches', recipientId: 'recipients' }; // prettier-ignore

function queryOf(parameters: readonly Parameter[], { ids, document, random, wrong }: Making): string {
  const pairs = parameters.flatMap(({ name, required, schema }): [string, string][] => {
    if (required !== true && !chance(random, 0.3)) return [];
    const known = ids.of(STORED[name] ?? '');
    const value =
      known.length > 0 && chance(random, 0.7) ? pick(random, known) : valueOf(schema, { random, wrong, resolve: document.resolve });
    return [[name, typeof value === 'string' ? value : JSON.stringify(value)]];
  });
  if (chance(random, wrong / 2)) pairs.push([pick(random, ['surprise', '__proto__', 'limit', 'limit[]', 'after']), hostileText(random)]);
  return pairs.length === 0 ? '' : `?${pairs.map(([name, value]) => `${encoded(name)}=${encoded(value)}`).join('&')}`;
}

/** What stands in header fields is often copied from somewhere else. */
function fieldsOf(parameters: readonly Parameter[], random: Random, wrong: number): (readonly [string, string])[] {
  const usual: Readonly<Record<string, () => string>> = {
    'Idempotency-Key': () => `key-${String(below(random, 50))}`,
    'If-Match': () => pick(random, ['*', '"0"', '"1"', '"2"', 'W/"1"', '"999999999999999"']),
    'X-Request-Id': () => `mine-${String(below(random, 1e9))}`,
    traceparent: () => '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  };
  return parameters.flatMap(({ name }): (readonly [string, string])[] => {
    if (!chance(random, 0.2)) return [];
    return [[name, chance(random, Math.max(wrong, 0.15)) ? hostileText(random) : (usual[name]?.() ?? 'a')]];
  });
}

type Making = { readonly ids: Ids; readonly document: ServedDocument; readonly random: Random; readonly wrong: number };

function fromDocument({ path, method, operation }: Described, making: Making): Draft {
  const { document, random, wrong } = making;
  const parameters: readonly Parameter[] = operation.parameters.map((it: any) => (it.$ref === undefined ? it : document.resolve(it.$ref)));
  const of = (where: string): readonly Parameter[] => parameters.filter((it) => it.in === where);
  const target = of('path').reduce((at, it) => at.replace(`{${it.name}}`, () => idIn(path, it, making)), path);
  return {
    method: method.toUpperCase(),
    target: target + queryOf(of('query'), making),
    fields: fieldsOf(of('header'), random, wrong),
    ...schemaBody(operation, document, random, wrong),
  };
}

const json = (value: unknown): string => JSON.stringify(value) ?? 'null';
const at = (text: string, random: Random): number => below(random, text.length + 1);

/** JSON that is none, or not quite: by bytes, since some of it is no text. */
const MANGLES: Readonly<Record<string, (text: string, random: Random) => Buffer | string>> = {
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
const WIRES: Readonly<Record<string, (request: HostileRequest, random: Random) => HostileRequest>> = {
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

function assembled(id: string, how: string, draft: Draft, body: Buffer): HostileRequest {
  const { method, target, fields, type } = draft;
  const typed = type === undefined ? [] : ([['Content-Type', type]] as const);
  return { id, how, method, target, fields: [...fields, ...typed], body, framing: draft.body === undefined ? 'none' : 'length' };
}

const bytesIn = (body: unknown): Buffer =>
  body instanceof Uint8Array
    ? Buffer.from(body)
    : Buffer.from(body === undefined ? '' : typeof body === 'string' ? body : json(body), 'utf8');

const WAYS = [
  ...Array.from({ length: 2 }, () => 'example' as const),
  ...Array.from({ length: 7 }, () => 'changed' as const),
  ...Array.from({ length: 4 }, () => 'valid' as const),
  ...Array.from({ length: 4 }, () => 'almost' as const),
  ...Array.from({ length: 2 }, () => 'wild' as const),
  ...Array.from({ length: 3 }, () => 'mangled' as const),
];

/** The example with something else in its body, its query or its path. */
function changedExample(draft: Draft, random: Random): Draft {
  if (typeof draft.body === 'object' && !(draft.body instanceof Uint8Array)) return { ...draft, body: mutated(draft.body, random) };
  if (typeof draft.body === 'string') {
    const lines = draft.body
      .trim()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    return { ...draft, body: ndjson([mutated(lines, random)].flat()) };
  }
  return {
    ...draft,
    target: draft.target.replace(/[^/?=&]+$/, () => (chance(random, 0.1) ? hostileText(random) : encoded(hostileText(random)))),
  };
}

/** Messages that may get as far as a mail server. */
const MAILED: Readonly<Record<string, (random: Random) => Pick<Draft, 'body' | 'type'>>> = {
  requestNotification: (random) => ({ body: { ...hostileMail(random), recipients: [hostilePerson(random)] }, type: 'application/json' }),
  requestNotifications: (random) => {
    const lines = Array.from({ length: 1 + below(random, 4) }, () => ({ ...hostileMail(random), recipients: [hostilePerson(random)] }));
    return { body: ndjson(lines), type: 'application/x-ndjson' };
  },
  uploadBatch: (random) => ({
    body: ndjson([hostileMail(random), hostilePerson(random), hostilePerson(random)]),
    type: 'application/x-ndjson',
  }),
};
/** Of so many requests one is such a message, where the operation takes them. */
const MAILED_SHARE = 0.6;
/** How much oftener than others an operation is asked that mails come of. */
const MAILED_WEIGHT = 5;
export const weighted = (operations: readonly Described[]): readonly Described[] =>
  operations.flatMap((it) => Array.from({ length: it.id in MAILED ? MAILED_WEIGHT : 1 }, () => it));

export type Maker = {
  readonly document: ServedDocument;
  readonly world: World;
  readonly ids: Ids;
  readonly key: string;
};

/** The next request for this operation; the same chances, the same request, as far as the ids are the same. */
export function hostileRequest(described: Described, { document, world, ids, key }: Maker, random: Random): HostileRequest {
  const { id } = described;
  const way = pick(random, WAYS);
  const example = exampleOf(id, world);
  const wrong = way === 'almost' ? 0.08 : way === 'wild' ? 0.6 : 0;
  let draft =
    example !== undefined && (way === 'example' || way === 'changed' || chance(random, 0.5))
      ? example
      : fromDocument(described, { ids, document, random, wrong });
  if (way === 'changed') draft = changedExample(draft, random);
  if (way === 'almost' || way === 'valid' || way === 'wild') draft = fromDocument(described, { ids, document, random, wrong });
  const mailed = MAILED[id];
  if (mailed !== undefined && way !== 'mangled' && chance(random, MAILED_SHARE)) draft = { ...draft, ...mailed(random) };
  const mangle = way === 'mangled' && draft.body !== undefined ? pick(random, Object.keys(MANGLES)) : undefined;
  const plain = bytesIn(draft.body);
  const body = mangle === undefined ? plain : Buffer.from(MANGLES[mangle]?.(plain.toString('utf8'), random) ?? '');
  const made = assembled(id, [way, ...(mangle === undefined ? [] : [mangle])].join(', '), draft, body);
  const request = { ...made, fields: [['Authorization', `Bearer ${key}`] as const, ...made.fields] };
  if (!chance(random, 0.12)) return request;
  const wire = pick(random, Object.keys(WIRES));
  return { ...(WIRES[wire]?.(request, random) ?? request), how: `${request.how}, ${wire}` };
}

/** The example as it is: what its operation must be able to answer with a success. */
export function plainRequest({ id }: Described, { world, key }: Maker): HostileRequest {
  const draft = exampleOf(id, world);
  if (draft === undefined) throw new Error(`there is no example for ${id}`);
  const made = assembled(id, 'as it is', draft, bytesIn(draft.body));
  return { ...made, fields: [['Authorization', `Bearer ${key}`], ...made.fields] };
}

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

export { INJECTED };
