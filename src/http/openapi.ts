import type { TObject, TSchema } from 'typebox';
import { POSITION } from '../domain/values/ids.ts';
import { ABOUT, TAGS } from './about.ts';
import { isNothing } from './operation.ts';
import type { Operation, Response, Upload } from './operation.ts';
import { PROBLEMS } from './problems.ts';
import { isObject, readableSchema } from './readableSchema.ts';
import type { Json } from './readableSchema.ts';
import { IDEMPOTENCY_KEY, IF_MATCH } from './requestFacts.ts';

const ref = (kind: string, name: string): Json => ({ $ref: `#/components/${kind}/${name}` });

/**
 * Schemas with a title become components, each once. @throws TypeError when two different ones bear the same title.
 */
function createComponents(): { readonly schemas: Map<string, Json>; readonly place: (schema: unknown) => unknown } {
  const schemas = new Map<string, Json>();
  const texts = new Map<string, string>();

  function inline(schema: unknown): unknown {
    if (Array.isArray(schema)) return schema.map(place);
    if (!isObject(schema)) return schema;
    const entries = Object.entries(readableSchema(schema));
    // Examples are data, even where they look like a schema.
    return Object.fromEntries(entries.map(([name, value]) => [name, name === 'examples' && Array.isArray(value) ? value : place(value)]));
  }

  function place(schema: unknown): unknown {
    if (!isObject(schema) || typeof schema['title'] !== 'string' || !('type' in schema || 'anyOf' in schema)) return inline(schema);
    const { title } = schema;
    const text = JSON.stringify(schema);
    const known = texts.get(title);
    if (known !== undefined && known !== text) throw new TypeError(`two schemas are called ${title}`);
    if (known === undefined) {
      texts.set(title, text);
      const placed = inline(schema);
      schemas.set(title, isObject(placed) ? placed : {});
    }
    return ref('schemas', title);
  }
  return { schemas, place };
}

const PROBLEM_SCHEMA = {
  type: 'object',
  required: ['type', 'title', 'status', 'detail', 'code', 'requestId'],
  properties: {
    type: { type: 'string', format: 'uri', description: '`urn:tidings:problem:` and the code.' },
    title: { type: 'string', description: 'The code in words.' },
    status: { type: 'integer', description: 'As in the status line.' },
    detail: { type: 'string', description: 'What to do next.' },
    code: { type: 'string', description: `Stable. An open set; among them: ${Object.keys(PROBLEMS).join(', ')}.` },
    requestId: { type: 'string', description: 'Finds the request in the log of the service.' },
    errors: {
      type: 'array',
      description: 'All that is wrong with the input.',
      items: {
        type: 'object',
        required: ['path', 'message'],
        properties: { path: { type: 'string', description: 'A JSON Pointer (RFC 6901).' }, message: { type: 'string' } },
      },
    },
  },
} as const;

const text = (description: string, more: Json = {}): Json => ({ description, schema: { type: 'string', ...more } });
const PARAMETERS: Json = {
  after: {
    name: 'after',
    in: 'query',
    ...text('A Tidings-Position: waits, at most 5 s, until the read model has it.', { pattern: POSITION.source }),
  },
  idempotencyKey: {
    name: 'Idempotency-Key',
    in: 'header',
    ...text('A repeat with the same key gets the first answer.', { minLength: 1, maxLength: 255, pattern: IDEMPOTENCY_KEY.source }),
  },
  ifMatch: {
    name: 'If-Match',
    in: 'header',
    ...text('The ETag of what you read, or `*`: a lost race is 412.', { pattern: IF_MATCH.source }),
  },
  requestId: { name: 'X-Request-Id', in: 'header', ...text('Taken and returned.') },
  traceparent: { name: 'traceparent', in: 'header', ...text('W3C Trace Context; taken and returned.') },
};
const HEADERS: Json = {
  position: text('The place in the log that `?after=` takes.'),
  replayed: text('`true`: this is the first answer again.'),
  etag: text('The revision, for `If-Match`.'),
  retryAfter: { description: 'Seconds (RFC 9110 §10.2.3).', schema: { type: 'integer', minimum: 1 } },
  rateLimit: text('What is left of each limit (`r`), and for how many seconds (`t`): draft-ietf-httpapi-ratelimit-headers-11.', {
    examples: ['"key";r=49999;t=1, "tenant";r=99999;t=1'],
  }),
  rateLimitPolicy: text('The limits: how many (`q`) in how many seconds (`w`).', {
    examples: ['"key";q=50000;w=10, "tenant";q=100000;w=10'],
  }),
};

const RATE_LIMIT_FIELDS = { RateLimit: ref('headers', 'rateLimit'), 'RateLimit-Policy': ref('headers', 'rateLimitPolicy') };
const PROBLEM_CONTENT = { 'application/problem+json': { schema: ref('schemas', 'Problem') } };

function parametersOf(operation: Operation, place: (schema: unknown) => unknown): readonly Json[] {
  const of = (where: 'path' | 'query', schema: TObject): readonly Json[] => {
    // Left out by typebox where nothing is required.
    const required: readonly string[] = 'required' in schema ? schema.required : [];
    return Object.entries(schema.properties).map(([name, property]) => ({
      name,
      in: where,
      required: where === 'path' || (required.includes(name) && !('default' in property)),
      schema: place(property),
    }));
  };
  return [
    ...of('path', operation.params),
    ...of('query', operation.query),
    ...(operation.method === 'get' && operation.reads !== undefined ? [ref('parameters', 'after')] : []),
    ...(operation.idempotent === true ? [ref('parameters', 'idempotencyKey')] : []),
    ...(operation.conditional === true ? [ref('parameters', 'ifMatch')] : []),
    ref('parameters', 'requestId'),
    ref('parameters', 'traceparent'),
  ];
}

function requestBodyOf(operation: Operation, place: (schema: unknown) => unknown): Json {
  const { bodyOptional, upload } = operation;
  const content = { ...jsonBodyOf(operation, place), ...(upload !== undefined && uploadOf(upload, place)) };
  return Object.keys(content).length === 0 ? {} : { requestBody: { required: bodyOptional !== true, content } };
}

function jsonBodyOf({ body, described = body, method }: Operation, place: (schema: unknown) => unknown): Json {
  if (isNothing(described)) return {};
  const json = { 'application/json': { schema: place(described) } };
  return method === 'patch' ? { 'application/merge-patch+json': json['application/json'], ...json } : json;
}

const uploadOf = (upload: Upload, place: (schema: unknown) => unknown): Json =>
  upload.kind === 'lines'
    ? { 'application/x-ndjson': { schema: { type: 'string', description: linesText(upload, place) } } }
    : { 'application/octet-stream': { schema: { type: 'string', format: 'binary', maxLength: upload.maxBytes } } };

/** A line's schema is a component of its own: OpenAPI 3.1 has no word for a sequence of documents. */
function linesText(upload: { readonly line: TSchema; readonly first?: TSchema }, place: (schema: unknown) => unknown): string {
  const nameOf = (schema: TSchema): string => {
    place(schema);
    return 'title' in schema ? String(schema['title']) : 'document';
  };
  const first = upload.first === undefined ? '' : `The first line is a ${nameOf(upload.first)}. `;
  return `One JSON document a line. ${first}Each ${first === '' ? '' : 'further '}line is a ${nameOf(upload.line)}.`;
}

function headersOf(operation: Operation): Json {
  const command = operation.method !== 'get' && operation.scope !== 'public';
  return {
    ...(operation.scope !== 'public' && RATE_LIMIT_FIELDS),
    ...(command && { 'Tidings-Position': ref('headers', 'position') }),
    ...(operation.idempotent === true && { 'Idempotency-Replayed': ref('headers', 'replayed') }),
    ...(operation.conditional === true && { ETag: ref('headers', 'etag') }),
  };
}

function responseOf(
  operation: Operation,
  { description, schema, contentType, lines, csv }: Response,
  place: (schema: unknown) => unknown,
): Json {
  const headers = headersOf(operation);
  return {
    description,
    ...(Object.keys(headers).length > 0 && { headers }),
    ...(schema !== undefined && {
      content: {
        [contentType ?? 'application/json']: { schema: place(schema) },
        ...(lines !== undefined && {
          'application/x-ndjson': { schema: { type: 'string', description: linesText({ line: lines }, place) } },
        }),
        ...(csv === true && { 'text/csv': { schema: { type: 'string' } } }),
      },
    }),
  };
}

function operationOf(operation: Operation, place: (schema: unknown) => unknown): Json {
  const responses = Object.entries(operation.responses).map(([status, response]) => [status, responseOf(operation, response, place)]);
  const scope = operation.scope === 'instance' ? '`admin` of the tenant `default`' : `\`${operation.scope}\``;
  const about = operation.scope === 'public' ? 'Takes no credentials.' : `Scope: ${scope}.`;
  return {
    operationId: operation.id,
    tags: [operation.tag],
    summary: operation.summary,
    description: operation.description === undefined ? about : `${operation.description}\n\n${about}`,
    security: operation.scope === 'public' ? [] : [{ bearer: [] }],
    parameters: parametersOf(operation, place),
    ...requestBodyOf(operation, place),
    responses: {
      ...Object.fromEntries(responses),
      ...(operation.scope !== 'public' && { 429: ref('responses', 'rateLimited') }),
      default: ref('responses', 'problem'),
    },
  };
}

/** The OpenAPI 3.1 document of these operations: made from the same schemas that check their requests. */
export function openApiOf(operations: readonly Operation[], about: { readonly version: string; readonly url: string }): Json {
  const { schemas, place } = createComponents();
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of operations) (paths[operation.path] ??= {})[operation.method] = operationOf(operation, place);
  return {
    openapi: '3.1.0',
    info: {
      title: 'Tidings',
      version: about.version,
      description: ABOUT,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: about.url }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', description: 'An API key or a JWT.' } },
      parameters: PARAMETERS,
      headers: HEADERS,
      responses: {
        problem: { description: 'A problem (RFC 9457).', content: PROBLEM_CONTENT },
        rateLimited: {
          description: 'A limit is exceeded: `rate_limited`. `violated-policies` names it.',
          headers: { 'Retry-After': ref('headers', 'retryAfter'), ...RATE_LIMIT_FIELDS },
          content: PROBLEM_CONTENT,
        },
      },
      schemas: { Problem: PROBLEM_SCHEMA, ...Object.fromEntries(schemas) },
    },
  };
}
