export type Json = { readonly [name: string]: unknown };
export const isObject = (it: unknown): it is Json => typeof it === 'object' && it !== null && !Array.isArray(it);
const listIn = (it: unknown): readonly unknown[] => (Array.isArray(it) ? it : []);

const COMBINATORS = ['anyOf', 'oneOf', 'not', 'if', 'then', 'else'] as const;
const without = (schema: Json, names: readonly string[]): Json =>
  Object.fromEntries(Object.entries(schema).filter(([name]) => !names.includes(name)));

/**
 * A rule that JSON Schema says in a roundabout way is given to readers as its sentence: combinators with `x-message`, here or in
 * `allOf`, become part of the description. What remains is what tools draw and generate code from.
 */
function spoken(schema: Json): Json {
  const own = schema['x-message'];
  const rules = listIn(schema['allOf']).filter(isObject);
  const sentences = [
    ...(typeof own === 'string' && COMBINATORS.some((name) => name in schema) ? [own] : []),
    ...rules.flatMap((rule) => (typeof rule['x-message'] === 'string' ? [rule['x-message']] : [])),
  ];
  const unspoken = rules.filter((rule) => typeof rule['x-message'] !== 'string');
  const before = schema['description'];
  const description = [...(typeof before === 'string' ? [before] : []), ...new Set(sentences.map((it) => `It ${it}.`))].join(' ');
  return {
    ...without(schema, ['x-message', 'allOf', ...(typeof own === 'string' ? COMBINATORS : [])]),
    ...(unspoken.length > 0 && { allOf: unspoken }),
    ...(description !== '' && { description }),
  };
}

const OF_STRINGS = ['minLength', 'maxLength', 'pattern', 'format', 'enum'];
/** One schema for text or object (so that errors name the member) is shown as the two alternatives that it is. */
function split(schema: Json): Json {
  const types = listIn(schema['type']);
  if (!types.includes('object')) return schema;
  const about = ['title', 'description'];
  const other = types.find((type) => type !== 'object');
  const texts = Object.keys(schema).filter((name) => !OF_STRINGS.includes(name) && !about.includes(name));
  return {
    ...without(
      schema,
      Object.keys(schema).filter((name) => !about.includes(name)),
    ),
    oneOf: [
      { ...without(schema, [...texts, ...about]), type: other },
      { ...without(schema, [...OF_STRINGS, ...about]), type: 'object' },
    ],
  };
}

/** Formats of our own (`validation.ts`), for tools that know only those of JSON Schema: what every value of them looks like. */
const LOOKS: Readonly<Record<string, string>> = {
  locale: '^[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,4}$',
  'local-date-time': '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d(?::\\d\\d)?$',
  'time-zone': '^[A-Za-z][A-Za-z0-9+_/-]*$',
  base64: '^[A-Za-z0-9+/]*={0,2}$',
};
function shaped(schema: Json): Json {
  const look = typeof schema['format'] === 'string' ? LOOKS[schema['format']] : undefined;
  return look === undefined || 'pattern' in schema ? schema : { ...schema, pattern: look };
}

/** A schema as the OpenAPI document shows it. */
export const readableSchema = (schema: Json): Json => split(shaped(spoken(schema)));
