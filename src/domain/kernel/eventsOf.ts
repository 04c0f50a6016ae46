import type { AnyFact } from './decider.ts';
import type { Metadata, Recorded } from './metadata.ts';
import type { StorageOf } from './storage.ts';

/** Whether an event is one of this aggregate's: a type belongs to one aggregate. */
export const isEventOf =
  <E extends AnyFact>(storage: StorageOf<E>) =>
  (event: AnyFact): event is E =>
    Object.hasOwn(storage, event.type);

/** The events of one aggregate among many, with what was recorded beside them. */
export const eventsOf =
  <E extends AnyFact>(storage: StorageOf<E>) =>
  (recorded: readonly Recorded[]): readonly { readonly event: E; readonly meta: Metadata; readonly position: Recorded['position'] }[] => {
    const isOurs = isEventOf(storage);
    return recorded.flatMap(({ event, meta, position }) => (isOurs(event) ? [{ event, meta, position }] : []));
  };
