import { Markup, takeChars, takeScan, takeSteps, textOf } from './run.ts';
import type { Run } from './run.ts';

/*
 * JavaScript's operators over JSON values, as nunjucks has them, written out so that no `toString` or `valueOf` of a value is ever
 * looked for: what is no primitive is compared by identity and counts as NaN.
 */

const plain = (value: unknown): unknown => (value instanceof Markup ? value.text : value);
const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;
const isNothing = (value: unknown): boolean => value === null || value === undefined;

export function numberOf(value: unknown): number {
  const it = plain(value);
  if (typeof it === 'number') return it;
  if (typeof it === 'string') return it.length > 64 ? Number.NaN : Number(it);
  if (typeof it === 'boolean') return it ? 1 : 0;
  return it === null ? 0 : Number.NaN;
}

/** `===`; comparing two long texts of equal length costs steps. */
export function same(run: Run, left: unknown, right: unknown): boolean {
  const a = plain(left);
  const b = plain(right);
  if (typeof a === 'string' && typeof b === 'string' && a.length === b.length && a.length > 32) takeScan(run, a.length);
  return a === b;
}

/** `==`: texts, numbers and booleans are compared as numbers where their types differ; null equals undefined. */
export function alike(run: Run, left: unknown, right: unknown): boolean {
  if (typeof plain(left) === typeof plain(right)) return same(run, left, right) || (isNothing(left) && isNothing(right));
  if (isNothing(left) || isNothing(right)) return isNothing(left) && isNothing(right);
  if (isObject(plain(left)) || isObject(plain(right))) return false;
  return numberOf(left) === numberOf(right);
}

/** -1, 0, 1; NaN where they have no order. */
export function order(run: Run, left: unknown, right: unknown): number {
  const a = plain(left);
  const b = plain(right);
  if (typeof a === 'string' && typeof b === 'string') {
    takeScan(run, Math.min(a.length, b.length));
    return a < b ? -1 : a > b ? 1 : 0;
  }
  const x = numberOf(a);
  const y = numberOf(b);
  if (Number.isNaN(x) || Number.isNaN(y)) return Number.NaN;
  return x < y ? -1 : x > y ? 1 : 0;
}

/** `~`: what is not there is empty. */
export function concat(run: Run, left: unknown, right: unknown): string {
  const a = textOf(run, left);
  const b = textOf(run, right);
  takeChars(run, a.length + b.length);
  return a + b;
}

/** `+`: concatenates as soon as one side is no number, boolean or null. */
export function plus(run: Run, left: unknown, right: unknown): unknown {
  const texts = [plain(left), plain(right)].some((it) => typeof it === 'string' || isObject(it));
  return texts ? concat(run, left, right) : numberOf(left) + numberOf(right);
}

/** `in`: an element of a list, a part of a text, a name in an object. */
export function within(run: Run, needle: unknown, haystack: unknown): boolean {
  const place = plain(haystack);
  const it = plain(needle);
  if (Array.isArray(place)) {
    takeSteps(run, place.length);
    return place.some((element) => same(run, element, it));
  }
  if (typeof place === 'string') return contains(run, place, textOf(run, it));
  return typeof place === 'object' && place !== null && (typeof it === 'string' || typeof it === 'number') && Object.hasOwn(place, it);
}

/** A long needle makes searching quadratic, so each 32 characters of it cost the whole look-through again. */
export function takeSearch(run: Run, text: string, needle: string): void {
  takeScan(run, text.length * (1 + (needle.length >>> 5)));
}

function contains(run: Run, text: string, needle: string): boolean {
  takeSearch(run, text, needle);
  return text.includes(needle);
}

const isOdd = (value: unknown): boolean => numberOf(value) % 2 === 1;

/** What may stand behind `is`. */
export const TESTS: ReadonlyMap<string, (value: unknown) => boolean> = new Map([
  ['defined', (value: unknown) => value !== undefined],
  ['undefined', (value: unknown) => value === undefined],
  ['none', (value: unknown) => value === null],
  ['null', (value: unknown) => value === null],
  ['string', (value: unknown) => typeof plain(value) === 'string'],
  ['number', (value: unknown) => typeof value === 'number'],
  ['odd', isOdd],
  ['even', (value: unknown) => numberOf(value) % 2 === 0],
  ['iterable', (value: unknown) => Array.isArray(value) || typeof plain(value) === 'string'],
  ['mapping', (value: unknown) => isObject(plain(value)) && !Array.isArray(value)],
]);
