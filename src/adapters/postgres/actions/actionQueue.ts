import { randomUUID } from 'node:crypto';
import type { Transaction } from '../../../consumers/ports.ts';
import { PRIORITIES } from '../../../domain/values/channel.ts';
import type { Instant } from '../../../domain/values/instant.ts';
import type { Action, Claim } from '../../../processes/process.ts';
import type { ActionQueue, Claimed, Wanted } from '../../../processes/queue.ts';
import { CLAIM, NEXT_DUE, REGROUP } from './claiming.ts';

type Row = Omit<Action, 'priority' | 'dueAt'> & {
  readonly priority: number;
  readonly due_at: Instant;
  readonly until: Instant;
  /** In which round of the tenants it was chosen, and the tenant's place in it. */
  readonly turn: number;
  readonly place: number;
};

/** The tables `actions` and `claims`, as the worker's role. All instants are the database's. */
export function actionQueue(db: Transaction): ActionQueue {
  return {
    claim: async (wanted) => {
      const id = randomUUID();
      const rows = await db.query<Row>({
        name: 'actions.claim',
        text: CLAIM,
        values: [id, wanted.kinds, wanted.after, wanted.items, wanted.worker, wanted.leaseMs],
      });
      return claimedOf(id, rows, wanted);
    },
    regroup: async (claim, actions, { worker, leaseMs }) => {
      const id = randomUUID();
      const rows = await db.query<Row>({ text: REGROUP, values: [id, claim.id, actions, worker, leaseMs] });
      const [first] = rows;
      return first && { id, kind: claim.kind, until: first.until, actions: rows.map(actionOf) };
    },
    finish: async (claim, upTo) => {
      if (upTo === 'nothing') await db.query({ text: `delete from claims where id = $1`, values: [claim] });
      else await db.query({ name: 'claims.finish', text: 'select actions_finish($1, $2)', values: [claim, upTo] });
    },
    putOff: async (claim, { delayMs, code, counted, tries }) => {
      const rows = await db.query<{ parked: boolean }>({
        text: `with ended as (delete from claims where id = $1),
                    mine as (select id from actions where claim = $1 order by id for update)
               update actions a set claim = null, error = $3, tries = a.tries + $4,
                      parked_at = case when $4 = 1 and a.tries + 1 >= $5 then tidings_now() end,
                      run_at = case when $4 = 1 and a.tries + 1 >= $5 then 'infinity' else tidings_now() + $2 * interval '1 ms' end
                 from mine where a.id = mine.id returning a.parked_at is not null as parked`,
        values: [claim, delayMs, code, counted ? 1 : 0, tries],
      });
      return rows.filter(({ parked }) => parked).length;
    },
    declare: async (claim, subjects, addressKeys) => {
      const rows = await db.query({
        name: 'claims.declare',
        text: `update claims set subjects = subjects || $2::text[], addresses = addresses || $3::text[]
                where id = $1 and until > tidings_now() and done is null returning 1`,
        values: [claim, subjects, addressKeys],
      });
      return rows.length > 0;
    },
    nextDueMs: async (kinds) => {
      const [row] = await db.query<{ ms: number | null }>({ name: 'actions.next', text: NEXT_DUE, values: [kinds] });
      return row?.ms ?? undefined;
    },
    sweep: async () => {
      const rows = await db.query({ text: `delete from claims where until < tidings_now() - interval '1 minute' returning 1` });
      return rows.length;
    },
  };
}

const actionOf = ({ id, kind, tenant, target, items, priority, due_at: dueAt, tries }: Row): Action => ({
  id,
  kind,
  tenant,
  target,
  items,
  priority: PRIORITIES[priority] ?? 'normal',
  dueAt,
  tries,
});

function claimedOf(id: string, rows: readonly Row[], { after }: Wanted): Claimed | undefined {
  const ordered = [...rows].sort((a, b) => a.turn - b.turn || a.place - b.place);
  const [first, last] = [ordered[0], ordered.at(-1)];
  if (!first) return undefined;
  const claim: Claim = { id, kind: first.kind, until: first.until, actions: ordered.map(actionOf) };
  return { ...claim, lastTenant: last?.tenant ?? after };
}
