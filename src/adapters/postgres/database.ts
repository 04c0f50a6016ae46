import type { Database, Transaction } from '../../consumers/ports.ts';
import type { Listener } from './notify.ts';
import type { Pool } from './pool.ts';
import { over, transaction } from './transaction.ts';

/** The consumers' port over a pool (of the worker's role, or the owner's) and the process's one listening connection. */
export function databaseOf(pool: Pool, listener: Listener): Database {
  return {
    ...over(pool),
    transaction<T>(work: (tx: Transaction) => Promise<T>, limits: { readonly idleMs?: number } = {}): Promise<T> {
      const idle = limits.idleMs === undefined ? '' : `; set local idle_in_transaction_session_timeout = ${Math.ceil(limits.idleMs)}`;
      return transaction(pool, work, `begin${idle}`);
    },
    async listen(channel, heard) {
      const stop = await listener.subscribe(channel, (payload) => heard(payload ?? undefined));
      return () => Promise.resolve(stop());
    },
  };
}

/** The database's own clock, in milliseconds since the epoch: what claims and leases are judged by. */
export async function databaseEpochMs(pool: Pool): Promise<number> {
  const [row] = await over(pool).query<{ ms: number }>({
    name: 'clock',
    text: 'select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms',
  });
  return row?.ms ?? Number.NaN;
}
