import { convert } from 'html-to-text';
import type { FormatCallback, HtmlToTextOptions } from 'html-to-text';
import type { TagSpan } from './syntax.ts';
import { isDenied, schemeOf } from './url.ts';

/** Characters of HTML, and its tags: these cost html-to-text more than its length. */
const MAX_HTML = 120_000;
const MAX_HTML_TAGS = 8_000;
/** Two noncharacters of Unicode, which no text holds, around the number of a tag. */
const OPEN = '\uFDD0';
const CLOSE = '\uFDD1';
/**
 * Around the target of a link, which is only known once it is rendered: of one with a text of its own, and of one without. Controls, which
 * a text has no use for: beyond U+00FF they would make the engine keep each rendered mail at two bytes a character.
 */
const BESIDE = '\u0001';
const ALONE = '\u0002';
const END = '\u0003';
const MARKS = new RegExp(`[${OPEN}${CLOSE}${BESIDE}-${END}]`);

const cell: FormatCallback = (element, walk, builder) => {
  builder.addInline(' ');
  walk(element.children, builder);
};

const targetOf = (attributes: unknown): string =>
  typeof attributes === 'object' && attributes !== null && 'href' in attributes && typeof attributes.href === 'string'
    ? attributes.href.replace(/^mailto:/, '')
    : '';

/** As the library's own, with the target marked. */
const link: FormatCallback = (element, walk, builder) => {
  const target = targetOf(element.attribs);
  let text = '';
  builder.pushWordTransform((word) => {
    text += word;
    return word;
  });
  walk(element.children, builder);
  builder.popWordTransform();
  if (target === '' || target.startsWith('#') || target === text) return;
  builder.addInline(text === '' ? `${ALONE}${target}${END}` : ` ${BESIDE}${target}${END}`, { noWordTransform: true });
};

const HEADINGS = ['h1', 'h2', 'h3', 'h4', 'h5', 'h6'];
const OPTIONS: HtmlToTextOptions = {
  wordwrap: false,
  // The head too: a `set` may stand there.
  baseElements: { selectors: ['html'], returnDomByDefault: true },
  limits: { maxInputLength: 2 * MAX_HTML, maxDepth: 100 },
  formatters: { cell, link },
  selectors: [
    { selector: 'img', format: 'skip' },
    { selector: 'title', format: 'skip' },
    { selector: 'a', format: 'link' },
    { selector: 'tr', format: 'block', options: { leadingLineBreaks: 1, trailingLineBreaks: 1 } },
    { selector: 'td', format: 'cell' },
    { selector: 'th', format: 'cell' },
    ...HEADINGS.map((selector) => ({ selector, format: 'heading', options: { uppercase: false } })),
  ],
};
/** In a loop every round would be number one. */
const DYNAMIC: HtmlToTextOptions = { ...OPTIONS, selectors: [...(OPTIONS.selectors ?? []), { selector: 'ol', format: 'unorderedList' }] };

/**
 * The template of an e-mail's text part, made from that of its HTML: tags are hidden from html-to-text behind marks and put
 * back, so that this happens once per template and not once per message. Undefined: too large, or not to be marked.
 */
export function textTemplateOf(html: string, tags: readonly TagSpan[]): string | undefined {
  if (html.length > MAX_HTML || html.split('<', MAX_HTML_TAGS + 2).length > MAX_HTML_TAGS + 1 || MARKS.test(html)) return undefined;
  if (tags.length === 0) return literal(convert(html, OPTIONS));
  const shown = tags.filter((tag) => !tag.comment).map((tag) => html.slice(tag.start, tag.end));
  return restored(literal(withoutOwnLines(convert(marked(html, tags), DYNAMIC), shown)), shown);
}

function marked(html: string, tags: readonly TagSpan[]): string {
  let text = '';
  let from = 0;
  let number = 0;
  for (const tag of tags) {
    text += html.slice(from, tag.start) + (tag.comment ? '' : `${OPEN}${number}${CLOSE}`);
    if (!tag.comment) number += 1;
    from = tag.end;
  }
  return text + html.slice(from);
}

const OWN_LINE = new RegExp(`^[ \\t]*((?:${OPEN}\\d+${CLOSE}[ \\t]*)+)(\\n+)`, 'gm');
const MARK = new RegExp(`${OPEN}(\\d+)${CLOSE}`, 'g');

/** A line of statements alone leaves no line behind; what closes a block leaves the blank line that followed it. */
function withoutOwnLines(text: string, tags: readonly string[]): string {
  return text.replace(OWN_LINE, (line: string, marks: string, breaks: string) => {
    const own = [...marks.matchAll(MARK)].map((mark) => tags[Number(mark[1])] ?? '');
    if (own.some((tag) => tag.startsWith('{{'))) return line;
    return marks.trim() + (/^\{%-?\s*end/.test(own.at(-1) ?? '') ? breaks.slice(1) : '');
  });
}

/** What looks like a tag once its entities are decoded is text. */
const literal = (text: string): string => text.replace(new RegExp(`\\{(?=[{%#${OPEN}])|#(?=\\})`, 'g'), (char) => `{{ '${char}' }}`);

const restored = (text: string, tags: readonly string[]): string =>
  text.replace(MARK, (_mark, number: string) => tags[Number(number)] ?? '');

const LINK = new RegExp(` ?([${BESIDE}${ALONE}])([^${BESIDE}-${END}]*)${END}`, 'g');
const STRAY = new RegExp(`[${BESIDE}-${END}]`, 'g');

/** What runs code leads nowhere in a text, and is not shown as if it did. */
function shownLink(found: string, mark: string, target: string): string {
  const scheme = schemeOf(target);
  if (scheme !== undefined && isDenied(scheme)) return '';
  const blank = found.startsWith(' ') ? ' ' : '';
  return mark === ALONE ? `${blank}${target}` : `${blank}[${target}]`;
}

/** The rendered text with its links; blocks that were left out leave blank lines. */
export const tidyText = (text: string): string =>
  text
    .replace(LINK, shownLink)
    .replace(STRAY, '')
    .replace(/\n{3,}/g, '\n\n')
    .trim();
