import type { Pool } from './pool.ts';
import { over } from './transaction.ts';

/** The database's own clock, in milliseconds since the epoch: what claims and leases are judged by. @throws PortError `unavailable`. */
export async function databaseEpochMs(pool: Pool): Promise<number> {
  const [row] = await over(pool).query<{ ms: number }>({
    name: 'clock',
    text: 'select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms',
  });
  return row?.ms ?? Number.NaN;
}
