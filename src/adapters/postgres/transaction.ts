import type pg from 'pg';
import type { Transaction } from '../../consumers/ports.ts';
import type { Pool } from './pool.ts';
import { toPortError } from './sqlError.ts';

/** The port over one connection. */
export const over = (client: pg.Pool | pg.ClientBase): Transaction => ({
  async query<Row extends object>(statement: { readonly name?: string; readonly text: string; readonly values?: readonly unknown[] }) {
    try {
      // The values are the caller's; pg declares them mutable without ever changing them.
      const { rows } = await client.query<Row>(statement as pg.QueryConfig);
      return rows;
    } catch (error) {
      throw toPortError(error);
    }
  },
});

/**
 * One transaction: committed when `work` returns, rolled back when it throws. `begin` may carry more statements (isolation, settings),
 * sent in the same round trip. A connection that fails to roll back is thrown away.
 * @throws PortError as the driver's errors translate, and whatever `work` throws.
 */
export async function transaction<T>(pool: Pool, work: (tx: Transaction) => Promise<T>, begin = 'begin'): Promise<T> {
  const client = await pool.connect().catch((error: unknown) => {
    throw toPortError(error);
  });
  let broken: Error | undefined;
  // Checked out, a connection's error event would be nobody's; the query that waits on it fails by itself.
  const onError = (error: Error): void => {
    broken = error;
  };
  client.on('error', onError);
  try {
    await over(client).query({ text: begin });
    const result = await work(over(client));
    await over(client).query({ text: 'commit' });
    return result;
  } catch (error) {
    await client.query('rollback').catch((failure: unknown) => {
      broken = failure instanceof Error ? failure : new Error('rollback failed');
    });
    throw error;
  } finally {
    client.off('error', onError);
    client.release(broken);
  }
}
