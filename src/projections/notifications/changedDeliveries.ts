import { join, type Changed, type DeliveryChange } from './deliveryChange.ts';

/** Deliveries of one notification to which the same has happened. `messageIds`: one for each, where any of them has one. */
export type Alike = { readonly items: readonly number[]; readonly messageIds?: readonly (string | null)[] } & DeliveryChange;

/**
 * What a batch of events changes in the deliveries of one notification. Those that went the same way share one change, which is joined
 * once for all of them: 500 people who were planned, started and sent cost some additions to a map and one row.
 */
export class ChangedDeliveries {
  readonly #changes = new Map<number, DeliveryChange>();
  readonly #messageIds = new Map<number, string>();

  add({ items, change, messageIds }: Changed): void {
    const joined = new Map<DeliveryChange | undefined, DeliveryChange>();
    for (const n of items) {
      const before = this.#changes.get(n);
      const after = joined.get(before) ?? join(before, change);
      joined.set(before, after);
      this.#changes.set(n, after);
    }
    for (const [place, id] of (messageIds ?? []).entries()) {
      const n = items[place];
      if (n !== undefined && id !== null) this.#messageIds.set(n, id);
    }
  }

  rows(): readonly Alike[] {
    const alike = new Map<DeliveryChange, number[]>();
    for (const [n, change] of this.#changes) {
      const items = alike.get(change);
      if (items === undefined) alike.set(change, [n]);
      else items.push(n);
    }
    return [...alike].map(([change, items]) => {
      const messageIds = this.#messageIds.size === 0 ? [] : items.map((n) => this.#messageIds.get(n) ?? null);
      return { ...change, items, ...(messageIds.some((id) => id !== null) && { messageIds }) };
    });
  }
}
