import { afterAll, beforeAll, describe } from 'vitest';
import type { EventStore } from '../../src/adapters/eventstore/port.ts';
import { appending } from './eventStore/appending.ts';
import { beginning } from './eventStore/beginning.ts';
import { reading } from './eventStore/reading.ts';
import { refusing } from './eventStore/refusing.ts';
import { sequences } from './eventStore/sequences.ts';
import { subscribing } from './eventStore/subscribing.ts';

/** An empty store, and what gives back all that it took to have one (the store itself included). */
export type OpenStore = { readonly store: EventStore; readonly close: () => Promise<void> };

/**
 * What every adapter of the event store must do. All tests share one store that fills up, as a real one does. `rounds`: of random sequences;
 * over the wire each takes seconds.
 */
export function eventStoreContract(open: () => Promise<OpenStore>, { rounds = 40 }: { readonly rounds?: number } = {}): void {
  let opened: OpenStore | undefined;
  const store = (): EventStore => {
    if (opened === undefined) throw new Error('the store is not open');
    return opened.store;
  };

  describe('as an event store', () => {
    beforeAll(async () => {
      opened = await open();
    });
    afterAll(() => opened?.close());

    describe('appending', () => appending(store));
    describe('refusing', () => refusing(store));
    describe('reading', () => reading(store));
    describe('subscribing', () => subscribing(store, open));
    describe('in any order', () => sequences(store, rounds));
  });
}

/** The same, and that it begins with nothing. */
export function ownEventStoreContract(open: () => Promise<OpenStore>): void {
  eventStoreContract(open);
  describe('as an event store of its own', () => beginning(open));
}
