import type { HandOffResult } from './events.ts';

/** Joins what is alike, so that a sub-batch of one outcome is one group. */
export function joinAlike(all: readonly HandOffResult[]): readonly HandOffResult[] {
  const joined = new Map<string, HandOffResult>();
  for (const one of all) {
    const { items: _, ...rest } = one;
    const key = JSON.stringify(rest.result === 'sent' ? { ...rest, messageIds: undefined } : rest);
    const other = joined.get(key);
    joined.set(key, other === undefined ? one : both(other, one));
  }
  return [...joined.values()];
}

function both(a: HandOffResult, b: HandOffResult): HandOffResult {
  const items = [...a.items, ...b.items];
  if (a.result !== 'sent' || b.result !== 'sent') return { ...a, items };
  return { ...a, items, messageIds: [...(a.messageIds ?? []), ...(b.messageIds ?? [])] };
}
