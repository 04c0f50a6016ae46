import type { Holder, ReservationRequest, Reservations } from '../../src/processes/dispatch/ports.ts';

/** Reservations as the table has them, in memory. */
export function memoryReservations(): Reservations & { readonly held: ReadonlyMap<string, Holder> } {
  const held = new Map<string, Holder>();
  return {
    held,
    reserve: async (wanted, now) =>
      wanted.map(({ tenant, key, delivery, until, over }: ReservationRequest) => {
        const place = `${tenant} ${key}`;
        const holder = held.get(place);
        const isVain = over !== undefined && holder?.delivery === over.delivery && holder.until === over.until;
        if (holder !== undefined && holder.until > now && holder.delivery !== delivery && !isVain) return holder;
        held.set(place, { delivery, until });
        return 'reserved';
      }),
  };
}
