import { describe, expect, test } from 'vitest';
import { parseTemplate } from '../../../src/adapters/templating/syntax.ts';
import { compileTemplate } from '../../../src/adapters/templating/template.ts';
import { rendering } from '../../support/templates.ts';

const refused = (code: string): { readonly refused: string } => ({ refused: code });
const list = (length: number): readonly number[] => Array.from({ length }, (_, i) => i);

describe('what would run code does not compile', () => {
  const attacks: readonly (readonly [string, string])[] = [
    [`{{ range.constructor("return process.mainModule.require('child_process').execSync('id')")() }}`, 'unsupported'],
    [`{{ cycler.constructor("return process")() }}`, 'unsupported'],
    [`{{ joiner.constructor("return process")() }}`, 'unsupported'],
    [`{{ "".constructor.constructor("return process")() }}`, 'unsupported'],
    [`{{ ""["con" ~ "structor"] }}`, 'computed_member'],
    [`{{ ""["constructor"] }}`, 'forbidden_member'],
    [`{{ "".constructor }}`, 'forbidden_member'],
    [`{{ [].constructor }}`, 'forbidden_member'],
    [`{{ [].__proto__ }}`, 'forbidden_member'],
    [`{{ {}.__proto__ }}`, 'forbidden_member'],
    [`{{ __proto__ }}`, 'forbidden_member'],
    [`{{ constructor }}`, 'forbidden_member'],
    [`{{ constructor.constructor }}`, 'forbidden_member'],
    [`{{ user.prototype }}`, 'forbidden_member'],
    [`{{ user.__defineGetter__ }}`, 'forbidden_member'],
    [`{{ user.__lookupGetter__("x") }}`, 'unsupported'],
    [`{% set k = "constructor" %}{{ user[k] }}`, 'computed_member'],
    [`{% for k in ["constructor"] %}{{ user[k] }}{% endfor %}`, 'computed_member'],
    [`{{ user[1.5] }}`, 'computed_member'],
    [`{{ user[true] }}`, 'computed_member'],
    [`{{ user[-1] }}`, 'computed_member'],
    [`{{ user[user] }}`, 'computed_member'],
    [`{{ user[] }}`, 'computed_member'],
    [`{{ {__proto__: user} }}`, 'forbidden_member'],
    [`{{ {"constructor": 1} }}`, 'forbidden_member'],
    [`{{ {[user]: 1} }}`, 'computed_member'],
    [`{% set __proto__ = 1 %}`, 'forbidden_member'],
    [`{% set constructor = 1 %}`, 'forbidden_member'],
    [`{% for __proto__ in [1] %}{% endfor %}`, 'forbidden_member'],
    [`{% set a.b = 1 %}`, 'unsupported'],
    [`{{ range(3) }}`, 'unsupported'],
    [`{{ user() }}`, 'unsupported'],
    [`{{ user.name.toUpperCase() }}`, 'unsupported'],
    [`{{ (1).toFixed(2) }}`, 'unsupported'],
    [`{{ lipsum() }}`, 'unsupported'],
    [`{{ user | constructor }}`, 'unknown_filter'],
    [`{{ user | toString }}`, 'unknown_filter'],
    [`{{ user | __proto__ }}`, 'unknown_filter'],
    [`{{ user | hasOwnProperty("x") }}`, 'unknown_filter'],
    [`{{ user | safe }}`, 'unknown_filter'],
    [`{{ user | dump }}`, 'unknown_filter'],
    [`{{ user | urlize }}`, 'unknown_filter'],
    [`{{ user | striptags }}`, 'unknown_filter'],
    [`{{ user | groupby("constructor") }}`, 'unknown_filter'],
    [`{{ user | sort(attribute="constructor") }}`, 'unknown_filter'],
    [`{{ user | default(value=1) }}`, 'filter_arguments'],
    [`{{ user | center(5000000) }}`, 'unknown_filter'],
    [`{{ user | indent(5000000) }}`, 'unknown_filter'],
    [`{{ user | list }}`, 'unknown_filter'],
    [`{{ user | upper(1) }}`, 'filter_arguments'],
    [`{{ user | replace }}`, 'filter_arguments'],
    [`{{ user is callable }}`, 'unsupported'],
    [`{{ user is constructor }}`, 'unsupported'],
    [`{{ user is divisibleby(2) }}`, 'unsupported'],
    [`{{ "aaa" | replace(r/(a+)+$/, "b") }}`, 'unsupported'],
    [`{{ r/x/.constructor }}`, 'unsupported'],
    [`{% include "/etc/passwd" %}`, 'unknown_tag'],
    [`{% include "other-tenant/template" ignore missing %}`, 'unknown_tag'],
    [`{% extends "/etc/passwd" %}`, 'unknown_tag'],
    [`{% import "x" as y %}`, 'unknown_tag'],
    [`{% from "x" import y %}`, 'unknown_tag'],
    [`{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}`, 'unknown_tag'],
    [`{% call m() %}x{% endcall %}`, 'unknown_tag'],
    [`{% block b %}{{ super() }}{% endblock %}`, 'unknown_tag'],
    [`{% filter upper %}x{% endfilter %}`, 'unknown_tag'],
    [`{% raw %}{{ x }}{% endraw %}`, 'unknown_tag'],
    [`{% verbatim %}x{% endverbatim %}`, 'unknown_tag'],
    [`{% switch x %}{% case 1 %}{% endswitch %}`, 'unknown_tag'],
    [`{% asyncEach x in y %}{% endeach %}`, 'unknown_tag'],
    [`{% asyncAll x in y %}{% endall %}`, 'unknown_tag'],
    [`{% ifAsync x %}{% endif %}`, 'unknown_tag'],
    [`{% __proto__ %}`, 'unknown_tag'],
    [`{% for x in y %}{{ loop }}{% endfor %}`, 'unsupported'],
    [`{% for x in y %}{{ loop.constructor }}{% endfor %}`, 'forbidden_member'],
    [`{% for x in y %}{{ loop.toString }}{% endfor %}`, 'unsupported'],
    [`{{ (1, 2) }}`, 'unsupported'],
    [`{{ caller }}{{ self.x }}{{ caller() }}`, 'unsupported'],
  ];
  test.each(attacks)('%s', (source, code) => {
    expect(rendering(source)).toStrictEqual(refused(code));
  });
});

describe('what is inherited or callable is not there', () => {
  const members = [
    'toString',
    'valueOf',
    'hasOwnProperty',
    'isPrototypeOf',
    'toLocaleString',
    'push',
    'map',
    'at',
    'sub',
    'trim',
    'toFixed',
  ];
  test.each(members)('%s', (name) => {
    const source = `[{{ ${name} }}{{ o.${name} }}{{ l.${name} }}{{ s.${name} }}{{ n.${name} }}{{ s["${name}"] }}]`;
    expect(rendering(source, { o: {}, l: [], s: 'x', n: 1 })).toBe('[]');
  });

  test('functions among the variables are nothing', () => {
    expect(rendering('[{{ f }}{{ o.f }}{{ f.name }}]', { f: () => 1, o: { f: () => 2 } })).toBe('[]');
  });

  test('own properties with the names of methods are data, and never called', () => {
    const poisoned: unknown = JSON.parse('{"toString":1,"valueOf":"v","length":7,"toJSON":2}');
    expect(
      rendering('{{ p }}|{{ p.toString }}|{{ p ~ "" }}|{{ p + 1 }}|{{ p == "x" }}|{{ p < 1 }}|{{ p * 2 }}|{{ p.length }}', { p: poisoned }),
    ).toBe('[object Object]|1|[object Object]|[object Object]1|false|false|NaN|7');
  });

  test('a __proto__ that JSON brought as an own property is not read as one', () => {
    const variables = JSON.parse('{"__proto__":{"admin":true},"o":{"__proto__":{"admin":true}}}') as object;
    expect(rendering('[{{ admin }}{{ o.admin }}]', variables)).toBe('[]');
  });

  test('what pollutes Object.prototype does not show', () => {
    Object.defineProperty(Object.prototype, 'polluted', { value: 'yes', configurable: true });
    try {
      expect(rendering('[{{ polluted }}{{ o.polluted }}{% for k, v in o %}{{ k }}{% endfor %}]', { o: { a: 1 } })).toBe('[a]');
    } finally {
      delete (Object.prototype as { polluted?: unknown }).polluted;
    }
  });

  test('of an inherited getter nothing runs', () => {
    let runs = 0;
    const parent = Object.defineProperty({}, 'secret', {
      get: () => {
        runs += 1;
        return 'x';
      },
    });
    expect(
      rendering('[{{ o.secret }}{{ secret }}]', Object.assign(Object.create(parent) as object, { o: Object.create(parent) as object })),
    ).toBe('[]');
    expect(runs).toBe(0);
  });

  test('globals of nunjucks and of JavaScript are just names of variables', () => {
    expect(rendering('[{{ range }}{{ cycler }}{{ joiner }}{{ process }}{{ globalThis }}{{ require }}{{ module }}{{ self }}]')).toBe('[]');
  });
});

describe('the budget ends what would not end', () => {
  const hundred = { l: list(100), m: list(500), s: 'x'.repeat(1000), big: 'a'.repeat(400_000) };
  const greedy: readonly (readonly [string, string])[] = [
    ['three nested loops of 500', '{% for a in m %}{% for b in m %}{% for c in m %}{{ c }}{% endfor %}{% endfor %}{% endfor %}'],
    ['empty nested loops', '{% for a in m %}{% for b in m %}{% endfor %}{% endfor %}'],
    ['a set that doubles', `{% set x = "0123456789" %}${'{% set x = x ~ x %}'.repeat(30)}`],
    ['a set that doubles by +', `{% set x = "0123456789" %}${'{% set x = x + x %}'.repeat(30)}`],
    ['a set that doubles in a loop', '{% set x = "ab" %}{% for i in l %}{% set x = x ~ x %}{% endfor %}'],
    ['a capture that doubles', `{% set x %}0123456789{% endset %}${'{% set x %}{{ x }}{{ x }}{% endset %}'.repeat(30)}`],
    ['lists of lists that are printed', `{% set x = [1,1,1,1] %}${'{% set x = [x,x,x,x] %}'.repeat(12)}{{ x }}`],
    ['replacing one character by many', '{{ s | replace("x", s) | replace("x", s) }}'],
    ['joining with a long delimiter', '{{ m | join(big) }}'],
    ['a loop over the characters of a long text', '{% for c in big %}{{ c }}{% endfor %}'],
    ['output of a long value in a loop', '{% for i in l %}{{ big }}{% endfor %}'],
    ['upper in a loop', '{% for i in l %}{% set y = big | upper %}{% endfor %}'],
    ['comparing long texts in a loop', '{% for i in l %}{% if big == bag %}{% endif %}{% endfor %}'],
    ['ordering long texts in a loop', '{% for i in l %}{% if big < bag %}{% endif %}{% endfor %}'],
    ['searching long texts in a loop', '{% for i in l %}{% if "b" in big %}{% endif %}{% endfor %}'],
    ['searching a long needle', '{% if half in big %}{% endif %}'],
    ['replacing in a long text, in a loop', '{% for i in l %}{{ big | replace("b", "c") }}{% endfor %}'],
    ['counting a large object in a loop', '{% for i in m %}{{ o | length }}{% endfor %}'],
    ['walking a large object in a loop', '{% for i in m %}{% for k, v in o %}{% endfor %}{% endfor %}'],
    ['a list searched in a loop', '{% for i in m %}{% for j in l %}{% if 1000 in m %}{% endif %}{% endfor %}{% endfor %}'],
    ['urlencode of a long text in a loop', '{% for i in l %}{{ big | urlencode }}{% endfor %}'],
    ['escaping a long text of specials', '{{ lt }}{{ lt }}'],
    ['truncate with a long end, in a loop', '{% for i in l %}{{ big | truncate(5, true, big) }}{% endfor %}'],
    ['default of a long text in a loop', '{% for i in l %}{{ nothing | default(big) }}{% endfor %}'],
    ['formats without end', '{% for a in m %}{% for b in l %}{{ b | number(20) }}{% endfor %}{% endfor %}'],
    ['a branch in nested loops', '{% for a in m %}{% for b in m %}{% if a == b %}{% else %}{% endif %}{% endfor %}{% endfor %}'],
  ];
  const o = Object.fromEntries(list(2000).map((i) => [`k${i}`, i]));
  const variables = { ...hundred, bag: `${'a'.repeat(399_999)}b`, half: `${'a'.repeat(200_000)}b`, lt: '<'.repeat(300_000), o };
  test.each(greedy)('%s', (_name, source) => {
    expect(rendering(source, variables, { kind: 'html' })).toBe('over budget');
  });

  test('exactly at the limit it is whole, one over it is an error: nothing is cut', () => {
    expect(rendering('{{ x }}', { x: 'a'.repeat(1_000_000) })).toBe('a'.repeat(1_000_000));
    expect(rendering('{{ x }}', { x: 'a'.repeat(1_000_001) })).toBe('over budget');
    expect(rendering('x{{ x }}', { x: 'a'.repeat(1_000_000) })).toBe('over budget');
  });

  test('an honest list of 500 lines with ten values each is within it', () => {
    const row = '{{ i.a }}{{ i.b }}{{ i.c }}{{ i.d }}{{ i.e }}{{ i.a }}{{ i.b }}{{ i.c }}{{ i.d }}{{ loop.index }}\n';
    const items = list(500).map((n) => ({ a: n, b: n, c: n, d: n, e: n }));
    expect(rendering(`{% for i in items %}${row}{% endfor %}`, { items })).toBe(
      items.map(({ a }) => `${String(a).repeat(9)}${a + 1}\n`).join(''),
    );
  });

  test('huge arguments are moved into their bounds', () => {
    expect(
      rendering('{{ 1.5 | round(100000000) }}|{{ "abc" | truncate(999999999999) }}|{{ 2 | number(99999) }}', {}, { kind: 'text' }),
    ).toBe('1.5|abc|2.00000000000000000000');
    expect(rendering('{{ "abc" | truncate("x") }}|{{ "aaa" | replace("a", "b", -5) }}|{{ 2 | number(-3) }}', {}, { kind: 'text' })).toBe(
      'abc|aaa|2',
    );
  });
});

describe('a source cannot exhaust the parser', () => {
  const sources: readonly (readonly [string, string, string])[] = [
    ['100,000 opening brackets', `{{ ${'('.repeat(100_000)} }}`, 'template_too_deep'],
    ['1,000 balanced brackets', `{{ ${'('.repeat(1000)}1${')'.repeat(1000)} }}`, 'template_too_deep'],
    ['10,000 nested lists', `{{ ${'['.repeat(10_000)}${']'.repeat(10_000)} }}`, 'template_too_deep'],
    ['10,000 nested objects', `{{ ${'{a:'.repeat(10_000)}1${'}'.repeat(10_000)} }}`, 'template_too_deep'],
    ['10,000 not', `{{ ${'not '.repeat(10_000)}x }}`, 'template_too_deep'],
    ['10,000 signs', `{{ ${'- '.repeat(10_000)}1 }}`, 'template_too_deep'],
    ['10,000 members', `{{ a${'.b'.repeat(10_000)} }}`, 'template_too_deep'],
    ['10,000 filters', `{{ a${' | upper'.repeat(10_000)} }}`, 'template_too_deep'],
    ['10,000 additions', `{{ 1${' ~ 1'.repeat(10_000)} }}`, 'template_too_deep'],
    ['10,000 comparisons', `{{ 1${' or 1'.repeat(10_000)} }}`, 'template_too_deep'],
    ['10,000 nested if', `${'{% if x %}'.repeat(10_000)}${'{% endif %}'.repeat(10_000)}`, 'template_too_deep'],
    ['10,000 nested for', `${'{% for x in y %}'.repeat(10_000)}${'{% endfor %}'.repeat(10_000)}`, 'template_too_deep'],
    ['10,000 nested set', `${'{% set x %}'.repeat(10_000)}${'{% endset %}'.repeat(10_000)}`, 'template_too_deep'],
    ['10,000 elif', `{% if x %}${'{% elif x %}'.repeat(10_000)}{% endif %}`, 'template_too_deep'],
    ['arguments in arguments', `{{ 1${' | default(1'.repeat(1000)}${')'.repeat(1000)} }}`, 'template_too_deep'],
    ['over half a million characters', 'x'.repeat(500_001), 'template_too_large'],
    ['a megabyte of tags', '{{ x }}'.repeat(150_000), 'template_too_large'],
    ['tens of thousands of tags', '{{ x }}'.repeat(10_001), 'template_too_large'],
    ['a list of tens of thousands', `{{ [${'1,'.repeat(30_000)}1] }}`, 'template_too_large'],
    ['blanks before a trimming tag', `${' '.repeat(400_000)}x{%- if x %}{% endif %}`, 'template_too_large'],
    ['blanks before a trimming comment', `${' '.repeat(400_000)}x{#- c #}`, 'template_too_large'],
    ['raw that does not end', `{% raw %}${'x'.repeat(400_000)}`, 'unknown_tag'],
    ['an unclosed tag', '{{ x', 'syntax'],
    ['an unclosed text', '{{ "x }}', 'syntax'],
    ['an unclosed block', '{% if x %}', 'syntax'],
    ['an unclosed loop', '{% for x in y %}', 'syntax'],
    ['an unclosed comment', '{# x', 'syntax'],
    ['a comment that was not opened', 'x #}', 'syntax'],
    ['a block end without its block', '{% endif %}', 'syntax'],
    ['else without if', '{% else %}', 'syntax'],
    ['an empty expression', '{{ }}', 'syntax'],
    ['an empty statement', '{% %}', 'unknown_tag'],
    ['half an operator', '{{ a + }}', 'syntax'],
    ['two names', '{{ a b }}', 'syntax'],
    ['a loop without in', '{% for x %}{% endfor %}', 'syntax'],
    ['a regular expression that is none', '{{ r/(/ }}', 'unsupported'],
  ];
  test.each(sources)('%s', (_name, source, code) => {
    expect(rendering(source)).toStrictEqual(refused(code));
  });

  test('200 elif and a large page without nesting are fine', () => {
    expect(rendering(`{% if x %}${'{% elif x %}'.repeat(200)}{% else %}ok{% endif %}`)).toBe('ok');
    expect(rendering(`<p>${'word '.repeat(90_000)}</p>`)).toBe(`<p>${'word '.repeat(90_000)}</p>`);
  });

  test('random bytes of the language either compile or are refused, and nothing else is thrown', () => {
    const words = [
      '{{',
      '}}',
      '{%',
      '%}',
      '{#',
      '#}',
      ' if ',
      ' for ',
      ' in ',
      ' set ',
      ' else ',
      ' endif ',
      'a',
      '.b',
      '[0]',
      '("',
      '")',
      "'",
      '|',
      ' upper ',
      '1',
      '~',
      '-',
      '==',
      ',',
      ':',
      '{',
      '}',
      'r/',
      '\\',
      '\n',
    ];
    let seed = 42;
    const next = (): number => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648);
    for (let i = 0; i < 5000; i += 1) {
      const source = Array.from({ length: 1 + (next() % 14) }, () => words[next() % words.length] ?? '').join('');
      const result = rendering(source, { a: { b: [1] } });
      expect(typeof result === 'string' || typeof result.refused === 'string').toBe(true);
    }
  });
});

describe('errors', () => {
  test('say where, and repeat no text of the template', () => {
    const compiled = compileTemplate('<p>\n  {{ secret@example.com bla }}</p>', 'html');
    expect(compiled).toStrictEqual({
      errors: [{ code: 'syntax', line: 2, column: 25, message: 'the expression does not end where }} is expected' }],
    });
    expect(compileTemplate('a\nb {{ x | nope }}', 'text')).toStrictEqual({
      errors: [{ code: 'unknown_filter', line: 2, column: 10, message: 'the filter "nope" does not exist' }],
    });
    expect(compileTemplate('{{ x | secret@example.com }}', 'text')).toMatchObject({
      errors: [{ message: expect.not.stringContaining('secret') as string }],
    });
  });

  test('the parser itself is bounded too', () => {
    expect(() => parseTemplate('{{ ((((((((((((((((((((((((((((((((((((((((((1 }}')).toThrow('template_too_deep');
  });
});
