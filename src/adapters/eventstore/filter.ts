import type { Filter } from './port.ts';

/** Whether an event passes, for stores that cannot be asked to look themselves. */
export function passing({ nouns, types }: Filter): (event: { readonly stream: string; readonly type: string }) => boolean {
  const nounSet = nouns && new Set(nouns);
  const typeSet = types && new Set(types);
  return ({ stream, type }) => (nounSet?.has(stream.split('-', 1)[0] ?? '') ?? true) && (typeSet?.has(type) ?? true);
}
