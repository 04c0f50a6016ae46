import type { Database } from '../../consumers/ports.ts';
import type { Listener } from './notify.ts';
import type { Pool } from './pool.ts';
import { over, transaction } from './transaction.ts';

/**
 * A table that is young was never analysed: the planner thinks it small, joins by reading it whole, and keeps that plan while the table
 * grows to millions of rows: twice the time for every row at first, and worse later. Consumers write what they have the keys of, so its ways are fixed.
 */
const BY_KEY = ['seqscan', 'hashjoin', 'mergejoin'].map((way) => `set local enable_${way} = off`).join('; ');

/** The port of consumers and processes over a pool and the process's listening connection. */
export function database(pool: Pool, listener: Listener): Database {
  return {
    ...over(pool),
    transaction: (work, { idleMs } = {}) =>
      transaction(
        pool,
        work,
        idleMs === undefined
          ? 'begin'
          : `begin; set local idle_in_transaction_session_timeout = ${Math.max(1, Math.round(idleMs))}; ${BY_KEY}`,
      ),
    listen: async (channel, heard) => {
      const end = await listener.subscribe(channel, (payload) => {
        heard(payload ?? undefined);
      });
      return async () => {
        end();
        return Promise.resolve();
      };
    },
  };
}
