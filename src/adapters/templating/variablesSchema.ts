import { createHash } from 'node:crypto';
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import { LRUCache } from 'lru-cache';

/** `path`: JSON Pointer (RFC 6901), of the schema or of the variables. Messages quote the schema, never a value. */
export type SchemaError = { readonly path: string; readonly message: string };
type Json = { readonly [name: string]: unknown };

const MAX_CHARS = 65_536;
const MAX_DEPTH = 12;
const MAX_NODES = 500;
/** Members and elements of the variables of one message: what schemas multiply with. */
const MAX_VALUES = 10_000;
const MAX_KEPT = 500;

/**
 * What a tenant's schema may say. `pattern`, `format` and their kin run expressions over values; references make loops;
 * `uniqueItems` compares every pair; `unevaluated…` and dependent schemas multiply work.
 */
const KEYWORDS: ReadonlySet<string> = new Set([
  'title', 'description', 'default', 'examples', 'type', 'enum', 'const', 'properties', 'required', 'additionalProperties',
  'minProperties', 'maxProperties', 'items', 'prefixItems', 'minItems', 'maxItems', 'minLength', 'maxLength', 'minimum', 'maximum',
  'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf', 'anyOf', 'oneOf', 'allOf', 'not', 'deprecated', 'readOnly', 'writeOnly',
]); // prettier-ignore
/** Keywords whose value is data, names of its own, or text. */
const OPAQUE: ReadonlySet<string> = new Set([
  'default',
  'examples',
  'enum',
  'const',
  'required',
  'title',
  'description',
  '$schema',
  'type',
]);

const ajv = new Ajv2020({
  strict: false,
  allErrors: true,
  validateFormats: false,
  validateSchema: true,
  addUsedSchema: false,
  logger: false,
});
type Compiled = ValidateFunction | readonly SchemaError[];
const compiled = new LRUCache<string, Compiled>({ max: MAX_KEPT });
const ofObject = new WeakMap<Json, Compiled>();

/** Whether this can be the JSON Schema (2020-12) of a template's variables: an object, bounded, of known keywords. Empty: it can. */
export function checkVariablesSchema(schema: Json): readonly SchemaError[] {
  const found = compiledOf(schema);
  return typeof found === 'function' ? [] : found;
}

/** What is wrong with variables, all of it, by JSON Pointer. @throws TypeError for a schema that `checkVariablesSchema` refuses. */
export function validateVariables(schema: Json, variables: Json): readonly SchemaError[] {
  const validate = compiledOf(schema);
  if (typeof validate !== 'function') throw new TypeError('the schema of the variables was never checked');
  if (countUpTo(variables, MAX_VALUES) > MAX_VALUES) return [{ path: '', message: `must hold at most ${MAX_VALUES} values` }];
  if (validate(variables)) return [];
  return (validate.errors ?? []).slice(0, 100).map(errorOf);
}

/** Names that the schema declares; undefined: it lets others pass too. */
export function declaredVariables(schema: Json): ReadonlySet<string> | undefined {
  const { properties } = schema;
  return typeof properties === 'object' && properties !== null ? new Set(Object.keys(properties)) : undefined;
}

function countUpTo(value: unknown, limit: number): number {
  const waiting: unknown[] = [value];
  for (let count = 1; waiting.length > 0; count += 1) {
    if (count + waiting.length > limit + 1) return limit + 1;
    const it = waiting.pop();
    const members: readonly unknown[] = typeof it === 'object' && it !== null ? Object.values(it) : [];
    waiting.push(...members.slice(0, limit));
  }
  return 0;
}

function compiledOf(schema: Json): Compiled {
  const known = ofObject.get(schema);
  if (known !== undefined) return known;
  const made = byDigest(schema);
  ofObject.set(schema, made);
  return made;
}

function byDigest(schema: Json): Compiled {
  const text = JSON.stringify(schema);
  if (text.length > MAX_CHARS) return [{ path: '', message: `must have at most ${MAX_CHARS} characters` }];
  const key = createHash('sha256').update(text).digest('base64url');
  const known = compiled.get(key);
  if (known !== undefined) return known;
  const made = compile(schema);
  compiled.set(key, made);
  return made;
}

const DIALECT = 'https://json-schema.org/draft/2020-12/schema';

function compile({ $schema: dialect, ...schema }: Json): Compiled {
  const errors: SchemaError[] = [];
  if (dialect !== undefined && dialect !== DIALECT) errors.push({ path: '/$schema', message: `must be ${DIALECT}` });
  inspect({ schema, path: '', depth: 0 }, { nodes: MAX_NODES }, errors);
  if (schema['type'] !== 'object') errors.push({ path: '/type', message: 'must be "object"' });
  if (errors.length > 0) return errors;
  if (ajv.validateSchema(schema) !== true) return (ajv.errors ?? []).slice(0, 20).map(errorOf);
  const validate = ajv.compile(schema);
  // Ajv would keep it for ever; the cache above has bounds.
  ajv.removeSchema(schema);
  return validate;
}

type Place = { readonly schema: unknown; readonly path: string; readonly depth: number };

function inspect({ schema, path, depth }: Place, budget: { nodes: number }, errors: SchemaError[]): void {
  budget.nodes -= 1;
  if (budget.nodes < 0 || depth > MAX_DEPTH) {
    if (errors.length === 0) errors.push({ path, message: `must not nest over ${MAX_DEPTH} levels or hold over ${MAX_NODES} schemas` });
    return;
  }
  for (const [keyword, value] of membersOf(schema)) {
    const at = `${path}/${escaped(keyword)}`;
    if (!KEYWORDS.has(keyword)) errors.push({ path: at, message: 'this keyword is not supported in the schema of variables' });
    else if (!OPAQUE.has(keyword)) for (const part of partsOf(keyword, value, at)) inspect({ ...part, depth: depth + 1 }, budget, errors);
  }
}

const membersOf = (schema: unknown): readonly (readonly [string, unknown])[] =>
  typeof schema === 'object' && schema !== null && !Array.isArray(schema) ? Object.entries(schema) : [];

type Part = { readonly schema: unknown; readonly path: string };

function partsOf(keyword: string, value: unknown, path: string): readonly Part[] {
  if (typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) return value.map((schema: unknown, i) => ({ schema, path: `${path}/${i}` }));
  if (keyword !== 'properties') return [{ schema: value, path }];
  return membersOf(value).map(([name, schema]) => ({ schema, path: `${path}/${escaped(name)}` }));
}

const escaped = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1');

/** Ajv's own words, which quote the schema; names of members that are too many or missing belong to the path. */
function errorOf({ instancePath, keyword, params, message }: ErrorObject): SchemaError {
  const { missingProperty, additionalProperty } = params as { readonly [name: string]: unknown };
  const named = missingProperty ?? additionalProperty;
  const path = typeof named === 'string' ? `${instancePath}/${escaped(named)}` : instancePath;
  if (keyword === 'required') return { path, message: 'is missing' };
  if (keyword === 'additionalProperties') return { path, message: 'is not declared' };
  return { path, message: message ?? 'is not valid' };
}
