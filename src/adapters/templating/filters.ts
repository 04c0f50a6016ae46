import { formatCurrency, formatInstant, formatNumber, isStyle } from './formats.ts';
import { numberOf, takeSearch } from './operators.ts';
import { escapeHtml, joined, Markup, ownOf, takeChars, takeScan, takeSteps, textOf, truthy } from './run.ts';
import type { Run } from './run.ts';
import { safeUrl } from './url.ts';

export type Filter = {
  readonly min: number;
  readonly max: number;
  readonly apply: (run: Run, value: unknown, ...args: unknown[]) => unknown;
};

/** Every filter sees markup as its text, and what it gives is plain text again: so nothing but `escape` and `nl2br` is left unescaped. */
const ofText = (max: number, apply: (text: string, ...args: unknown[]) => string): Filter => ({
  min: 0,
  max,
  apply: (run, value, ...args) => {
    const text = textOf(run, value === false ? '' : value);
    takeChars(run, text.length);
    return apply(text, ...args);
  },
});

const capitalize = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1).toLowerCase();
const title = (text: string): string => text.split(' ').map(capitalize).join(' ');

function lengthOf(run: Run, value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (value instanceof Markup) return value.text.length;
  if (Array.isArray(value)) return value.length;
  if (typeof value !== 'object' || value === null) return 0;
  const { length } = Object.keys(value);
  takeSteps(run, length);
  return length;
}

const elementOf = (value: unknown, index: (length: number) => number): unknown =>
  typeof value === 'string' || Array.isArray(value) ? ownOf(value, index(value.length)) : undefined;

function join(run: Run, value: unknown, delimiter: unknown, attribute: unknown): unknown {
  if (!Array.isArray(value)) return textOf(run, value);
  const list: readonly unknown[] = value;
  takeSteps(run, list.length);
  const items = typeof attribute === 'string' ? list.map((it) => ownOf(it, attribute)) : list;
  return joined(run, items, textOf(run, delimiter));
}

/** Whole numbers only, within bounds: what lies outside is moved to the bound. */
function whole(value: unknown, otherwise: number, max: number): number {
  const number = value === undefined || value === null ? otherwise : Math.trunc(numberOf(value));
  return Number.isNaN(number) ? otherwise : Math.min(Math.max(number, 0), max);
}

function replace(run: Run, value: unknown, ...[old, by, count]: unknown[]): unknown {
  if (typeof value === 'object' && !(value instanceof Markup)) return value;
  const text = textOf(run, value);
  const search = textOf(run, old);
  const limit = whole(count, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  if (search === '') return text;
  takeSearch(run, text, search);
  takeChars(run, text.length);
  return replaced(run, { text, search, by: textOf(run, by), limit });
}

function replaced(run: Run, what: { readonly text: string; readonly search: string; readonly by: string; readonly limit: number }): string {
  let result = '';
  let from = 0;
  for (let done = 0; done < what.limit; done += 1) {
    const at = what.text.indexOf(what.search, from);
    if (at === -1) break;
    takeSteps(run, 1);
    takeChars(run, what.by.length);
    result += what.text.slice(from, at) + what.by;
    from = at + what.search.length;
  }
  return result + what.text.slice(from);
}

function truncate(run: Run, value: unknown, ...[length, hard, end]: unknown[]): string {
  const text = textOf(run, value === false ? '' : value);
  const max = whole(length, 255, 1_000_000) || 255;
  if (text.length <= max) return text;
  const blank = truthy(hard) ? -1 : text.lastIndexOf(' ', max);
  const tail = end === undefined || end === null ? '...' : textOf(run, end);
  takeScan(run, max);
  takeChars(run, max + tail.length);
  return text.slice(0, blank === -1 ? max : blank) + tail;
}

function round(value: unknown, digits: unknown, method: unknown): number {
  const factor = 10 ** whole(digits, 0, 15);
  const how = method === 'ceil' ? Math.ceil : method === 'floor' ? Math.floor : Math.round;
  return how(numberOf(value) * factor) / factor;
}

const LONE_SURROGATE = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g;

function encode(run: Run, value: unknown): string {
  const text = textOf(run, value);
  takeChars(run, 3 * text.length);
  return encodeURIComponent(text.replace(LONE_SURROGATE, '\uFFFD'));
}

function urlencode(run: Run, value: unknown): string {
  if (typeof value !== 'object' || value === null || value instanceof Markup) return encode(run, value);
  lengthOf(run, value);
  const pairs: readonly (readonly [unknown, unknown])[] = Array.isArray(value)
    ? value.map((it: unknown) => [ownOf(it, 0), ownOf(it, 1)])
    : Object.entries(value);
  return pairs.map(([name, it]) => `${encode(run, name)}=${encode(run, it)}`).join('&');
}

const instant = (show: 'date' | 'time' | 'datetime'): Filter => ({
  min: 0,
  max: 1,
  apply: (run, value, style) => {
    const text = formatInstant(run, value, show, isStyle(style) ? style : 'medium');
    takeChars(run, text.length);
    return text;
  },
});

const number = (style: 'decimal' | 'percent'): Filter => ({
  min: 0,
  max: 1,
  apply: (run, value, digits) => {
    takeChars(run, 64);
    return formatNumber(run, value, style, digits === undefined ? undefined : whole(digits, 0, 20));
  },
});

const escape: Filter = {
  min: 0,
  max: 0,
  apply: (run, value) => {
    if (value instanceof Markup) return value;
    const text = textOf(run, value);
    takeChars(run, text.length);
    return new Markup(escapeHtml(text));
  },
};

const nl2br: Filter = {
  min: 0,
  max: 0,
  apply: (run, value) => {
    const text = value instanceof Markup ? value.text : escapeHtml(textOf(run, value));
    takeChars(run, 2 * text.length);
    return new Markup(text.replace(/\r\n|\n/g, '<br />\n'));
  },
};

const orElse: Filter = {
  min: 1,
  max: 2,
  apply: (_run, value, otherwise, loose) => ((truthy(loose) ? truthy(value) : value !== undefined) ? value : otherwise),
};

/** The filters of an author. What isn't here does not exist. */
const FILTERS: ReadonlyMap<string, Filter> = new Map<string, Filter>([
  ['upper', ofText(0, (text) => text.toUpperCase())],
  ['lower', ofText(0, (text) => text.toLowerCase())],
  ['capitalize', ofText(0, capitalize)],
  ['title', ofText(0, title)],
  ['trim', ofText(0, (text) => text.trim())],
  ['default', orElse],
  ['d', orElse],
  ['length', { min: 0, max: 0, apply: lengthOf }],
  ['join', { min: 0, max: 2, apply: join }],
  ['first', { min: 0, max: 0, apply: (_run, value) => elementOf(value, () => 0) }],
  ['last', { min: 0, max: 0, apply: (_run, value) => elementOf(value, (length) => length - 1) }],
  ['replace', { min: 2, max: 3, apply: replace }],
  ['truncate', { min: 0, max: 3, apply: truncate }],
  ['round', { min: 0, max: 2, apply: (_run, value, digits, method) => round(value, digits, method) }],
  ['abs', { min: 0, max: 0, apply: (_run, value) => Math.abs(numberOf(value)) }],
  ['urlencode', { min: 0, max: 0, apply: urlencode }],
  ['url', ofText(0, (text) => safeUrl(text))],
  ['date', instant('date')],
  ['time', instant('time')],
  ['datetime', instant('datetime')],
  ['number', number('decimal')],
  ['percent', number('percent')],
  ['currency', { min: 0, max: 1, apply: formatCurrency }],
]);
const plainText: Filter = { min: 0, max: 0, apply: (run, value) => textOf(run, value) };
const MARKUP_FILTERS: ReadonlyMap<string, Filter> = new Map([
  ['escape', escape],
  ['e', escape],
  ['nl2br', nl2br],
]);

/** In HTML `escape` and `nl2br` make markup; in everything else there is nothing to escape, and they leave the text alone. */
export function filterOf(name: string, html: boolean): Filter | undefined {
  const markup = MARKUP_FILTERS.get(name);
  if (markup !== undefined) return html ? markup : plainText;
  return FILTERS.get(name);
}
