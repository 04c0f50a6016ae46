import { afterAll, beforeAll } from 'vitest';
import { openEventStoreDb } from '../../../src/adapters/eventstore/eventstoredb/eventStoreDb.ts';
import { eventStoreContract } from '../../contract/eventStore.ts';
import { eventStoreServer, type TestEventStore } from '../../support/eventStoreServer.ts';

let server: TestEventStore;
beforeAll(async () => {
  server = await eventStoreServer();
});
afterAll(() => server.close());

eventStoreContract(
  async () => {
    const store = await openEventStoreDb({ url: server.url });
    return { store, close: () => store.close() };
  },
  { rounds: 4 },
);
