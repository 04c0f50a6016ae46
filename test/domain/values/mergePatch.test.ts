import { expect, test } from 'vitest';
import { mergeMember, mergePatch, type Json } from '../../../src/domain/values/mergePatch.ts';

/** RFC 7386, appendix A. */
const CASES: readonly (readonly [Json, Json, Json])[] = [
  [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
  [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
  [{ a: 'b' }, { a: null }, {}],
  [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
  [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
  [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
  [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
  [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
  [
    ['a', 'b'],
    ['c', 'd'],
    ['c', 'd'],
  ],
  [{ a: 'b' }, ['c'], ['c']],
  [{ a: 'foo' }, null, null],
  [{ a: 'foo' }, 'bar', 'bar'],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: 'b', c: null }, { a: 'b' }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
];

test.each(CASES)('%j patched by %j is %j', (target, patch, result) => {
  expect(mergePatch(target, patch)).toStrictEqual(result);
});

test('a name that JavaScript finds special is a name like any other', () => {
  const patch = JSON.parse('{"__proto__": {"polluted": true}}') as Json;
  const merged = mergePatch({}, patch);
  expect(JSON.stringify(merged)).toBe('{"__proto__":{"polluted":true}}');
  expect(({} as { polluted?: boolean }).polluted).toBe(undefined);
});

test('a member is kept, replaced or removed', () => {
  expect([mergeMember('old', undefined), mergeMember('old', 'new'), mergeMember('old', null), mergeMember(undefined, null)]).toStrictEqual([
    'old',
    'new',
    undefined,
    undefined,
  ]);
});
