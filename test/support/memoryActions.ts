import { PRIORITIES } from '../../src/domain/values/channel.ts';
import { present } from '../../src/domain/kernel/present.ts';
import type { Recorded } from '../../src/domain/kernel/metadata.ts';
import type { Position, TenantId } from '../../src/domain/values/ids.ts';
import { plusMs, type Instant } from '../../src/domain/values/instant.ts';
import { actionChanges } from '../../src/processes/actionChanges.ts';
import type { Action, ActionKind, Claim, Claims, Ended, Process } from '../../src/processes/process.ts';

export type Row = {
  readonly id: string;
  readonly kind: ActionKind;
  readonly tenant: TenantId;
  readonly target: string;
  readonly items: readonly number[];
  readonly priority: number;
  readonly dueAt: Instant;
};
type LiveRow = Row & { runAt: Instant; claim?: string };
type LiveClaim = { readonly until: Instant; done?: Position; readonly subjects: string[]; readonly addresses: string[] };

/** The table of actions and the claims on it, in memory: what a consumer and drainers make of the log, as adapters/postgres/actions does. */
export type MemoryActions = Claims & {
  /** Applies events as the consumer does, in one batch. */
  readonly consume: (events: readonly Recorded[]) => void;
  /** The due rows of these ids, or all due ones of the kind, under a new claim. Undefined: none is due. */
  readonly claim: (kind: ActionKind, ids?: readonly string[]) => Claim | undefined;
  /** The same rows under a new claim; undefined: another has them. */
  readonly prolong: (claim: Claim) => Claim | undefined;
  readonly finish: (claim: string, ended: Ended) => void;
  /** Undone: free again at once. */
  readonly putOff: (claim: string) => void;
  readonly rows: () => readonly Row[];
  /** Rows that a drainer could claim now. */
  readonly due: () => readonly Row[];
  /** Claims that have neither run out nor ended, with whom they name. */
  readonly live: () => ReadonlyMap<string, { readonly subjects: readonly string[]; readonly addresses: readonly string[] }>;
  readonly nextDue: () => Instant | undefined;
};

type Options = {
  readonly processes: readonly Process[];
  readonly now: () => Instant;
  /** Asked for each claim. */
  readonly leaseMs?: () => number;
  readonly newId: () => string;
};

export function memoryActions({ processes, now, leaseMs = () => 30_000, newId }: Options): MemoryActions {
  let rows: LiveRow[] = [];
  const claims = new Map<string, LiveClaim>();
  const due = (): readonly LiveRow[] => rows.filter((row) => row.runAt <= now());
  const free = (claim: string, runAt?: Instant): void => {
    for (const row of rows) {
      if (row.claim !== claim) continue;
      delete row.claim;
      if (runAt !== undefined) row.runAt = runAt;
    }
  };

  let read: Position | undefined;
  /** What is left of a group is free when its results have been read, whichever comes second. */
  const release = (claim: string, done: Position): void => {
    if (read === undefined || done > read) return;
    claims.delete(claim);
    for (const row of rows) if (row.claim === claim) row.runAt = row.dueAt;
    free(claim);
  };

  const putOff = (claim: string): void => {
    claims.delete(claim);
    free(claim, now());
  };

  const take = (kind: ActionKind, taken: readonly LiveRow[]): Claim | undefined => {
    if (taken.length === 0) return undefined;
    const [id, until] = [newId(), plusMs(now(), leaseMs())];
    claims.set(id, { until, subjects: [], addresses: [] });
    for (const row of taken) Object.assign(row, { claim: id, runAt: until });
    return { id, kind, until, actions: taken.map(actionOf) };
  };

  return {
    consume: (events) => {
      const { settled, asked } = actionChanges(processes, events);
      for (const gone of settled) {
        rows = rows.flatMap((row): LiveRow[] => {
          if (row.tenant !== gone.tenant || row.target !== gone.target || row.kind !== gone.kind) return [row];
          if (gone.whole) return [];
          const items = row.items.filter((item) => !gone.items.includes(item));
          return items.length === 0 && row.items.length > 0 ? [] : [{ ...row, items }];
        });
      }
      for (const { due_at: dueAt, process: _, held_by: claim, ...row } of asked) {
        const holder = claim === undefined ? undefined : claims.get(claim);
        if (rows.some(({ id }) => id === row.id)) continue;
        rows.push({ ...row, dueAt, runAt: holder?.until ?? dueAt, ...(holder && present({ claim })) });
      }
      read = events.at(-1)?.position ?? read;
      for (const [id, { done }] of claims) if (done !== undefined) release(id, done);
    },
    claim: (kind, ids) => {
      return take(
        kind,
        due().filter((row) => row.kind === kind && (ids?.includes(row.id) ?? true)),
      );
    },
    prolong: ({ id, kind }) => {
      claims.delete(id);
      return take(
        kind,
        rows.filter(({ claim }) => claim === id),
      );
    },
    finish: (claim, ended) => {
      const live = claims.get(claim);
      if (live === undefined) return;
      if (ended === 'nothing') claims.delete(claim);
      else if (ended === 'overtaken') putOff(claim);
      else {
        live.done = ended;
        release(claim, ended);
      }
    },
    putOff,
    declare: async (claim, subjects, addressKeys) => {
      const live = claims.get(claim);
      if (live === undefined || live.done !== undefined || live.until <= now()) return false;
      live.subjects.push(...subjects);
      live.addresses.push(...addressKeys);
      return true;
    },
    rows: () => rows.map(({ runAt: _, claim: __, ...row }) => row),
    due,
    live: () => new Map([...claims].filter(([, { until, done }]) => done === undefined && until > now())),
    nextDue: () => rows.map(({ runAt }) => runAt).sort()[0],
  };
}

const actionOf = ({ id, kind, tenant, target, items, priority, dueAt }: LiveRow): Action => ({
  id,
  kind,
  tenant,
  target,
  items,
  priority: PRIORITIES[priority] ?? 'normal',
  dueAt,
  tries: 0,
});

/** Work by delivery, as rows and as folds say it: `kind n due`, in order. */
export const workOf = (rows: readonly Row[]): readonly string[] =>
  rows.flatMap(({ kind, items, dueAt }) => items.map((n) => `${kind} ${String(n)} ${dueAt}`)).sort();
