import { clientWith, ndjson, type Body } from '../support/client.ts';
import { EXAMPLES, type World } from '../support/exampleCalls.ts';
import type { Described, ServedDocument } from '../support/servedDocument.ts';
import type { Ids } from './hostileIds.ts';
import { below, chance, hostileMail, hostilePerson, hostileText, mutated, pick, valueOf, type Random } from './hostileValues.ts';
import { json, MANGLES, WIRES, type HostileRequest } from './hostileWire.ts';

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
