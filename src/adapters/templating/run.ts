/** What one rendering may do: a step is a node that is evaluated, or 32 characters or one element that are looked through. */
export const MAX_STEPS = 50_000;
/** UTF-16 code units that one rendering may make, output and intermediate texts together, so at most 1 MB of UTF-8 per Latin text. */
export const MAX_CHARS = 1_000_000;

/** The state of one rendering. Several templates of one content share it, and with it one budget. */
export type Run = {
  /** Plain JSON. */
  readonly variables: object;
  /** Values of `set` and loop variables of the template that runs; undefined: not set. */
  slots: unknown[];
  steps: number;
  chars: number;
  /** JSON Pointer of the template that runs. */
  path: string;
  /** BCP 47, checked. */
  readonly locale: string;
  /** IANA name, checked. */
  readonly timeZone: string;
};

export type Evaluate = (run: Run) => unknown;
export type Piece = (run: Run) => string;

/** Ends a rendering that has used up its budget; never leaves this folder. */
export class BudgetExceeded extends Error {}
const exceeded = new BudgetExceeded('template_budget_exceeded');

export function halt(): never {
  throw exceeded;
}

/** Takes from the budget before text of this length is made. */
export function takeChars(run: Run, chars: number): void {
  run.chars -= chars;
  if (run.chars < 0) halt();
}

export function takeSteps(run: Run, steps: number): void {
  run.steps -= steps;
  if (run.steps < 0) halt();
}

/** For looking through a text: comparing, searching. */
export function takeScan(run: Run, length: number): void {
  takeSteps(run, 1 + (length >>> 5));
}

/** Text that is markup already: made by `escape`, `nl2br` and captures in an HTML template, never from a variable as it is. */
export class Markup {
  // No own property, so that a template's look-ups do not find it.
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  get text(): string {
    return this.#text;
  }
}

const SPECIAL = /[&"'<>\\]/;
/** By character code. */
const ENTITIES: readonly (string | undefined)[] = Array.from({ length: 128 }, (_, code) => entityOf(String.fromCharCode(code)));

function entityOf(char: string): string | undefined {
  const names: { readonly [char: string]: string } = { '&': '&amp;', '"': '&quot;', "'": '&#39;', '<': '&lt;', '>': '&gt;', '\\': '&#92;' };
  return names[char];
}

/** The characters that nunjucks escapes. Most values have none of them; a loop over slices takes a quarter of `replace`. */
export function escapeHtml(text: string): string {
  let at = text.search(SPECIAL);
  if (at === -1) return text;
  let escaped = '';
  let from = 0;
  for (; at < text.length; at += 1) {
    const entity = ENTITIES[text.charCodeAt(at)];
    if (entity === undefined) continue;
    escaped += text.slice(from, at) + entity;
    from = at + 1;
  }
  return escaped + text.slice(from);
}

const MAX_NESTED = 16;

/** As JavaScript prints JSON values, except that nothing is called on them: lists joined by commas, objects as `[object Object]`. */
export function textOf(run: Run, value: unknown, depth = 0): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (value instanceof Markup) return value.text;
  if (Array.isArray(value)) return depth < MAX_NESTED ? joined(run, value, ',', depth + 1) : '';
  return typeof value === 'object' && value !== null ? '[object Object]' : '';
}

export function joined(run: Run, list: readonly unknown[], delimiter: string, depth = 0): string {
  takeSteps(run, list.length);
  let text = '';
  for (let i = 0; i < list.length; i += 1) {
    const item = textOf(run, list[i], depth);
    takeChars(run, item.length + delimiter.length);
    text += i === 0 ? item : delimiter + item;
  }
  return text;
}

/** The own property of plain data; nothing inherited, nothing callable, of a text only its length and characters. */
export function ownOf(holder: unknown, key: string | number): unknown {
  if (typeof holder !== 'object' || holder === null) return typeof holder === 'string' ? characterOf(holder, key) : undefined;
  if (!Object.hasOwn(holder, key)) return holder instanceof Markup ? characterOf(holder.text, key) : undefined;
  const value = (holder as { readonly [key: string | number]: unknown })[key];
  return typeof value === 'function' ? undefined : value;
}

const characterOf = (text: string, key: string | number): unknown =>
  key === 'length' ? text.length : typeof key === 'number' ? text[key] : undefined;

export const truthy = (value: unknown): boolean => (value instanceof Markup ? value.text !== '' : Boolean(value));
