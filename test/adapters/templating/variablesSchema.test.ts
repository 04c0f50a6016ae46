import { describe, expect, test } from 'vitest';
import { checkVariablesSchema, declaredVariables, validateVariables } from '../../../src/adapters/templating/variablesSchema.ts';

const schema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  required: ['name', 'items'],
  additionalProperties: false,
  properties: {
    name: { type: 'string', maxLength: 10 },
    items: { type: 'array', maxItems: 3, items: { type: 'object', required: ['price'], properties: { price: { type: 'number' } } } },
    'a/b': { enum: ['x', 'y'] },
  },
};

describe('variables', () => {
  test('that fit pass', () => {
    expect(validateVariables(schema, { name: 'Ana', items: [{ price: 1 }], 'a/b': 'x' })).toStrictEqual([]);
  });

  test('that do not are all named by JSON Pointer, without their values', () => {
    const errors = validateVariables(schema, { name: 'a name that is too long', items: [{ price: 'secret' }, {}], 'a/b': 'z', more: 1 });
    expect(errors.toSorted((a, b) => (a.path < b.path ? -1 : 1))).toStrictEqual([
      { path: '/a~1b', message: 'must be equal to one of the allowed values' },
      { path: '/items/0/price', message: 'must be number' },
      { path: '/items/1/price', message: 'is missing' },
      { path: '/more', message: 'is not declared' },
      { path: '/name', message: 'must NOT have more than 10 characters' },
    ]);
  });

  test('are bounded', () => {
    expect(validateVariables(schema, { items: new Array(20_000).fill(1) })).toStrictEqual([
      { path: '', message: 'must hold at most 10000 values' },
    ]);
  });

  test('a schema that was refused validates nothing', () => {
    expect(() => validateVariables({ type: 'string' }, {})).toThrow(TypeError);
  });
});

describe('a schema', () => {
  test('declares names', () => {
    expect(declaredVariables(schema)).toStrictEqual(new Set(['name', 'items', 'a/b']));
    expect(declaredVariables({ type: 'object' })).toBeUndefined();
  });

  const deep = (levels: number): object => (levels === 0 ? {} : { properties: { a: deep(levels - 1) } });
  const refused: readonly (readonly [string, object, string])[] = [
    ['pattern', { type: 'object', properties: { a: { pattern: '(a+)+$' } } }, '/properties/a/pattern'],
    ['format', { type: 'object', properties: { a: { format: 'email' } } }, '/properties/a/format'],
    ['patternProperties', { type: 'object', patternProperties: { '(a+)+$': {} } }, '/patternProperties'],
    ['propertyNames', { type: 'object', propertyNames: { pattern: 'x' } }, '/propertyNames'],
    ['$ref', { type: 'object', $ref: '#' }, '/$ref'],
    ['$dynamicRef', { type: 'object', $dynamicRef: '#x' }, '/$dynamicRef'],
    ['$defs', { type: 'object', $defs: {} }, '/$defs'],
    ['$id', { type: 'object', $id: 'https://x.y' }, '/$id'],
    ['uniqueItems', { type: 'object', properties: { a: { uniqueItems: true } } }, '/properties/a/uniqueItems'],
    ['contentSchema', { type: 'object', contentSchema: {} }, '/contentSchema'],
    ['another dialect', { type: 'object', $schema: 'http://json-schema.org/draft-07/schema#' }, '/$schema'],
    ['no object', { type: 'array' }, '/type'],
    ['nothing', {}, '/type'],
    ['a type that is none', { type: 'object', properties: { a: { type: 'text' } } }, '/properties/a/type'],
    ['a length that is none', { type: 'object', properties: { a: { maxLength: -1 } } }, '/properties/a/maxLength'],
    ['deep nesting', { type: 'object', ...deep(200) }, '/properties/a'.repeat(13)],
    ['many schemas', { type: 'object', anyOf: new Array(600).fill({}) }, '/anyOf/499'],
    ['a keyword in a branch', { type: 'object', anyOf: [{ not: { items: { pattern: 'x' } } }] }, '/anyOf/0/not/items/pattern'],
    ['size', { type: 'object', description: 'x'.repeat(70_000) }, ''],
  ];
  test.each(refused)('with %s is refused', (_name, it, path) => {
    expect(checkVariablesSchema({ ...it }).map((error) => error.path)).toContain(path);
  });

  test('may name a variable as a keyword, and hold any data where data stands', () => {
    expect(checkVariablesSchema({ type: 'object', properties: { pattern: { type: 'string', default: { pattern: 1 } }, $ref: { const: { format: 'x' } } } })).toStrictEqual([]);
  });
}); // prettier-ignore
