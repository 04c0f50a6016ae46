/** From [0, 1). */
export type Random = () => number;

export const below = (random: Random, count: number): number => Math.floor(random() * count);
export const pick = <T>(random: Random, list: readonly T[]): T => list[below(random, list.length)] as T;
export const chance = (random: Random, share: number): boolean => random() < share;

/** What would become a header field of its own, if it ever stood in a header as it is. */
export const INJECTED = 'x-injected';
const BREAKS = ['\r\n', '\n', '\r', '\r\n\r\n', '\u0085', '\u2028', '%0d%0a', '\\r\\n', '\u010d\u010a', '\r\n ', '\0\r\n'];
const FIELDS = [
  `X-Injected: 1`,
  'Bcc: injected@example.com',
  'Content-Type: text/html',
  '<script>',
  '.\r\nMAIL FROM:<injected@example.com>',
];
const breaking = (random: Random): string =>
  `${pick(random, ['', 'a', 'Ana <a@example.com>'])}${pick(random, BREAKS)}${pick(random, FIELDS)}`;

/** Text of no good intent: what parsers, terminals, databases, headers and templates trip over. */
const TEXTS: readonly string[] = [
  ...['', ' ', '\t', '\0', 'a\0b', '\u0001', '\u007f', '\u0080', '\ufeff', '\ufeffa', '\ufffd', '\uffff', '\u{10ffff}'],
  ...['\u202e\u0645\u0631\u062d\u0628\u0627\u202c', 'e\u0301', '\u00e9', 'Z\u0351\u036b\u0343\u036a\u0302\u036b', '\u200b', '\u2066a\u2069', '\u{1f468}\u200d\u{1f469}\u200d\u{1f467}'],
  ...['ﬁ', 'ß', 'İ', 'ſ', '𝒶', '①', 'Ａ', 'а@example.com', 'ａ@ｅｘａｍｐｌｅ．ｃｏｍ'],
  ...["'; drop table events; --", '" or ""="', '\\', '\\u0000', '%00', '%', '%zz', '..', '../..', '/etc/passwd', '~', '*', '$1', '${x}', '`id`', '$(id)'],
  ...['{{ x }}', '{{ x.y.z }}', '{% for x in y %}', '{{', '}}', '{#', '{{ 9 ** 9 ** 9 }}', '{{ constructor }}', '{% set x = 1 %}{{ x }}'],
  ...['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'null', 'undefined', 'NaN', 'Infinity', 'true', '[]', '{}'],
  ...['-1', '0', '-0', '1e400', '1e308', '0x10', '١٢٣', '9007199254740993', '99999999999999999999', '1.5', '2.0000000000000000001', ' 1'],
  ...['2026-02-30T00:00:00Z', '0000-01-01T00:00:00Z', '9999-12-31T23:59:60Z', '2026-12-01', '2026-12-01T24:00:00Z', '-000001-01-01T00:00:00Z', 'P1Y', 'PT', 'P99999999999W'],
  ...['Europe/Atlantis', 'UTC', 'recipient', 'en-u-ca-buddhist', 'x-private', 'i-klingon', 'a', 'root'],
  ...['javascript:alert(1)', 'data:text/html,x', 'http://127.0.0.1/', 'http://[::ffff:7f00:1]/', 'https://a@b:c@d/', '//x', 'file:///etc/passwd'],
  ...['a@b', '@', 'a@@b.com', '"a b"@example.com', 'a@[127.0.0.1]', 'a@xn--', `${'a'.repeat(65)}@example.com`, 'a@example.com,b@example.com', 'Ana <a@example.com>', '<a@example.com>', 'a@example.com\r\nRCPT TO:<b@example.com>'],
  ...['+', '+1', '+0', '+43664123456789012345', '00436641234567', '+1 (555) 555-0100', '+4366412345678;ext=1'],
  ...['x'.repeat(129), 'x'.repeat(257), 'x'.repeat(999), 'x'.repeat(5_001), '\u0301'.repeat(300), '\u{1f600}'.repeat(130), `${'a.'.repeat(200)}com`],
  ...['=?utf-8?Q?a=0D=0AX-Injected:_1?=', '=?utf-8?B?DQpYLUluamVjdGVkOiAx?=', '=?x?', '<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', '&#x0d;&#x0a;'],
]; // prettier-ignore

export const hostileText = (random: Random): string =>
  chance(random, 0.25) ? breaking(random) : chance(random, 0.02) ? 'y'.repeat(70_000) : pick(random, TEXTS);

const NUMBERS = [0, -0, -1, 1, 0.1, 2 ** 31, 2 ** 53 + 2, -(2 ** 63), 1e308, 5e-324, 201, 1_000_001];
const NAMES = [
  '__proto__',
  'constructor',
  'toString',
  'a',
  '',
  'x y',
  'é',
  '\ud83d\ude00',
  'length',
  'then',
  '$ref',
  'a/b~c',
  'x'.repeat(129),
];

/** Any JSON at all; not deep. */
export function hostileJson(random: Random, depth = 3): unknown {
  const kind = below(random, depth > 0 ? 9 : 6);
  if (kind < 3) return hostileText(random);
  if (kind === 3) return pick(random, NUMBERS);
  if (kind === 4) return pick(random, [true, false]);
  if (kind === 5) return null;
  const length = chance(random, 0.03) ? 300 : below(random, 4);
  if (kind === 6) return Array.from({ length }, () => hostileJson(random, depth - 1));
  return Object.fromEntries(Array.from({ length }, () => [pick(random, NAMES), hostileJson(random, depth - 1)]));
}

/** Well-formed for one schema or another: where a pattern or a format is asked for, one that fits is taken. */
const WELL_FORMED: readonly string[] = [
  ...['a', 'ana', 'order_confirmation', 'transactional', 'hook-1', 'en', 'de-AT', 'UTC', 'Europe/Vienna', 'recipient', 'r.pdf', 'text/plain', 'image/png'],
  ...['2099-01-01T09:00:00Z', '2099-12-31T23:59:59.999+02:00', '2000-01-01T00:00:00Z', '2099-01-01T09:00', '2000-01-01', 'PT2H', 'P1D', 'PT0S', 'P7W'],
  ...['https://hooks.example.com/a', 'myapp:x', 'SGVsbG8=', '', 'logo@example', 'X-Campaign', 'Hello {{ name }}', 'Ana Müller', 'ana@example.com', '+4366412345678'],
]; // prettier-ignore

const FORMATS: Readonly<Record<string, RegExp>> = {
  'date-time': /^\d{4}-\d\d-\d\dT[\d:.]+(?:Z|\+\d\d:\d\d)$/,
  date: /^\d{4}-\d\d-\d\d$/,
  'local-date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d$/,
  duration: /^P(?:T?\d+[WDHMS])+$/,
  'time-zone': /^(?:UTC|Europe\/Vienna)$/,
  uri: /^[a-z]+:/,
  locale: /^(?:en|de-AT)$/,
  base64: /^(?:SGVsbG8=)?$/,
};

function textOf(schema: any, random: Random): string {
  const format = FORMATS[schema.format as string];
  const pattern = schema.pattern === undefined ? undefined : new RegExp(schema.pattern as string, 'u');
  const fits = WELL_FORMED.filter(
    (it) =>
      (format?.test(it) ?? true) &&
      (pattern?.test(it) ?? true) &&
      it.length >= (schema.minLength ?? 0) &&
      it.length <= (schema.maxLength ?? Number.POSITIVE_INFINITY),
  );
  return fits.length === 0 ? 'a' : pick(random, fits);
}

/** Where a schema has no end, a number that no column of a database holds is as good as any. */
const HUGE = [2 ** 31, 2 ** 32 + 1, 2 ** 53 - 1, 1e15];
function numberOf({ minimum = 0, maximum }: { minimum?: number; maximum?: number }, random: Random): number {
  if (maximum === undefined && chance(random, 0.2)) return pick(random, HUGE);
  const most = maximum ?? minimum + 100;
  return pick(random, [minimum, Math.min(most, minimum + 1), most, minimum + below(random, most - minimum + 1)]);
}

export type Values = {
  readonly random: Random;
  readonly resolve: (ref: string) => any;
  /** Of all members and items, how many are something else than they should be. */
  readonly wrong: number;
};

/** A value for a schema of the document. */
export function valueOf(schema: any, values: Values, depth = 8): unknown {
  const { random, resolve, wrong } = values;
  if (wrong > 0 && chance(random, wrong))
    return chance(random, 0.6) && schema?.type === 'string' ? hostileText(random) : hostileJson(random);
  if (schema === true || schema === undefined) return hostileJson(random, 2);
  if (schema.$ref !== undefined) return valueOf(resolve(schema.$ref as string), values, depth);
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return pick(random, schema.enum as readonly unknown[]);
  if (Array.isArray(schema.examples) && chance(random, 0.15)) return pick(random, schema.examples as readonly unknown[]);
  const options: readonly any[] | undefined = schema.oneOf ?? (schema.properties === undefined ? schema.anyOf : undefined);
  if (options !== undefined) return valueOf(pick(random, options), values, depth);
  const type: unknown = Array.isArray(schema.type) ? pick(random, schema.type) : schema.type;
  if (type === 'string') return textOf(schema, random);
  if (type === 'integer' || type === 'number') return numberOf(schema, random);
  if (type === 'boolean') return chance(random, 0.5);
  if (type === 'null') return null;
  if (type === 'array') return listOf(schema, values, depth);
  return type === 'object' ? objectOf(schema, values, depth) : hostileJson(random, 2);
}

function listOf(schema: any, values: Values, depth: number): readonly unknown[] {
  const least = Number(schema.minItems ?? 0);
  const most = Math.min(Number(schema.maxItems ?? 3), least + 2);
  const length = depth > 0 ? least + below(values.random, most - least + 1) : least;
  return Array.from({ length }, () => valueOf(schema.items, values, depth - 1));
}

/** What a member is usually called to hold: without it little would be accepted, and what comes after acceptance never seen. */
const USUAL: Readonly<Record<string, readonly unknown[]>> = {
  category: ['transactional', 'orders', 'account'],
  email: ['ana@example.com', 'bo@example.com', 'author@example.com'],
  template: ['every', { key: 'every', version: 1 }],
  phone: ['+4366412345678'],
  key: ['every', 'every-key'],
};

function objectOf(schema: any, values: Values, depth: number): object {
  const { random, wrong } = values;
  const required: readonly string[] = schema.required ?? [];
  const isTaken = (name: string): boolean =>
    required.includes(name) ? !(wrong > 0 && chance(random, wrong / 2)) : depth > 0 && chance(random, 0.35);
  const members = Object.entries<any>(schema.properties ?? {}).flatMap(([name, member]): [string, unknown][] =>
    isTaken(name) ? [[name, usualOr(name, values, () => valueOf(member, values, depth - 1))]] : [],
  );
  if (members.length === 0 && schema.additionalProperties !== false && depth > 0)
    members.push([
      pick(random, ['X-Campaign', 'name', 'en', 'orderNumber']),
      valueOf(schema.additionalProperties ?? { type: 'string' }, values, depth - 1),
    ]);
  if (wrong > 0 && chance(random, wrong)) members.push([pick(random, NAMES), hostileJson(random)]);
  return Object.fromEntries(members);
}

function usualOr(name: string, { random }: Values, otherwise: () => unknown): unknown {
  const usual = USUAL[name];
  return usual !== undefined && chance(random, 0.7) ? pick(random, usual) : otherwise();
}

/** A message by mail with something hostile wherever a header field may come of it. */
export function hostileMail(random: Random): Readonly<Record<string, unknown>> {
  const or = (usual: string): string => (chance(random, 0.3) ? hostileText(random) : usual);
  const name = chance(random, 0.05) ? hostileText(random) : 'X-Campaign';
  const attachment = {
    filename: or('r.pdf'),
    contentType: or('application/pdf'),
    content: 'SGVsbG8=',
    disposition: 'inline',
    contentId: or('logo@example'),
  };
  const email = {
    subject: or('Order {{ v }}'),
    html: '<p>{{ v }} <a href="{{ u }}">x</a> <img src="cid:logo@example"></p>',
    ...(chance(random, 0.5) && { preheader: or('{{ v }}') }),
    ...(chance(random, 0.5) && { text: or('{{ v }}') }),
    ...(chance(random, 0.5) && { from: or('"{{ v }}" <shop@example.com>') }),
    ...(chance(random, 0.5) && { replyTo: or('{{ v }} <help@example.com>') }),
    ...(chance(random, 0.5) && { headers: { [name]: or('{{ v }}'), 'List-Id': or('a {{ v }} <list.example.com>') } }),
  };
  return {
    type: or('mailed'),
    category: 'transactional',
    content: { email },
    variables: { v: hostileText(random), u: or('https://example.com/{{ v }}') },
    ...(chance(random, 0.3) && { attachments: [attachment] }),
    ...(chance(random, 0.3) && { key: or('every-key') }),
    ...(chance(random, 0.2) && { context: { source: or('shop'), correlationId: or('c-1'), metadata: { m: hostileText(random) } } }),
  };
}

export function hostilePerson(random: Random): object {
  const email = chance(random, 0.15) ? hostileText(random) : `p${String(below(random, 1e6))}@example.com`;
  return {
    email,
    ...(chance(random, 0.5) && { name: hostileText(random) }),
    ...(chance(random, 0.2) && { variables: { v: hostileText(random) } }),
  };
}

/** Somewhere in it one value is another, is gone, or has company. */
export function mutated(value: unknown, random: Random): unknown {
  if (typeof value !== 'object' || value === null || chance(random, 0.15))
    return chance(random, 0.5) ? hostileText(random) : hostileJson(random);
  const entries: [string, unknown][] = Object.entries(value);
  const place = below(random, entries.length + 1);
  const changed = entries.flatMap(([name, member], at): [string, unknown][] => {
    if (at !== place) return [[name, member]];
    return chance(random, 0.15) ? [] : [[name, mutated(member, random)]];
  });
  if (place === entries.length) changed.push([pick(random, NAMES), hostileJson(random)]);
  return Array.isArray(value) ? changed.map(([, member]) => member) : Object.fromEntries(changed);
}
