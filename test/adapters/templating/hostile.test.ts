import { describe, expect, test } from 'vitest';
import { compileContent } from '../../../src/adapters/templating/compileContent.ts';
import { parseTemplate } from '../../../src/adapters/templating/syntax.ts';
import { compileTemplate } from '../../../src/adapters/templating/template.ts';
import { DERIVED, EXHAUSTING, GREEDS, GREEDY, RUNNING_CODE, UNSAFE_HTML } from '../../support/hostileTemplates.ts';
import { rendering } from '../../support/templates.ts';

const refused = (code: string): { readonly refused: string } => ({ refused: code });

describe('what would run code does not compile', () => {
  test.each(RUNNING_CODE)('%s', (source, code) => {
    expect(rendering(source)).toStrictEqual(refused(code));
  });
});

describe('where escaping does not help, nothing compiles', () => {
  test.each(UNSAFE_HTML)('%s', (source, code) => {
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
  test.each(GREEDY)('%s', (_name, source) => {
    expect(rendering(source, GREEDS, { kind: 'html' })).toBe('over budget');
  });

  test('exactly at the limit it is whole, one over it is an error: nothing is cut', () => {
    expect(rendering('{{ x }}', { x: 'a'.repeat(1_000_000) })).toBe('a'.repeat(1_000_000));
    expect(rendering('{{ x }}', { x: 'a'.repeat(1_000_001) })).toBe('over budget');
    expect(rendering('x{{ x }}', { x: 'a'.repeat(1_000_000) })).toBe('over budget');
  });

  test('an honest list of 500 lines with ten values each is within it', () => {
    const row = '{{ i.a }}{{ i.b }}{{ i.c }}{{ i.d }}{{ i.e }}{{ i.a }}{{ i.b }}{{ i.c }}{{ i.d }}{{ loop.index }}\n';
    const items = Array.from({ length: 500 }, (_, n) => ({ a: n, b: n, c: n, d: n, e: n }));
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
  test.each(EXHAUSTING)('%s', (_name, source, code) => {
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

describe('the text part of any HTML', () => {
  test.each(DERIVED)('%s', (_name, html) => {
    const compiled = compileContent({ email: { subject: 'x', html } });
    const codes = 'errors' in compiled ? [...new Set(compiled.errors.map(({ code }) => code))] : [];
    expect(['', 'template_too_large', 'text_not_derivable']).toContain(codes.join());
  });

  test('is not made of more tags than that', () => {
    const of = (tags: number) => compileContent({ email: { subject: 'x', html: '<br>'.repeat(tags) } });
    expect('errors' in of(8_000)).toBe(false);
    expect(of(8_001)).toMatchObject({ errors: [{ code: 'text_not_derivable', path: '/email/text' }] });
  });
});

test('the templates of a content have a bound on their tags together', () => {
  const of = (tags: number) => compileContent({ webhook: { body: Array.from({ length: tags / 10 }, () => '{{ x }}'.repeat(10)) } });
  expect('errors' in of(10_000)).toBe(false);
  expect(of(10_010)).toMatchObject({ errors: [{ code: 'template_too_large', path: '/webhook/body/1000' }] });
});

test('letters that are no currency are no currency', () => {
  const money = (code: string) => rendering(`{{ 1.5 | currency("${code}") }}`);
  expect([money('EUR'), money('QQQ')]).toStrictEqual(['€1.50', '1.5']);
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
