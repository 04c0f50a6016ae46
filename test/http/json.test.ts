import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_DEPTH, parseJson } from '../../src/http/json.ts';

describe('JSON from outside', () => {
  test('whatever JSON can say is read as JSON.parse reads it', () => {
    const plain = fc.jsonValue({ maxDepth: 6, noUnicodeString: false }).filter((value) => !JSON.stringify(value).includes('__proto__'));
    fc.assert(
      fc.property(plain, fc.integer({ min: 0, max: 2 }), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        if (/\\ud[89a-f]/.test(text)) return;
        expect(parseJson(text)).toStrictEqual({ ok: true, value: JSON.parse(text) });
      }),
    );
  });

  test('a member that stands twice is found wherever it stands and however it is spelt', () => {
    const strange = fc.string({ maxLength: 8 }).filter((name) => name !== '__proto__');
    fc.assert(
      fc.property(strange, fc.jsonValue({ maxDepth: 2 }), fc.integer({ min: 0, max: 10 }), (name, value, depth) => {
        if (JSON.stringify(value).includes('__proto__')) return;
        const units = Array.from({ length: name.length }, (_, at) => `\\u${name.charCodeAt(at).toString(16).padStart(4, '0')}`);
        const spelt = `"${units.join('')}"`;
        const twice = `{${JSON.stringify(name)}:${JSON.stringify(value)},${spelt}:1}`;
        const text = '['.repeat(depth) + twice + ']'.repeat(depth);
        expect(parseJson(text)).toStrictEqual({ ok: false, message: 'a member stands twice in one object' });
      }),
    );
  });

  test('text is never taken for structure', () => {
    expect(parseJson('{"a":"\\\\","b":"{\\"a\\":[","c":"a\\\\\\"","d":[{"a":1},{"a":2}]}')).toStrictEqual({
      ok: true,
      value: { a: '\\', b: '{"a":[', c: 'a\\"', d: [{ a: 1 }, { a: 2 }] },
    });
  });

  test('depth is bounded', () => {
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
    expect([parseJson(nested(MAX_DEPTH)).ok, parseJson(nested(MAX_DEPTH + 1)).ok]).toStrictEqual([true, false]);
  });

  test.each(['{"__proto__":1}', '[{"a":{"__pr\\u006fto__":{}}}]'])('no member is called __proto__: %s', (text) => {
    expect(parseJson(text)).toStrictEqual({ ok: false, message: 'a member must not be called __proto__' });
  });

  test('half a surrogate pair is refused, a whole one and its spelling in text are not', () => {
    expect([parseJson('"\\ud83d"').ok, parseJson('"\\ud83d\\ude00"').ok, parseJson('"\\\\ud83d"').ok]).toStrictEqual([false, true, true]);
  });

  test.each<readonly [text: string, path: string]>([
    ['1e999', ''],
    ['{"a":[0,{"b/c":-1E+400}]}', '/a/1/b~1c'],
    [`[${'9'.repeat(290)}e20]`, '/0'],
    [`{"a":"1e999","b":${'1'.repeat(400)}}`, '/b'],
  ])('a number that no double holds is refused, with its place: %s', (text, path) => {
    expect(parseJson(text)).toStrictEqual({ ok: false, message: 'a number is beyond what a double holds (IEEE 754)', path });
  });

  test('numbers up to the largest double are not, nor text that looks like one', () => {
    expect(parseJson('[1.7976931348623157e308,1e-999,"1e999"]')).toStrictEqual({ ok: true, value: [1.7976931348623157e308, 0, '1e999'] });
  });

  test('what is said of broken text never quotes it', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const parsed = parseJson(`{"secret-${text}`);
        expect(parsed.ok ? '' : parsed.message).not.toContain('secret');
      }),
    );
  });
});
