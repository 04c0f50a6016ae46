import type { Transaction } from '../../consumers/ports.ts';
import type { SubjectId, TenantId } from '../../domain/values/ids.ts';
import type { Pool } from '../postgres/pool.ts';
import { transaction } from '../postgres/transaction.ts';
import type { PeriodRef } from './keyRows.ts';

/** Sent whenever keys were destroyed: every process forgets what it has unwrapped. */
export const KEYS_CHANNEL = 'tidings_keys';

const notify = (tx: Transaction): Promise<unknown> => tx.query({ text: `select pg_notify('${KEYS_CHANNEL}', '')` });

/**
 * Destroys every generation of these subjects' keys, empties their aliases (the hashes stay) and deletes what only they could open. A
 * subject that never had a key gets a tombstone, so that none is made later. Again: no change. Other processes may go on opening with
 * a cached key for at most `KEY_CACHE_MS`, and the wrapped keys are unrecoverable only once backups and dead rows are gone.
 */
export async function destroySubjects(pool: Pool, tenant: TenantId, subjects: readonly SubjectId[]): Promise<void> {
  const values = [tenant, JSON.stringify([...subjects].sort())];
  await transaction(pool, async (tx) => {
    // The tombstones first and on their own: this waits for a key that is being made right now, which the next statement then sees.
    await tx.query({
      text: `insert into subject_keys (tenant, subject, generation, destroyed_at)
             select $1, subject, 1, now() from json_array_elements_text($2) as w (subject) on conflict do nothing`,
      values,
    });
    await tx.query({
      text: `with w as materialized (select * from json_array_elements_text($2) as w (subject)),
             keys as (
               update subject_keys set wrapped = null, master_id = null, label = null, destroyed_at = now()
                where tenant = $1 and subject in (select subject from w) and destroyed_at is null),
             aliases as (
               update subject_aliases set subject = null, erased_at = now() where tenant = $1 and subject in (select subject from w))
             delete from blobs where tenant = $1 and subject in (select subject from w)`,
      values,
    });
    await notify(tx);
  });
}

/** Destroys the keys of these periods; what was sealed under them, whosever it is, reads `erased` from then on. Again: no change. */
export async function destroyPeriods(pool: Pool, periods: readonly PeriodRef[]): Promise<void> {
  const values = [JSON.stringify(periods)];
  const wanted = `json_to_recordset($1) as w (tenant text, class text, period text)`;
  await transaction(pool, async (tx) => {
    await tx.query({
      text: `insert into period_keys (tenant, class, period, destroyed_at)
             select tenant, class, period, now() from ${wanted} order by 1, 2, 3 on conflict do nothing`,
      values,
    });
    await tx.query({
      text: `update period_keys p set wrapped = null, master_id = null, destroyed_at = now() from ${wanted}
              where p.tenant = w.tenant and p.class = w.class and p.period = w.period and p.destroyed_at is null`,
      values,
    });
    await tx.query({
      text: `delete from blobs b using ${wanted} where b.tenant = w.tenant and b.class = w.class and b.period = w.period`,
      values,
    });
    await notify(tx);
  });
}
