import { serialize } from 'node:v8';
import { describe, expect, test } from 'vitest';
import { checkContent, checkTemplate } from '../../../src/adapters/templating/checkTemplate.ts';
import { compileContent } from '../../../src/adapters/templating/compileContent.ts';
import { createRenderer } from '../../../src/adapters/templating/renderer.ts';
import type { Channel } from '../../../src/domain/values/channel.ts';
import type { Content } from '../../../src/domain/values/content.ts';

const renderer = createRenderer();
const rendered = (
  content: Content,
  channel: Channel,
  variables: { readonly [name: string]: unknown } = {},
  locale = 'en',
  timeZone = 'UTC',
) => renderer.render({ content, channel, variables, locale, timeZone });
const email = (part: Partial<NonNullable<Content['email']>>): Content => ({ email: { subject: 's', ...part } });

describe('each channel', () => {
  const content: Content = {
    email: {
      subject: 'Order {{ number }} & more',
      html: '<p>Hi {{ name }}</p>',
      text: 'Hi {{ name }}',
      from: '{{ shop }} <shop@example.com>',
      replyTo: 'help+{{ number }}@example.com',
      headers: { 'X-Order': '{{ number }}' },
    },
    sms: { text: 'Hi {{ name }}\nbye' },
    push: { title: 'Hi {{ name }}', body: 'Order {{ number }}', url: 'myapp://{{ number }}', data: { id: '{{ number }}', n: 1, list: ['{{ name }}', null, true], deep: { 'a/b': '{{ name }}' } } },
    in_app: { title: 'T {{ name }}', body: 'B\n{{ name }}', url: '{{ link }}', actions: [{ label: 'Go {{ number }}', url: '/orders/{{ number }}' }] },
    webhook: { body: { event: 'order', 'na{{ me }}': '{{ name }}', items: [{ id: '{{ number }}' }], total: 7.5 } },
    wallet: { pass: '{{ number }}' },
  }; // prettier-ignore
  const variables = { name: 'Bo <b>', number: 'A-1', shop: 'Shop', link: 'https://x.y/z' };

  test('is rendered as its provider takes it, escaped in HTML alone', () => {
    expect(rendered(content, 'email', variables)).toStrictEqual({
      channel: 'email',
      subject: 'Order A-1 & more',
      html: '<p>Hi Bo &lt;b&gt;</p>',
      text: 'Hi Bo <b>',
      from: 'Shop <shop@example.com>',
      replyTo: 'help+A-1@example.com',
      headers: { 'X-Order': 'A-1' },
    });
    expect(rendered(content, 'sms', variables)).toStrictEqual({ channel: 'sms', text: 'Hi Bo <b>\nbye' });
    expect(rendered(content, 'push', variables)).toStrictEqual({
      channel: 'push',
      title: 'Hi Bo <b>',
      body: 'Order A-1',
      url: 'myapp://A-1',
      data: { id: 'A-1', n: 1, list: ['Bo <b>', null, true], deep: { 'a/b': 'Bo <b>' } },
    });
    expect(rendered(content, 'in_app', variables)).toStrictEqual({
      channel: 'in_app',
      title: 'T Bo <b>',
      body: 'B\nBo <b>',
      url: 'https://x.y/z',
      actions: [{ label: 'Go A-1', url: '/orders/A-1' }],
    });
    expect(rendered(content, 'webhook', variables)).toStrictEqual({
      channel: 'webhook',
      body: { event: 'order', 'na{{ me }}': 'Bo <b>', items: [{ id: 'A-1' }], total: 7.5 },
    });
    expect(rendered(content, 'wallet', variables)).toStrictEqual({ channel: 'wallet', body: { pass: 'A-1' } });
  });

  test('that the content says nothing for is missing', () => {
    expect(rendered({ sms: { text: 'x' } }, 'push')).toStrictEqual({
      failed: 'content_missing',
      path: '/push',
      detail: 'the content has nothing for this channel',
    });
  });

  test('takes no link that would run something: it is left out, and an action leads nowhere', () => {
    const links: Content = { push: { title: 't', body: 'b', url: '{{ u }}' }, in_app: { title: 't', body: 'b', url: '{{ u }}', actions: [{ label: 'l', url: '{{ u }}' }] } };
    const u = 'javascript:alert(1)';
    expect(rendered(links, 'push', { u })).toStrictEqual({ channel: 'push', title: 't', body: 'b' });
    expect(rendered(links, 'in_app', { u })).toStrictEqual({ channel: 'in_app', title: 't', body: 'b', actions: [{ label: 'l', url: '#' }] });
  }); // prettier-ignore
});

describe('nothing gets out of a header', () => {
  const attacks = [
    'a\r\nBcc: evil@example.com',
    'a\nBcc: evil@example.com',
    'a\rBcc: evil@example.com',
    'a\u0000b',
    'a\u0085Bcc: x',
    'a\u2028Bcc: x',
    'a\u2029Bcc: x',
    'a\u000bBcc: x',
    '\r\n\r\n<html>',
    'a\u001b[31m',
  ];
  test.each(attacks)('%j', (x) => {
    const content = email({ subject: 'Re: {{ x }}', headers: { 'X-A': '{{ x }}' }, from: '{{ x }} <a@example.com>', replyTo: '{{ x }}@example.com' });
    const result = rendered({ ...content, push: { title: '{{ x }}', body: 'b' } }, 'email', { x });
    if (!('channel' in result) || result.channel !== 'email') throw new Error('not rendered');
    const lines = [result.subject, result.headers['X-A'] ?? '', result.from ?? '', result.replyTo ?? ''];
     
    expect(lines.filter((line) => /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(line))).toStrictEqual([]);
    expect(result.subject).toBe(`Re: ${x.replace(/[^ -~]+/g, ' ')}`.trim());
  }); // prettier-ignore

  test('an author’s own line breaks neither', () => {
    expect(rendered(email({ subject: 'a\r\nBcc: b', text: 'x' }), 'email')).toStrictEqual({
      channel: 'email',
      subject: 'a Bcc: b',
      text: 'x',
      headers: {},
    });
  });

  test('a name cannot become another address', () => {
    const content = email({ from: '"{{ name }}" <shop@example.com>', replyTo: '{{ name }}', text: 'x' });
    expect(rendered(content, 'email', { name: 'Eve" <evil@example.com>, "x' })).toStrictEqual({
      channel: 'email',
      subject: 's',
      text: 'x',
      from: '"Eve evil@example.com x" <shop@example.com>',
      replyTo: 'Eve evil@example.com x',
      headers: {},
    });
  });

  const forbidden = [
    'To',
    'bcc',
    'FROM',
    'Subject',
    'Content-Type',
    'MIME-Version',
    'List-Unsubscribe',
    'DKIM-Signature',
    'Resent-To',
    'X A',
    'X:A',
    'X\r\nBcc',
    '',
    '{{ x }}',
  ];
  test.each(forbidden)('the header %j cannot be set', (name) => {
    expect(checkContent(email({ text: 'x', headers: { [name]: 'v' } })).map((it) => [it.path, it.code])).toStrictEqual([['/email/headers', 'forbidden_header']]);
  }); // prettier-ignore

  test('others can', () => {
    expect(
      checkContent(email({ text: 'x', headers: { 'X-Any': 'v', 'In-Reply-To': '{{ x }}', 'Auto-Submitted': 'auto-generated' } })),
    ).toStrictEqual([]);
  });
});

describe('the text part', () => {
  const textOf = (html: string, variables = {}): string | undefined => {
    const result = rendered(email({ html }), 'email', variables);
    return 'channel' in result && result.channel === 'email' ? result.text : JSON.stringify(result);
  };

  test('is made from the HTML where there is none, with the variables in place and unescaped', () => {
    const html = `<html><head><title>T</title><style>p { color: {{ color }} }</style>{% set who = name | upper %}</head><body>
      <h1>Hello {{ who }} &amp; all</h1><p>Your <a href="{{ url }}">order {{ number }}</a>.</p>
      <ul>{% for i in items %}<li>{{ loop.index }}: {{ i }}</li>{% else %}<li>none</li>{% endfor %}</ul>
      {% if late %}<p>Sorry</p>{% endif %}{# a comment #}<p>&#123;&#123; not a tag }} #&#125;</p>
      <table><tr><td>Sum</td><td>{{ sum }}</td></tr><tr><td>Tax</td><td>0</td></tr></table></body></html>`;
    const variables = { name: 'Bo <b>', url: 'https://x.y/?a=1&b=2', number: 'A-1', items: ['Tea & cups', 'Pot'], sum: 7 };
    expect(textOf(html, variables)).toBe(
      'Hello BO <B> & all\n\nYour order A-1 [https://x.y/?a=1&b=2].\n\n * 1: Tea & cups\n * 2: Pot\n\n{{ not a tag }} #}\n\nSum 7\nTax 0',
    );
    expect(textOf(html, { ...variables, items: [], late: true })).toBe(
      'Hello BO <B> & all\n\nYour order A-1 [https://x.y/?a=1&b=2].\n\n * none\n\nSorry\n\n{{ not a tag }} #}\n\nSum 7\nTax 0',
    );
  });

  test('of a static page is a constant', () => {
    expect(textOf('<ol><li>a</li><li>b</li></ol><img src="x" alt="y">')).toBe('1. a\n 2. b');
  });

  test('shows the targets of links, but none that would run something', () => {
    const links = (href: string, label = 'here'): string => `<p>Click <a href="${href}">${label}</a>, please.</p>`;
    expect(textOf(links('https://x.y/a'))).toBe('Click here [https://x.y/a], please.');
    expect(textOf(links('https://x.y/a', 'https://x.y/a'))).toBe('Click https://x.y/a, please.');
    expect(textOf(links('https://x.y/a', '<img src="i">'))).toBe('Click https://x.y/a, please.');
    expect(textOf(links('mailto:a@x.y'))).toBe('Click here [a@x.y], please.');
    expect(textOf(links('#top'))).toBe('Click here, please.');
    expect(textOf(links('myapp://orders'))).toBe('Click here [myapp://orders], please.');
    const running = ['javascript:alert(1)', ' JavaScript:alert(1)', 'java\tscript:alert(1)', 'data:text/html,<b>', 'vbscript:x'];
    for (const url of running) {
      expect(textOf(links(url.replace('<b>', '')))).toBe('Click here, please.');
      expect(textOf(links('{{ url }}'), { url })).toBe('Click here, please.');
      expect(textOf(links('{{ url }}', '<img src="i">'), { url })).toBe('Click, please.');
    }
    expect(textOf(links('{{ url }}'), { url: 'https://x.y/b' })).toBe('Click here [https://x.y/b], please.');
    expect(textOf('<p>{{ words }}</p>', { words: 'a [javascript:x] \u0001b\u0002' })).toBe('a [javascript:x] b');
    expect(textOf('<p>&#123;&#123; not a tag }}</p>')).toBe('{{ not a tag }}');
  });

  test('takes one byte a character where its letters do: of each mail a batch makes and searches several copies', () => {
    const text = textOf(`<p>Für {{ name }}: ${'viel Text. '.repeat(50)}<a href="https://x.y/a">mehr</a></p>`, { name: 'Jürgen' }) ?? '';
    expect(serialize(text).length - text.length).toBeLessThan(10);
  });

  test('cannot be made from everything, and then an author hears of it', () => {
    expect(checkContent(email({ html: `<p>${'x'.repeat(120_001)}</p>` })).map((it) => [it.path, it.code])).toStrictEqual([['/email/text', 'text_not_derivable']]);
    expect(checkContent(email({ html: `<p>${'x'.repeat(120_001)}</p>`, text: 'x' }))).toStrictEqual([]);
  });
}); // prettier-ignore

describe('the preheader', () => {
  const html = (source: string): string | undefined => {
    const result = rendered(email({ html: source, text: 'x', preheader: 'Hi {{ name }} & <you>' }), 'email', { name: '<b>' });
    return 'channel' in result && result.channel === 'email' ? result.html : undefined;
  };
  const hidden = '<div style="display:none;max-height:0;overflow:hidden;mso-hide:all">Hi &lt;b&gt; &amp; &lt;you&gt;</div>';

  test('is the first thing in the body, escaped', () => {
    expect(html('<html><BODY class="a>b" style=\'x\'>\n<p>x</p></BODY>')).toBe(
      `<html><BODY class="a>b" style='x'>${hidden}\n<p>x</p></BODY>`,
    );
    expect(html('<p>x</p>')).toBe(`${hidden}<p>x</p>`);
  });
});

describe('failures', () => {
  test('one budget covers a whole message', () => {
    const content = email({ subject: '{{ x }}', html: '<p>{{ x }}</p>', text: '{{ x }}' });
    expect(rendered(content, 'email', { x: 'a'.repeat(300_000) })).toMatchObject({ channel: 'email' });
    expect(rendered(content, 'email', { x: 'a'.repeat(400_000) })).toStrictEqual({
      failed: 'template_budget_exceeded',
      path: '/email/text',
      detail: 'over 50000 steps or 1000000 characters with these variables',
    });
  });

  test('name the template and the place, and no value', () => {
    expect(rendered({ sms: { text: 'a\n{{ name | nope }}' } }, 'sms', { name: 'Ana' })).toStrictEqual({
      failed: 'template_invalid',
      path: '/sms/text',
      detail: 'unknown_filter at 2:11',
    });
  });

  test('all errors of a content are found, each with its path', () => {
    const compiled = compileContent({
      email: { subject: '{{ a', html: '<a href={{ u }}>{{ x | nope }}', text: '{% include "x" %}' },
      push: { title: 't', body: 'b', data: { list: [{ 'a/b': '{{ x( }}' }] } },
      in_app: { title: 't', body: 'b', actions: [{ label: 'l', url: 'javascript:x' }] },
    });
    expect('errors' in compiled && compiled.errors.map((it) => `${it.path} ${it.code}`)).toStrictEqual([
      '/email/subject syntax',
      '/email/html unquoted_attribute',
      '/email/text unknown_tag',
      '/push/data/list/0/a~1b syntax',
      '/in_app/actions/0/url unsafe_url',
    ]);
  });

  test('JSON holds only so many templates', () => {
    const body = Array.from({ length: 5001 }, () => '{{ x }}');
    expect(checkContent({ webhook: { body } }).map((it) => `${it.path} ${it.code}`)).toStrictEqual([
      '/webhook/body/5000 template_too_large',
    ]);
    expect(checkContent({ webhook: { body: body.slice(1) } })).toStrictEqual([]);
  });

  test('JSON nests only so deep', () => {
    const deep: unknown = JSON.parse(`${'['.repeat(10_000)}1${']'.repeat(10_000)}`);
    expect(checkContent({ webhook: { body: deep } }).map((it) => it.code)).toStrictEqual(['template_too_deep']);
  });
});

describe('a draft', () => {
  const draft = { locales: { en: { sms: { text: 'Hi {{ name }}{{ nmae }}' } } }, fallback: 'en' };

  test('may use any variable without a schema, and only declared ones with it', () => {
    expect(checkTemplate(draft)).toStrictEqual([]);
    expect(checkTemplate({ ...draft, variablesSchema: { type: 'object', properties: { name: { type: 'string' } } } })).toStrictEqual([
      { code: 'unknown_variable', path: '/locales/en/sms/text', line: 1, column: 17, message: 'the schema has no variable "nmae"' },
    ]);
  });

  test('has a schema that is one', () => {
    expect(checkTemplate({ ...draft, variablesSchema: { type: 'object', patternProperties: {} } }).map((it) => `${it.path} ${it.code}`)).toStrictEqual([
      '/variablesSchema/patternProperties invalid_schema',
    ]);
  });

  test('is checked inside its layout', () => {
    const page = { locales: { en: email({ html: '<p>{{ x }}</p>' }) }, fallback: 'en' };
    expect(checkTemplate({ ...page, layout: '<html><body>{{ content }}</body></html>' })).toStrictEqual([]);
    expect(checkTemplate({ ...page, layout: '<a title={{ content }}>' }).map((it) => `${it.path} ${it.code}`)).toStrictEqual(['/layout unquoted_attribute']);
    expect(checkTemplate({ ...page, layout: '{{ content }}{{ y }}', variablesSchema: { type: 'object', properties: { x: {} } } }).map((it) => `${it.path} ${it.code} ${it.column}`)).toStrictEqual(['/layout unknown_variable 17']);
    expect(checkTemplate({ ...page, layout: `{{ content }}${'{% if a %}'.repeat(20)}{{ '` }).map((it) => `${it.path} ${it.code}`)).toStrictEqual(['/layout syntax']);
    const half = (html: string) => ({ locales: { en: { email: { subject: 's', html, text: 't' } } }, fallback: 'en', layout: '<p>{{ content }}</p>' });
    expect(checkTemplate(half('<i>'.repeat(166_666)))).toMatchObject([{ path: '/layout', code: 'template_too_large' }]);
  });
}); // prettier-ignore
