import type { Transaction } from '../../consumers/ports.ts';
import type { AnyFact } from '../../domain/kernel/decider.ts';
import type { Recorded } from '../../domain/kernel/metadata.ts';
import { channelOf, deliveryIdOf } from '../../domain/notification/delivery.ts';
import type { DeliveriesPlanned } from '../../domain/notification/events.ts';
import { reservationKey } from '../../domain/policy/dedup.ts';
import type { ReservationRequest } from '../dispatch/ports.ts';

/** What the events say is held, the newest holder of each key. */
export function reservationsIn(events: readonly Recorded[]): readonly ReservationRequest[] {
  const held = new Map<string, ReservationRequest>();
  for (const { meta, event } of events) {
    if (!isPlan(event) || event.data.reserved === undefined) continue;
    const tenant = meta.tenantId;
    const { notificationId, plannedAt, reserved } = event.data;
    for (const { n, subject } of reserved.holders) {
      const key = reservationKey(reserved.key, subject, channelOf(n));
      held.set(`${tenant} ${key}`, { tenant, key, delivery: deliveryIdOf(notificationId, n), since: plannedAt, until: reserved.until });
    }
  }
  return [...held.values()];
}
const isPlan = (event: AnyFact): event is DeliveriesPlanned => event.type === 'DeliveriesPlanned';

/**
 * Whoever plans has reserved already, so this finds its rows there; only a table that was lost is made again by it. Then the drainers
 * rest until it is, since it belongs to what they wait for.
 */
export const keepReservations = (reserved: readonly ReservationRequest[], tx: Transaction): Promise<unknown> =>
  tx.query({
    name: 'reservations.keep',
    text: `insert into reservations as r (tenant, key, delivery, since, until)
           select tenant, key, delivery, since, until
             from json_to_recordset($1) as k (tenant text, key text, delivery text, since timestamptz, until timestamptz) order by tenant, key
           on conflict (tenant, key) do update set delivery = excluded.delivery, since = excluded.since, until = excluded.until
             where r.delivery <> excluded.delivery and r.since < excluded.since`,
    values: [JSON.stringify(reserved)],
  });
