import { foldNotification } from '../../commands/foldNotification.ts';
import { deliveryIdIn, type DeliveryState } from '../../domain/notification/delivery.ts';
import type { NotificationEvent } from '../../domain/notification/events.ts';
import type { Reservation } from '../../domain/policy/gates.ts';
import type { DeliveryId } from '../../domain/values/ids.ts';
import type { Instant } from '../../domain/values/instant.ts';
import { streamOf } from '../../domain/values/streams.ts';
import type { DispatchPorts, Holder, ReservationRequest } from '../dispatch/ports.ts';

type Held = ReservationRequest & { readonly over: Holder };

/**
 * Step 6 of docs/architecture.md. Nobody gives a reservation back: whoever finds one taken looks into its holder's log, and takes it over where
 * that delivery has ended unsent. So a worker that crashes after it reserved, or reserves for what has just been cancelled, leaves
 * nothing behind that counts; and what was redriven has either kept its place or competes for it again.
 */
export async function reserve(
  ports: Pick<DispatchPorts, 'reservations' | 'log'>,
  wanted: readonly ReservationRequest[],
  now: Instant,
): Promise<ReadonlyMap<DeliveryId, Reservation>> {
  const answers = new Map<DeliveryId, Reservation>();
  const ask = async (some: readonly ReservationRequest[]): Promise<readonly Held[]> => {
    const outcomes = some.length > 0 ? await ports.reservations.reserve(some, now) : [];
    return some.flatMap((it, at) => {
      const outcome = outcomes[at];
      answers.set(it.delivery, outcome === 'reserved' ? 'reserved' : 'taken');
      return outcome === undefined || outcome === 'reserved' ? [] : [{ ...it, over: outcome }];
    });
  };
  await ask(await inVain(ports.log, await ask(wanted)));
  return answers;
}

/** Those whose holder will not be sent, as its log says. */
async function inVain(log: DispatchPorts['log'], held: readonly Held[]): Promise<readonly Held[]> {
  if (held.length === 0) return [];
  const places = held.map((it) => {
    const holder = deliveryIdIn(it.over.delivery);
    return { it, n: holder?.n, stream: holder && streamOf('notification', it.tenant, holder.notification) };
  });
  const streams = await log.read<NotificationEvent>([...new Set(places.flatMap(({ stream }) => stream ?? []))]);
  return places.flatMap(({ it, n, stream }) => {
    const state = stream && foldNotification(streams.get(stream) ?? []);
    const status = n === undefined ? undefined : state?.deliveries.get(n)?.status;
    // Its own delivery as the holder: it was swept between two looks.
    return it.over.delivery === it.delivery || status === undefined || UNSENT.has(status) ? [it] : [];
  });
}
/** What may have gone out keeps its reservation: `unknown` counts as sent. */
const UNSENT: ReadonlySet<DeliveryState> = new Set(['suppressed', 'cancelled', 'failed', 'dead', 'left']);
