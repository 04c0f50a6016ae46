import type { Projection } from '../../consumers/ports.ts';
import type { AnyFact } from '../../domain/kernel/decider.ts';
import type { Recorded } from '../../domain/kernel/metadata.ts';
import { deliveryIdOf } from '../../domain/notification/delivery.ts';
import type { NotificationEvent } from '../../domain/notification/events.ts';

/** Gives back the reservations of deliveries that ended unsent: from the log, since a worker can crash after it reserved. */
export const reservationsConsumer: Projection = {
  name: 'reservations',
  version: 1,
  nouns: ['notification'],
  types: ['DeliveriesPlanned', 'HandOffRecorded', 'NotificationCancelled'],
  facts: false,
  inPlace: true,
  schema: () => '',
  tables: [],
  apply: async (events, tx) => {
    const released = events.flatMap(releasedBy);
    if (released.length === 0) return;
    await tx.query({
      name: 'reservations.release',
      text: `delete from reservations r using json_to_recordset($1) as x (tenant text, delivery text)
              where r.tenant = x.tenant and r.delivery = x.delivery`,
      values: [JSON.stringify(released)],
    });
  },
};

function releasedBy({ event, meta }: Recorded): readonly { readonly tenant: string; readonly delivery: string }[] {
  if (!isNotification(event)) return [];
  const { notificationId } = event.data;
  return unsentItems(event).map((n) => ({ tenant: meta.tenantId, delivery: deliveryIdOf(notificationId, n) }));
}

/** The filter lets only these through. */
const isNotification = (event: AnyFact): event is NotificationEvent => 'notificationId' in event.data;

/** What may have gone out keeps its reservation: `unknown` counts as sent here. */
function unsentItems(event: NotificationEvent): readonly number[] {
  switch (event.type) {
    case 'DeliveriesPlanned':
      return event.data.planned.flatMap((group) => (group.plan === 'suppress' || group.plan === 'fail' ? group.items : []));
    case 'HandOffRecorded':
      return event.data.results.flatMap((group) => (UNSENT.has(group.result) ? group.items : []));
    case 'NotificationCancelled':
      return event.data.items;
    default:
      return [];
  }
}
const UNSENT: ReadonlySet<string> = new Set(['failed', 'dead', 'cancelled']);
