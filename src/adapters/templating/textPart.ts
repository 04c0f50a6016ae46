import { convert } from 'html-to-text';
import type { FormatCallback, HtmlToTextOptions } from 'html-to-text';
import type { TagSpan } from './syntax.ts';

/** Characters of HTML: deep nesting costs html-to-text more than its length. */
const MAX_HTML = 120_000;
/** Two noncharacters of Unicode, which no text holds, around the number of a tag. */
const OPEN = '\uFDD0';
const CLOSE = '\uFDD1';

const cell: FormatCallback = (element, walk, builder) => {
  builder.addInline(' ');
  walk(element.children, builder);
};

const HEADINGS = ['h1', 'h2', 'h3', 'h4', 'h5', 'h6'];
const OPTIONS: HtmlToTextOptions = {
  wordwrap: false,
  // The head too: a `set` may stand there.
  baseElements: { selectors: ['html'], returnDomByDefault: true },
  limits: { maxInputLength: 2 * MAX_HTML, maxDepth: 100 },
  formatters: { cell },
  selectors: [
    { selector: 'img', format: 'skip' },
    { selector: 'title', format: 'skip' },
    { selector: 'a', options: { hideLinkHrefIfSameAsText: true } },
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
  if (html.length > MAX_HTML || html.includes(OPEN) || html.includes(CLOSE)) return undefined;
  if (tags.length === 0) return convert(html, OPTIONS);
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

const ALONE = new RegExp(`^[ \\t]*((?:${OPEN}\\d+${CLOSE}[ \\t]*)+)(\\n+)`, 'gm');
const MARK = new RegExp(`${OPEN}(\\d+)${CLOSE}`, 'g');

/** A line of statements alone leaves no line behind; what closes a block leaves the blank line that followed it. */
function withoutOwnLines(text: string, tags: readonly string[]): string {
  return text.replace(ALONE, (line: string, marks: string, breaks: string) => {
    const own = [...marks.matchAll(MARK)].map((mark) => tags[Number(mark[1])] ?? '');
    if (own.some((tag) => tag.startsWith('{{'))) return line;
    return marks.trim() + (/^\{%-?\s*end/.test(own.at(-1) ?? '') ? breaks.slice(1) : '');
  });
}

/** What looks like a tag once its entities are decoded is text. */
const literal = (text: string): string => text.replace(new RegExp(`\\{(?=[{%#${OPEN}])|#(?=\\})`, 'g'), (char) => `{{ '${char}' }}`);

const restored = (text: string, tags: readonly string[]): string =>
  text.replace(MARK, (_mark, number: string) => tags[Number(number)] ?? '');

/** Blocks that were left out leave blank lines. */
export const tidyText = (text: string): string => text.replace(/\n{3,}/g, '\n\n').trim();
