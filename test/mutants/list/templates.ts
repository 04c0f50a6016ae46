import type { Mutant } from '../mutant.ts';

const hostileTest = 'test/adapters/templating/hostile.test.ts';
const contentTest = 'test/adapters/templating/content.test.ts';
const htmlTest = 'test/adapters/templating/html.test.ts';

/** What an author, or a variable, could do through a template. */
export const templateMutants: readonly Mutant[] = [
  {
    name: 'templates: HTML is not escaped',
    file: 'src/adapters/templating/statements.ts',
    find: 'const cleaned = value instanceof Markup ? text : clean(text);',
    put: "const cleaned = value instanceof Markup || text !== '' ? text : clean(text);",
    killedBy: contentTest,
    testName: 'each channel is rendered as its provider takes it, escaped in HTML alone',
  },
  {
    name: 'templates: steps are not counted',
    file: 'src/adapters/templating/run.ts',
    find: 'run.steps -= steps;\n',
    put: 'run.steps -= 0 * steps;\n',
    killedBy: hostileTest,
    testName: 'the budget ends what would not end counting a large object in a loop',
  },
  {
    name: 'templates: output is not counted',
    file: 'src/adapters/templating/run.ts',
    find: 'run.chars -= chars;\n',
    put: 'run.chars -= 0 * chars;\n',
    killedBy: contentTest,
    testName: 'failures one budget covers a whole message',
  },
  {
    name: 'templates: what is inherited can be read',
    file: 'src/adapters/templating/run.ts',
    find: 'if (!Object.hasOwn(holder, key)) return',
    put: 'if (!(key in holder)) return',
    killedBy: hostileTest,
    testName: 'what is inherited or callable is not there what pollutes Object.prototype does not show',
  },
  {
    name: 'templates: names that JavaScript finds special may be asked for',
    file: 'src/adapters/templating/expressions.ts',
    find: "  if (typeof key === 'string') checkName(node, key);\n",
    put: '',
    killedBy: hostileTest,
    testName: 'what would run code does not compile {{ "".constructor }}',
  },
  {
    name: 'templates: a URL that runs code stands in a link',
    file: 'src/adapters/templating/url.ts',
    find: "return OFFERED.has(scheme) || scheme === authors ? clean : '#';",
    put: 'return clean;',
    killedBy: htmlTest,
    testName: 'an expression that gives a URL is checked when it is rendered "javascript:alert(1)" does not',
  },
  {
    name: 'templates: an expression may stand where escaping does not help',
    file: 'src/adapters/templating/template.ts',
    find: 'if (lint.errors.length > 0) return { errors: lint.errors };',
    put: '',
    killedBy: htmlTest,
    testName: 'where escaping does not help, an expression is refused <p onclick="go({{ x }})">',
  },
  {
    name: 'templates: a variable breaks a line of a header',
    file: 'src/adapters/templating/template.ts',
    find: "text.replace(CONTROLS, ' ').trim();",
    put: 'text.trim();',
    killedBy: contentTest,
    testName: 'nothing gets out of a header "a\\r\\nBcc: evil@example.com"',
  },
  {
    name: 'templates: the tags of a content are not counted',
    file: 'src/adapters/templating/compileContent.ts',
    find: '  parts.tags += compiled.tags.length;\n',
    put: '',
    killedBy: hostileTest,
    testName: 'the templates of a content have a bound on their tags together',
  },
  {
    name: 'templates: a text part is made of any number of tags',
    file: 'src/adapters/templating/textPart.ts',
    find: '.length > MAX_HTML_TAGS + 1',
    put: '.length < 0',
    killedBy: hostileTest,
    testName: 'the text part of any HTML is not made of more tags than that',
  },
  {
    name: 'templates: any three letters cost a formatter of their own',
    file: 'src/adapters/templating/formats.ts',
    find: '!CURRENCIES.has(currency)',
    put: '!/^[A-Z]{3}$/.test(currency)',
    killedBy: hostileTest,
    testName: 'letters that are no currency are no currency',
  },
  {
    name: 'templates: an animation sets a link',
    file: 'src/adapters/templating/htmlLint.ts',
    find: ' || (ANIMATION.test(tag) && ANIMATED.has(name))',
    put: " || (ANIMATION.test(tag) && ANIMATED.has(''))",
    killedBy: hostileTest,
    testName: 'where escaping does not help, nothing compiles <svg><a><set attributeName="href" to="{{ x }}"></a></svg>',
  },
];
