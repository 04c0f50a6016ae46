import type { ReservationRequest, Reservations } from '../../processes/dispatch/ports.ts';
import type { Database } from '../../consumers/ports.ts';
import type { Instant } from '../../domain/values/instant.ts';

/** The table `reservations` (migrations/models/0005_reservations.sql). */
export function postgresReservations(database: Pick<Database, 'transaction'>): Reservations {
  return {
    reserve: async (wanted: readonly ReservationRequest[], now: Instant) => {
      const rows = await database.transaction((tx) =>
        tx.query<{ readonly place: number }>({
          name: 'reservations.reserve',
          // Of two deliveries of one call that want the same key the first gets it; keys are locked in order, so that nobody waits in a circle.
          text: `with wanted as (
                   select distinct on (tenant, key) * from json_to_recordset($1) as w (place int, tenant text, key text, delivery text, until timestamptz)
                    order by tenant, key, place
                 ), taken as (
                   insert into reservations as r (tenant, key, delivery, until) select tenant, key, delivery, until from wanted order by tenant, key
                   on conflict (tenant, key) do update set delivery = excluded.delivery, until = excluded.until
                     where r.until <= $2 or r.delivery = excluded.delivery
                   returning r.tenant, r.key
                 )
                 select w.place from taken t join wanted w on w.tenant = t.tenant and w.key = t.key`,
          values: [JSON.stringify(wanted.map((it, place) => ({ place, ...it }))), now],
        }),
      );
      const reserved = new Set(rows.map(({ place }) => place));
      return wanted.map((_, place) => (reserved.has(place) ? 'reserved' : 'taken'));
    },
  };
}
