/** The compiler proves that this is never reached; at run time it names what slipped through (an event nobody folds). */
export function assertNever(it: never): never {
  throw new TypeError(`unexpected ${typeof it === 'object' ? String((it as { type?: unknown }).type) : String(it)}`);
}
