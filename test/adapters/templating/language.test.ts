import fc from 'fast-check';
import nunjucks from 'nunjucks';
import { describe, expect, test } from 'vitest';
import { rendering } from '../../support/templates.ts';

const html = new nunjucks.Environment([], { autoescape: true });
const text = new nunjucks.Environment([], { autoescape: false });

const variables = {
  name: `Ana "Nan" O'Neil <b> & \\ co`,
  title: 'the quick brown  FOX',
  blank: '',
  padded: '  padded\t ',
  long: 'Lorem ipsum dolor sit amet, consetetur sadipscing elitr, sed diam nonumy',
  count: 3,
  zero: 0,
  price: 9.555,
  minus: -4.25,
  yes: true,
  no: false,
  nothing: null,
  tags: ['new', '<sale>', 'a&b'],
  empty: [],
  order: { number: 'A-1', total: 75, paid: false, items: [{ title: 'Tea & cups', price: 1.5, sizes: [1, 2] }, { title: 'Pot', price: 20, sizes: [] }] },
  pairs: [['a', 1], ['b', 2]],
}; // prettier-ignore

const name = fc.constantFrom('name', 'title', 'blank', 'padded', 'long');
const number = fc.constantFrom('count', 'zero', 'price', 'minus', '7', '2.5', 'order.total', 'order.items[0].price');
const value = fc.oneof(
  name,
  number,
  fc.constantFrom('yes', 'no', 'nothing', 'missing', 'order.number', 'order.paid', 'order.missing', 'tags', 'tags[1]', 'order.items[1].title', '"<lit>"', "'it'", 'order["number"]', 'name[0]', 'name.length', 'tags.length', '[1, "x"]', 'a.b.c'),
); // prettier-ignore

const textFilter = fc.constantFrom('upper', 'lower', 'capitalize', 'title', 'trim', 'length', 'first', 'last', 'urlencode', 'truncate(9)', 'truncate(9, true)', 'truncate(5, true, "…")', 'replace("a", "<")', 'replace("o", "", 1)', 'default("d")', 'escape', 'e'); // prettier-ignore
const numberFilter = fc.constantFrom('abs', 'round', 'round(1)', 'round(2, "floor")', 'round(0, "ceil")');
const filtered = fc.oneof(
  fc.tuple(name, textFilter).map(([it, filter]) => `${it} | ${filter}`),
  fc.tuple(number, numberFilter).map(([it, filter]) => `${it} | ${filter}`),
  fc.constantFrom('missing | default("none")', 'nothing | default("none")', 'zero | default("none", true)', 'blank | d("x", true)'),
  fc.constantFrom('tags | join(", ")', 'tags | join', 'order.items | join("/", "title")', 'tags | first', 'tags | last', 'tags | length', 'order | length', 'missing | length', 'empty | length'),
  fc.constantFrom('name | lower | replace("n", "m") | truncate(6)', 'name | escape | upper', 'name | e | e'),
); // prettier-ignore
const arithmetic = fc.tuple(number, fc.constantFrom('+', '-', '*', '/', '//', '%', '**'), number).map((it) => it.join(' '));
const condition = fc.oneof(
  value,
  fc.tuple(number, fc.constantFrom('==', '!=', '<', '>', '<=', '>=', '===', '!=='), number).map((it) => it.join(' ')),
  fc.tuple(name, fc.constantFrom('==', '!=', '<', '>', '<=', '>='), name).map((it) => it.join(' ')),
  fc.constantFrom('"new" in tags', '"x" not in tags', '"a" in name', '"total" in order', 'count == "3"', 'zero == no', 'nothing == missing', 'yes == 1', 'name is string', 'count is odd', 'zero is even', 'missing is defined', 'nothing is none', 'missing is undefined', 'name is not number'),
  fc.tuple(value, fc.constantFrom('and', 'or'), value).map((it) => it.join(' ')),
  value.map((it) => `not ${it}`),
); // prettier-ignore
const expression = fc.oneof(
  { weight: 4, arbitrary: value },
  { weight: 3, arbitrary: filtered },
  arithmetic,
  fc.tuple(name, number).map(([a, b]) => `${a} ~ "-" ~ ${b}`),
  fc.tuple(value, condition, value).map(([a, c, b]) => `${a} if ${c} else ${b}`),
  fc.tuple(value, condition).map(([a, c]) => `${a} if ${c}`),
  fc.tuple(number, number, number).map(([a, b, c]) => `(${a} + ${b}) * ${c}`),
  name.map((it) => `${it} + ${it}`),
);

const { statement } = fc.letrec<{ statement: string; body: string }>((tie) => ({
  body: fc.array(tie('statement'), { maxLength: 4 }).map((it) => it.join('')),
  statement: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.constantFrom('plain text\n', ' & <b>bold</b> ', '{ not a tag }', '\n\n', 'ä€😀', '{# a comment #}'),
    expression.map((it) => `{{ ${it} }}`),
    expression.map((it) => `a {{- ${it} -}} b`),
    fc.tuple(fc.constantFrom('x', 'y', 'long'), fc.oneof(name, name.map((it) => `${it} ~ "+"`))).map(([target, it]) => `{% set ${target} = ${it} %}[{{ ${target} }}]`),
    fc.constantFrom('({{ x }})', '({{ y }})'),
    fc.tuple(condition, tie('body')).map(([c, it]) => `{% if ${c} %}${it}{% endif %}`),
    fc.tuple(condition, tie('body'), condition, tie('body'), tie('body')).map(([c, a, d, b, e]) => `{% if ${c} %}${a}{% elif ${d} %}${b}{% else %}${e}{% endif %}`),
    fc.tuple(fc.constantFrom('tags', 'order.items', 'empty', 'missing', '[1, 2, 3]', 'order.items[0].sizes', 'blank', 'order.number'), tie('body'), tie('body')).map(
      ([list, it, none]) => `{% for item in ${list} %}{{ loop.index }}/{{ loop.length }}{{ loop.first }}{{ loop.last }}{{ loop.revindex }}{{ item.title }}${it}{% else %}${none}{% endfor %}`,
    ),
    fc.tuple(fc.constantFrom('order', 'pairs', 'empty'), tie('body')).map(([list, it]) => `{%- for k, v in ${list} -%}{{ k }}={{ v }};${it}{%- endfor %}`),
  ),
})); // prettier-ignore

const template = fc.array(statement, { minLength: 1, maxLength: 6 }).map((it) => it.join(''));

/** Where nunjucks throws (calling a text's method on a number, `in` of a number) there is nothing to compare with. */
function nunjucksOr(environment: nunjucks.Environment, source: string): string {
  try {
    return environment.renderString(source, variables);
  } catch {
    return fc.pre(false) ?? '';
  }
}

describe('an honest template gives what nunjucks gives', () => {
  test('in HTML', () => {
    fc.assert(
      fc.property(template, (source) => {
        expect(rendering(source, variables)).toBe(nunjucksOr(html, source));
      }),
      { numRuns: 300 },
    );
  });

  test('in text, where nothing is escaped', () => {
    const plain = template.filter((source) => !/\| (?:e|escape)\b/.test(source));
    fc.assert(
      fc.property(plain, (source) => {
        expect(rendering(source, variables, { kind: 'text' })).toBe(nunjucksOr(text, source));
      }),
      { numRuns: 300 },
    );
  });

  test('with any text as a value', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), (a, b) => {
        const source =
          '{{ a }}|{{ b | upper }}|{{ a ~ b }}|{{ [a, b] | join(", ") }}|{% if a == b %}same{% endif %}{{ a | replace("a", b) }}{{ b | truncate(5) }}';
        expect(rendering(source, { a, b })).toBe(html.renderString(source, { a, b }));
      }),
      { numRuns: 300 },
    );
  });
});

describe('where it is meant to differ', () => {
  const differences: readonly (readonly [string, string, string, string])[] = [
    ['what is not there is empty in a concatenation', '{{ missing ~ "x" ~ nothing }}', 'text', 'x'],
    ['a capture is markup already, and is not escaped twice', '{% set x %}<b>{{ name }}</b>{% endset %}{{ x }}', 'html', `<b>Ana &quot;Nan&quot; O&#39;Neil &lt;b&gt; &amp; &#92; co</b>`],
    ['a captured text that is changed is plain again, and is escaped', '{% set x %}<b>{% endset %}{{ x | upper }}{{ x ~ "" }}', 'html', '&lt;B&gt;&lt;b&gt;'],
    ['nl2br escapes what it is given', '{{ lines | nl2br }}', 'html', 'a &lt;<br />\nb'],
    ['in a text there is nothing to escape', '{{ name | escape }}{{ lines | nl2br }}', 'text', `Ana "Nan" O'Neil <b> & \\ coa <\nb`],
    ['a number is coded too', '{{ count | urlencode }}', 'text', '3'],
    ['replacing nothing changes nothing', '{{ count | replace("", "x") }}', 'text', '3'],
    ['an object is equal to nothing but itself', '{{ order == order }}{{ order == "[object Object]" }}', 'text', 'truefalse'],
  ]; // prettier-ignore
  test.each(differences)('%s', (_name, source, kind, expected) => {
    expect(rendering(source, { ...variables, lines: 'a <\nb' }, { kind: kind === 'html' ? 'html' : 'text' })).toBe(expected);
  });
});

describe('names', () => {
  test('set in a loop live as long as the loop, and are still there in its next round', () => {
    const source = '{% for i in [1, 2, 3] %}{{ last }}{% set last = i %}{% endfor %}|{{ last }}';
    expect(rendering(source, { last: 'x' })).toBe(html.renderString(source, { last: 'x' }));
    expect(rendering(source, { last: 'x' })).toBe('x12|x');
  });

  test('set outside are changed inside', () => {
    const source = '{% set n = 0 %}{% for i in [1, 2] %}{% for j in [1, 2] %}{% set n = n + 1 %}{% endfor %}{% endfor %}{{ n }}';
    expect(rendering(source)).toBe('4');
  });

  test('set to something that is not there are not there', () => {
    const source = '{% set name = missing %}[{{ name }}{{ name | default("d") }}]';
    expect(rendering(source, { name: 'x' })).toBe(html.renderString(source, { name: 'x' }));
    expect(rendering(source, { name: 'x' })).toBe('[d]');
  });

  test('of one rendering do not reach the next', () => {
    const source = '{% if first %}{% set seen = "yes" %}{% endif %}[{{ seen }}]';
    expect([rendering(source, { first: true }), rendering(source, {})]).toStrictEqual(['[yes]', '[]']);
  });
});
