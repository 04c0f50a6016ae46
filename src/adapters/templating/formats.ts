import { LRUCache } from 'lru-cache';
import { numberOf } from './operators.ts';
import { ownOf, textOf } from './run.ts';
import type { Run } from './run.ts';

/** Making a formatter costs some 50 µs; using one less than 1. */
const formatters = new LRUCache<string, Intl.DateTimeFormat | Intl.NumberFormat>({ max: 500 });

function formatter<F extends Intl.DateTimeFormat | Intl.NumberFormat>(key: string, make: () => F): F {
  const known = formatters.get(key);
  if (known !== undefined) return known as F;
  const made = make();
  formatters.set(key, made);
  return made;
}

const STYLES = ['short', 'medium', 'long', 'full'] as const;
type Style = (typeof STYLES)[number];
export const isStyle = (value: unknown): value is Style => STYLES.some((style) => style === value);

/** RFC 3339, also without a time or without a zone. */
const WRITTEN = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?)?$/;

/** Epoch ms; `local`: it names a wall time or a day, which is the same in every zone. */
function instantIn(value: unknown): { readonly at: number; readonly local: boolean } | undefined {
  if (typeof value === 'number') return Math.abs(value) <= 8.64e15 ? { at: value, local: false } : undefined;
  const written = typeof value === 'string' && value.length <= 40 ? WRITTEN.exec(value) : null;
  if (written === null) return undefined;
  const local = written[1] === undefined;
  const text = written[0].replace(' ', 'T');
  const at = Date.parse(local && text.length > 10 ? `${text}Z` : text);
  return Number.isNaN(at) ? undefined : { at, local };
}

/** A day, an hour or both, in the recipient's language and zone. What is no instant of RFC 3339 stays as it is. */
export function formatInstant(run: Run, value: unknown, show: 'date' | 'time' | 'datetime', style: Style): string {
  const instant = instantIn(value);
  if (instant === undefined) return textOf(run, value);
  const zone = instant.local ? 'UTC' : run.timeZone;
  const format = formatter(`${show} ${style} ${run.locale} ${zone}`, () => {
    const date = show === 'time' ? {} : { dateStyle: style };
    return new Intl.DateTimeFormat(run.locale, { ...date, ...(show === 'date' ? {} : { timeStyle: style }), timeZone: zone });
  });
  return format.format(instant.at);
}

/** `digits`: exactly so many behind the point (0 to 20); absent: up to three, as the language has it. */
export function formatNumber(run: Run, value: unknown, style: 'decimal' | 'percent', digits: number | undefined): string {
  const number = typeof value === 'object' ? Number.NaN : numberOf(value);
  if (Number.isNaN(number)) return textOf(run, value);
  const fixed = digits === undefined ? {} : { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return formatter(`${style} ${digits} ${run.locale}`, () => new Intl.NumberFormat(run.locale, { style, ...fixed })).format(number);
}

/** ISO 4217 as the runtime knows it. Three letters that are no currency would each cost a formatter of its own. */
const CURRENCIES: ReadonlySet<string> = new Set(Intl.supportedValuesOf('currency'));

/** Money `{micros, currency}`, or a number of units of a currency (ISO 4217). */
export function formatCurrency(run: Run, value: unknown, code: unknown): string {
  const micros = ownOf(value, 'micros');
  const currency = code ?? ownOf(value, 'currency');
  const amount = micros === undefined ? value : numberOf(micros) / 1e6;
  const number = typeof amount === 'object' ? Number.NaN : numberOf(amount);
  if (typeof currency !== 'string' || !CURRENCIES.has(currency) || Number.isNaN(number)) return textOf(run, amount);
  return formatter(`${currency} ${run.locale}`, () => new Intl.NumberFormat(run.locale, { style: 'currency', currency })).format(number);
}

const known = new LRUCache<string, string>({ max: 1000 });

/** A tag of BCP 47 that Intl takes (an underscore counts as a dash), else `en`. */
export function localeOr(tag: string | undefined): string {
  if (tag === undefined) return 'en';
  return checked(`locale ${tag}`, 'en', () => Intl.getCanonicalLocales(tag.replaceAll('_', '-'))[0] ?? 'en');
}

/** A zone of the IANA database, else `UTC`. Zones are checked at the edge; this keeps a bad one from failing a rendering. */
export function zoneOr(zone: string | undefined): string {
  if (zone === undefined) return 'UTC';
  return checked(`zone ${zone}`, 'UTC', () => new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone);
}

function checked(key: string, otherwise: string, check: () => string): string {
  const before = known.get(key);
  if (before !== undefined) return before;
  let result = otherwise;
  try {
    result = check();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  known.set(key, result);
  return result;
}
