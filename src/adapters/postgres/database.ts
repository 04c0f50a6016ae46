import type { Database } from '../../consumers/ports.ts';
import type { Listener } from './notify.ts';
import type { Pool } from './pool.ts';
import { over, transaction } from './transaction.ts';

/** The port of consumers and processes over a pool and the process's listening connection. */
export function database(pool: Pool, listener: Listener): Database {
  return {
    ...over(pool),
    transaction: (work, { idleMs } = {}) =>
      transaction(
        pool,
        work,
        idleMs === undefined ? 'begin' : `begin; set local idle_in_transaction_session_timeout = ${Math.max(1, Math.round(idleMs))}`,
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
