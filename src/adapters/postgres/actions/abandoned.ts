import type { Transaction } from '../../../consumers/ports.ts';

/**
 * Ends all claims and frees what they held: only for a process that knows itself to be alone. What their workers had begun stands in
 * the log as open starts, which are recovered when their time is over; the rest can go at once. What waits after an error goes on waiting.
 */
export async function freeAbandoned(tx: Transaction): Promise<void> {
  await tx.query({
    text: `with gone as (delete from claims returning id),
                held as (select a.id from actions a join gone g on a.claim = g.id order by a.id for update of a)
           update actions a set claim = null, run_at = a.due_at from held where a.id = held.id`,
  });
}
