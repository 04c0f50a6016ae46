import { afterEach } from 'vitest';
import { openEventStoreDb, type EventStoreDbOptions } from '../../../src/adapters/eventstore/eventstoredb/eventStoreDb.ts';
import type { EventStore } from '../../../src/adapters/eventstore/port.ts';
import { startEventStoreDouble, type DoubleOptions, type EventStoreDouble } from './eventStoreDouble.ts';

/** For the tests of a file: doubles, stores and whatever else has to go, which are closed after each test, the newest first. */
export function openedPerTest() {
  let undo: (() => unknown)[] = [];
  afterEach(async () => {
    for (const one of undo.reverse()) await one();
    undo = [];
  });
  const after = (work: () => unknown): void => void undo.push(work);
  return {
    after,
    aServer: async (options: DoubleOptions = {}): Promise<EventStoreDouble> => {
      const double = await startEventStoreDouble(options);
      after(double.close);
      return double;
    },
    open: async (url: string, options: Omit<EventStoreDbOptions, 'url'> = {}): Promise<EventStore> => {
      const store = await openEventStoreDb({ url, ...options });
      after(() => store.close());
      return store;
    },
  };
}
