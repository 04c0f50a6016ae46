/** The compiler proves that this is never reached; at run time it names what slipped through (an event nobody folds). */
export function assertNever(it: never): never {
  const found: unknown = it;
  const name = typeof found === 'object' && found !== null && 'type' in found ? found.type : found;
  throw new TypeError(`unexpected ${String(name)}`);
}
