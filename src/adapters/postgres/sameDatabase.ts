import { randomInt } from 'node:crypto';
import type { Pool } from './pool.ts';
import { over } from './transaction.ts';

/** Whether two ways lead to one database, however they are written: what is locked on one cannot be had on the other. */
export async function isSameDatabase(one: Pool, other: Pool): Promise<boolean> {
  const key = randomInt(2 ** 47);
  const holding = await one.connect();
  try {
    await over(holding).query({ text: 'select pg_advisory_lock($1)', values: [key] });
    const [seen] = await over(other).query<{ free: boolean }>({ text: 'select pg_try_advisory_xact_lock($1) as free', values: [key] });
    return seen?.free === false;
  } finally {
    await over(holding).query({ text: 'select pg_advisory_unlock($1)', values: [key] });
    holding.release();
  }
}
