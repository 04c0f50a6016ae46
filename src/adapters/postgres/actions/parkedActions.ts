import type { Transaction } from '../../../consumers/ports.ts';
import { pageOf, type Page, type PageRequest } from '../../../domain/values/page.ts';
import { ACTION_KINDS, ACTIONS_CHANNEL } from '../../../processes/process.ts';
import type { ParkedAction } from '../../../http/ports.ts';

/** Oldest first. `place`: where the page before ended. */
export async function parkedActions(tx: Transaction, { limit, place }: PageRequest): Promise<Page<ParkedAction>> {
  const [at, id] = place?.split(' ') ?? [];
  const rows = await tx.query<ParkedAction>({
    // To the millisecond, as the place holds it.
    text: `with parked as (select *, date_trunc('milliseconds', parked_at) as at from actions where parked_at is not null)
           select id, kind, tenant, target, items, tries, error, at as "parkedAt" from parked
            where $2::timestamptz is null or (at, id) > ($2, $3) order by at, id limit $1`,
    values: [limit + 1, at ?? null, id ?? ''],
  });
  return pageOf(rows, limit, ({ parkedAt, id }) => `${parkedAt} ${id}`);
}

/** Due at once, with all its tries; false: there is no such parked action. */
export async function retryParkedAction(tx: Transaction, id: string): Promise<boolean> {
  const rows = await tx.query({
    text: `with freed as (
             update actions set parked_at = null, tries = 0, run_at = tidings_now() where id = $1 and parked_at is not null returning 1
           ) select pg_notify('${ACTIONS_CHANNEL}', '') from freed`,
    values: [id],
  });
  return rows.length > 0;
}

/** How many are due, counted up to `most`. The more it is the longer it takes: some millions take Postgres a second. */
export async function countDueActions(tx: Transaction, most: number): Promise<number> {
  const [row] = await tx.query<{ due: number }>({
    name: 'actions.due',
    text: `with clock as materialized (select tidings_now() as now)
           select count(*)::int as due from (
             select from generate_series(0, 3) p (priority)
              cross join unnest($2::text[]) k (kind)
              cross join lateral (
                select from actions a
                 where a.priority = p.priority::smallint and a.kind = k.kind and a.run_at <= (select now from clock) limit $1
              ) a limit $1) due`,
    values: [most, ACTION_KINDS],
  });
  return row?.due ?? 0;
}

export async function countParkedActions(tx: Transaction): Promise<number> {
  const [row] = await tx.query<{ parked: number }>({
    name: 'actions.parked',
    text: 'select count(*)::int as parked from actions where parked_at is not null',
  });
  return row?.parked ?? 0;
}
