import type { Holder, ReservationRequest, Reservations } from '../../processes/dispatch/ports.ts';
import type { Database, Transaction } from '../../consumers/ports.ts';
import type { Instant } from '../../domain/values/instant.ts';

/** The table `reservations` (migrations/models/0005_reservations.sql). */
export function postgresReservations(database: Pick<Database, 'transaction'>): Reservations {
  return {
    reserve: (wanted, now) =>
      database.transaction(async (tx) => {
        const reserved = await take(tx, wanted, now);
        // A statement of its own: it sees what won against the first.
        const holders = reserved.size < wanted.length ? await holdersOf(tx, wanted) : new Map<string, Holder>();
        return wanted.map((it, place) => {
          const holder = holders.get(keyOf(it));
          // Nobody has it any more: the one who had has just been swept.
          return reserved.has(place) ? 'reserved' : (holder ?? { delivery: it.delivery, until: now });
        });
      }),
  };
}

const keyOf = ({ tenant, key }: Pick<ReservationRequest, 'tenant' | 'key'>): string => `${tenant} ${key}`;

/** Places of those who have got it. */
async function take(tx: Transaction, wanted: readonly ReservationRequest[], now: Instant): Promise<ReadonlySet<number>> {
  const rows = await tx.query<{ readonly place: number }>({
    name: 'reservations.reserve',
    // Of two deliveries of one call that want the same key the first gets it; keys are locked in order, so that nobody waits in a circle.
    text: `with wanted as materialized (
             select distinct on (tenant, key) * from json_to_recordset($1)
               as w (place int, tenant text, key text, delivery text, since timestamptz, until timestamptz, holder text, held timestamptz)
              order by tenant, key, place
           ), taken as (
             insert into reservations as r (tenant, key, delivery, since, until)
             select tenant, key, delivery, since, until from wanted order by tenant, key
             on conflict (tenant, key) do update set delivery = excluded.delivery, since = excluded.since, until = excluded.until
               where r.until <= $2 or r.delivery = excluded.delivery
                  or exists (select from wanted w where w.tenant = r.tenant and w.key = r.key and w.holder = r.delivery and w.held = r.until)
             returning r.tenant, r.key
           )
           select w.place from taken t join wanted w on w.tenant = t.tenant and w.key = t.key`,
    values: [JSON.stringify(wanted.map(({ over, ...it }, place) => ({ place, ...it, holder: over?.delivery, held: over?.until }))), now],
  });
  return new Set(rows.map(({ place }) => place));
}

async function holdersOf(tx: Transaction, wanted: readonly ReservationRequest[]): Promise<ReadonlyMap<string, Holder>> {
  const rows = await tx.query<Holder & { readonly tenant: ReservationRequest['tenant']; readonly key: string }>({
    name: 'reservations.holders',
    text: `select r.tenant, r.key, r.delivery, r.until from reservations r
             join json_to_recordset($1) as w (tenant text, key text) on w.tenant = r.tenant and w.key = r.key`,
    values: [JSON.stringify(wanted.map(({ tenant, key }) => ({ tenant, key })))],
  });
  return new Map(rows.map(({ delivery, until, ...it }) => [keyOf(it), { delivery, until }]));
}

/** Removes at most `limit` of those whose window is over. Answers how many. */
export async function expireReservations(database: Pick<Database, 'transaction'>, now: Instant, limit: number): Promise<number> {
  const rows = await database.transaction((tx) =>
    tx.query({
      name: 'reservations.expire',
      text: `delete from reservations where (tenant, key) in (
               select tenant, key from reservations where until <= $1 order by until limit $2 for update skip locked)
             returning 1`,
      values: [now, limit],
    }),
  );
  return rows.length;
}
