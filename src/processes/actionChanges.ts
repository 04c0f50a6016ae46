import { present } from '../domain/kernel/present.ts';
import type { Recorded } from '../domain/kernel/metadata.ts';
import { PRIORITIES } from '../domain/values/channel.ts';
import type { TenantId } from '../domain/values/ids.ts';
import type { Instant } from '../domain/values/instant.ts';
import { partsOf } from '../domain/values/streams.ts';
import type { ActionKind, Ask, Process, Settle } from './process.ts';

/** A row as the log alone makes it. `items` ascend; `priority` is the place in PRIORITIES. */
export type AskedRow = {
  readonly id: string;
  readonly process: string;
  readonly kind: ActionKind;
  readonly tenant: TenantId;
  readonly target: string;
  readonly items: readonly number[];
  readonly priority: number;
  readonly due_at: Instant;
  /** While this claim lives, the row is its own. */
  readonly held_by?: string;
};
/** What is subtracted from the rows of earlier batches; `whole`: they go with all their items. */
export type SettledRow = {
  readonly tenant: TenantId;
  readonly target: string;
  readonly kind: ActionKind;
  readonly items: readonly number[];
  readonly whole: boolean;
};
export type ActionChanges = { readonly settled: readonly SettledRow[]; readonly asked: readonly AskedRow[] };

/** They concern their target as a whole: their rows have no items, and only a settle of `all` ends them. */
const WHOLE: ReadonlySet<ActionKind> = new Set(['applyBatch']);

type Pending = Omit<AskedRow, 'items'> & { readonly items: Set<number> };
type Settled = { readonly items: Set<number>; whole: boolean };
/** What a batch does to one notification or batch. */
type Target = { readonly tenant: TenantId; readonly id: string; pending: Pending[]; readonly settled: Map<ActionKind, Settled> };

/**
 * What a batch of events changes in the table of actions, folded in order: what is asked and settled within the batch never gets
 * there. First `settled` is subtracted from what is there, then `asked` is inserted.
 */
export function actionChanges(processes: readonly Process[], events: readonly Recorded[]): ActionChanges {
  const targets = new Map<string, Target>();
  const targetOf = (tenant: TenantId, id: string): Target => {
    const key = `${tenant} ${id}`;
    const target = targets.get(key) ?? { tenant, id, pending: [], settled: new Map() };
    targets.set(key, target);
    return target;
  };
  for (const event of events) {
    const { noun, tenant } = partsOf(event.stream);
    for (const process of processes) {
      if (!process.nouns.includes(noun) || !process.types.includes(event.event.type)) continue;
      process.react(event).forEach((reaction, place) => {
        const target = targetOf(tenant, reaction.id);
        if (reaction.do === 'settle') settle(target, reaction);
        else ask(target, reaction, { id: `${event.id}.${process.name}.${String(place)}`, process: process.name });
      });
    }
  }
  const all = [...targets.values()];
  return { settled: all.flatMap(settledRows), asked: all.flatMap(({ pending }) => pending.map(askedRow)) };
}

function settle(target: Target, { kinds, items }: Settle): void {
  for (const kind of kinds) {
    const settled = target.settled.get(kind) ?? { items: new Set<number>(), whole: false };
    target.settled.set(kind, settled);
    if (items === 'all') settled.whole = true;
    else for (const item of items) settled.items.add(item);
  }
  for (const row of target.pending) {
    if (items !== 'all' && kinds.includes(row.kind)) for (const item of items) row.items.delete(item);
  }
  const isLeft = ({ kind, items: left }: Pending): boolean =>
    !kinds.includes(kind) || (items !== 'all' && (left.size > 0 || WHOLE.has(kind)));
  target.pending = target.pending.filter(isLeft);
}

function ask(target: Target, { kind, items, priority, dueAt, heldBy }: Ask, from: Pick<AskedRow, 'id' | 'process'>): void {
  if (items.length === 0 && !WHOLE.has(kind)) return;
  target.pending.push({
    ...from,
    kind,
    tenant: target.tenant,
    target: target.id,
    items: new Set(items),
    priority: PRIORITIES.indexOf(priority),
    due_at: dueAt,
    ...present({ held_by: heldBy }),
  });
}

const ascending = (items: ReadonlySet<number>): readonly number[] => [...items].sort((a, b) => a - b);
const askedRow = (row: Pending): AskedRow => ({ ...row, items: ascending(row.items) });
const settledRows = ({ tenant, id, settled }: Target): readonly SettledRow[] =>
  [...settled]
    .filter(([, { items, whole }]) => whole || items.size > 0)
    .map(([kind, { items, whole }]) => ({ tenant, target: id, kind, items: whole ? [] : ascending(items), whole }));
