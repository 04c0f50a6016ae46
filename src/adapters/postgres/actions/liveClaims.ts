import type { Transaction } from '../../../consumers/ports.ts';
import type { LiveClaims } from '../../../processes/queue.ts';

/** Give it the primary: a replica may not have seen a declaration yet. */
export function liveClaims(db: Transaction): LiveClaims {
  return {
    naming: async (subjects, addressKeys) => {
      const rows = await db.query<{ id: string }>({
        name: 'claims.naming',
        text: `select id from claims where until > tidings_now() and done is null and (subjects && $1::text[] or addresses && $2::text[])`,
        values: [subjects, addressKeys],
      });
      return rows.map(({ id }) => id);
    },
    live: async (claims) => {
      const rows = await db.query<{ id: string }>({
        name: 'claims.live',
        text: `select id from claims where id = any ($1::uuid[]) and until > tidings_now() and done is null`,
        values: [claims],
      });
      return rows.map(({ id }) => id);
    },
  };
}
