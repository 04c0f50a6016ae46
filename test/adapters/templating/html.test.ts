import { describe, expect, test } from 'vitest';
import { compileTemplate } from '../../../src/adapters/templating/template.ts';
import { rendering } from '../../support/templates.ts';

const codesOf = (source: string): readonly string[] => {
  const compiled = compileTemplate(source, 'html');
  return 'errors' in compiled ? compiled.errors.map((it) => `${it.line}:${it.column} ${it.code}`) : [];
};

describe('where escaping does not help, an expression is refused', () => {
  const refused: readonly (readonly [string, string])[] = [
    ['<a href={{ u }}>', '1:12 unquoted_attribute'],
    ['<p class=a{{ u }}>', '1:14 unquoted_attribute'],
    ['<p\n class= {{ u }}>', '2:12 unquoted_attribute'],
    ['<p {{ attributes }}>', '1:7 dynamic_markup'],
    ['<p data-{{ n }}="x">', '1:12 dynamic_markup'],
    ['<{{ tag }}>', '1:5 dynamic_markup'],
    ['</{{ tag }}>', '1:6 dynamic_markup'],
    ['<h{{ level }}>', '1:6 dynamic_markup'],
    ['<!doctype {{ x }}>', '1:14 dynamic_markup'],
    ['<script>let x = "{{ x }}"</script>', '1:21 unsafe_attribute'],
    ['<SCRIPT type="t">{{ x }}</SCRIPT>', '1:21 unsafe_attribute'],
    ['<p onclick="go({{ x }})">', '1:19 unsafe_attribute'],
    ['<p OnMouseOver="{{ x }}">', '1:20 unsafe_attribute'],
    ['<iframe srcdoc="{{ x }}">', '1:20 unsafe_attribute'],
    ['<a href="javascript:go({{ x }})">', '1:27 unsafe_url'],
    ['<a href=" JaVa\tScript:{{ x }}">', '1:26 unsafe_url'],
    ['<a href="&#106;avascript:{{ x }}">', '1:29 unsafe_url'],
    ['<a href="java{{ x }}">', '1:17 unsafe_url'],
    ['<img src="data:image/png;base64,{{ x }}">', '1:36 unsafe_url'],
    ['<a href="{{ a }}{{ b }}">', '1:20 unsafe_url'],
    ['<a href="{{ a }}:{{ b }}">', '1:21 unsafe_url'],
    ['<a href="{% if x %}{{ a }}{% else %}https://x.y{% endif %}{{ b }}">', '1:62 unsafe_url'],
    ['<a href="{% for x in y %}{{ x }}{% endfor %}">', '1:13 unsafe_url'],
    ['<form action="java{{ a }}">', '1:22 unsafe_url'],
    ['<svg><a xlink:href="vbscript:{{ a }}">', '1:33 unsafe_url'],
    ['<meta http-equiv="refresh" content="0;URL={{ u }}">', '1:46 unsafe_url'],
    ['<a title="{% if x %}">{% endif %}', '1:14 unbalanced_markup'],
    ['<a {% if x %}title="{% else %}class="{% endif %}{{ y }}">', '1:7 unbalanced_markup'],
    ['{% set x %}<a href="{% endset %}', '1:1 unbalanced_markup'],
    ['{% set x %}<script>{% endset %}', '1:1 unbalanced_markup'],
    ['<p title="{{ x }}', '1:1 unbalanced_markup'],
    ['<style></style ><a href={{ u }}>', '1:28 unquoted_attribute'],
    ['<!--[if mso]><a href={{ u }}><![endif]-->', '1:25 unquoted_attribute'],
    ['<p {% if x %}class=a{% endif %}>{{ y }}<b {{ z }}>', '1:7 unbalanced_markup'],
  ]; // prettier-ignore
  test.each(refused)('%s', (source, first) => {
    expect(codesOf(source)[0]).toBe(first);
  });

  test('every place is named, not the first alone', () => {
    expect(codesOf('<a href={{ u }}>x</a>\n<p onclick="{{ y }}">')).toStrictEqual(['1:12 unquoted_attribute', '2:16 unsafe_attribute']);
  });
});

describe('everyday markup passes', () => {
  const fine: readonly (readonly [string, string])[] = [
    ['<p title="{{ q }}">{{ q }}</p>', '<p title="&quot;&lt;&amp;&#39;">&quot;&lt;&amp;&#39;</p>'],
    ["<p title='{{ q }}'>", "<p title='&quot;&lt;&amp;&#39;'>"],
    ['<td{% if yes %} class="a"{% endif %}>x', '<td class="a">x'],
    ['<input {% if yes %}checked{% endif %} value="{{ n }}">', '<input checked value="1">'],
    ['<p class="a{% if yes %} b{% endif %}">', '<p class="a b">'],
    ['{% if yes %}<tr><td>{% else %}<p>{% endif %}x', '<tr><td>x'],
    ['<style>.a { color: {{ n }} }</style><a href="{{ ok }}">', '<style>.a { color: 1 }</style><a href="https://x.y/?a=1&amp;b=2">'],
    ['<!-- {{ q }} --><b>', '<!-- &quot;&lt;&amp;&#39; --><b>'],
    ['<!--[if mso | IE]><table><![endif]--><a href="{{ ok }}">', '<!--[if mso | IE]><table><![endif]--><a href="https://x.y/?a=1&amp;b=2">'],
    ['<!--[if !mso]><!--><a href="/{{ n }}"><!--<![endif]-->', '<!--[if !mso]><!--><a href="/1"><!--<![endif]-->'],
    ['<a href="https://x.y/{{ n }}?q={{ q | urlencode }}">', '<a href="https://x.y/1?q=%22%3C%26&#39;">'],
    ['<a href="mailto:{{ n }}@x.y">', '<a href="mailto:1@x.y">'],
    ['<a href="myapp://order/{{ n }}">', '<a href="myapp://order/1">'],
    ['<img src="images/{{ n }}.png">', '<img src="images/1.png">'],
    ['<a href="#{{ n }}">', '<a href="#1">'],
    ['<a href="{{ base }}/path/{{ n }}">', '<a href="https://x.y/path/1">'],
    ['a < b {{ n }} <3', 'a < b 1 <3'],
    ['{% set x %}<b>{{ q }}</b>{% endset %}<p>{{ x }}</p>', '<p><b>&quot;&lt;&amp;&#39;</b></p>'],
    ['<title>{{ q }}</title><textarea>{{ q }}</textarea>{{ n }}', '<title>&quot;&lt;&amp;&#39;</title><textarea>&quot;&lt;&amp;&#39;</textarea>1'],
  ]; // prettier-ignore
  test.each(fine)('%s', (source, expected) => {
    expect(rendering(source, { q: `"<&'`, n: 1, yes: true, ok: 'https://x.y/?a=1&b=2', base: 'https://x.y' })).toBe(expected);
  });
});

describe('an expression that gives a URL is checked when it is rendered', () => {
  const harmless = [
    'https://x.y',
    'http://x.y',
    'mailto:a@x.y',
    'tel:+43',
    'sms:+43',
    'cid:logo',
    '/path',
    '?q',
    '#x',
    '//x.y/z',
    'path/a:b',
    'HTTPS://x.y',
    'a?b=c:d',
    '',
  ];
  test.each(harmless)('%s stays', (u) => {
    expect(rendering('<a href="{{ u }}">', { u })).toBe(`<a href="${u}">`);
  });

  const harmful = [
    'javascript:alert(1)',
    'JAVASCRIPT:alert(1)',
    ' javascript:alert(1)',
    '\u0001javascript:alert(1)',
    'java\nscript:alert(1)',
    'java\r\n\tscript:alert(1)',
    'javascript\u0000:alert(1)',
    '\u00a0javascript:alert(1)',
    '\u200bjavascript:alert(1)',
    `${'\u200b'.repeat(5000)}javascript:alert(1)`,
    'vbscript:x',
    'data:text/html,<script>alert(1)</script>',
    'data:image/svg+xml;base64,x',
    'file:///etc/passwd',
    'blob:https://x.y/z',
    'view-source:https://x.y',
    'intent://x#Intent;end',
    'unknown:x',
  ]; // prettier-ignore
  test.each(harmful)('%j does not', (u) => {
    expect(rendering('<a href="{{ u }}">', { u })).toBe('<a href="#">');
    expect(rendering('<a href="{{ u | url }}">', { u })).toBe('<a href="#">');
    expect(rendering('<a href="{{ u }}/x">', { u })).toBe('<a href="#/x">');
    expect(rendering('<form action="{% if u %}{{ u }}{% endif %}">', { u })).toBe('<form action="#">');
    expect(rendering('{% set x %}{{ u }}{% endset %}<a href="{{ x }}">', { u })).toBe('<a href="#">');
    expect(rendering('{{ u }}', { u }, { kind: 'link' })).toBe('#');
  });

  test('an author may use a scheme of an app, in the template', () => {
    expect(rendering('myapp://order/{{ n }}', { n: 1 }, { kind: 'link' })).toBe('myapp://order/1');
    expect(rendering('javascript:{{ n }}', { n: 1 }, { kind: 'link' })).toStrictEqual({ refused: 'unsafe_url' });
    expect(rendering('data:text/html,x', {}, { kind: 'link' })).toStrictEqual({ refused: 'unsafe_url' });
  });
});
