import type { Database } from '../../consumers/ports.ts';
import type { Listener } from './notify.ts';
import type { Pool } from './pool.ts';
import { over, transaction } from './transaction.ts';

/**
 * A table that is young was never analysed, and a plan that was made for its first rows is kept while it grows to millions: it would be read
 * whole, or by an index of another purpose, for every row. Consumers write what they have the keys of, so it is found by key, and each
 * batch is planned for the table as it is.
 */
const BY_KEY = ['enable_seqscan = off', 'enable_hashjoin = off', 'enable_mergejoin = off', 'plan_cache_mode = force_custom_plan']
  .map((setting) => `set local ${setting}`)
  .join('; ');

/**
 * What a consumer writes follows from the log, and its checkpoint is written with it: what a crash of the database takes is applied again.
 * So nobody waits for the disk, above all no append, whose commit would have to wait for theirs. Whatever commits later and waits (a claim's
 * declaration, an append to a log of this database) keeps all that was before it.
 */
const UNHURRIED = 'set local synchronous_commit = off';

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
          : `begin; set local idle_in_transaction_session_timeout = ${Math.max(1, Math.round(idleMs))}; ${UNHURRIED}; ${BY_KEY}`,
      ),
    presence: () => listener.presence(),
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
