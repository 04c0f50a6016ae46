import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe } from 'vitest';
import { openEventStoreDb } from '../../../src/adapters/eventstore/eventstoredb/eventStoreDb.ts';
import { eventStoreContract } from '../../contract/eventStore.ts';
import { eventStoreServer, type TestEventStore } from '../../support/eventStoreServer.ts';

let server: TestEventStore;
beforeAll(async () => {
  server = await eventStoreServer();
});
afterAll(() => server.close());

describe.each([
  { name: 'alone on its server', options: {}, rounds: 4 },
  { name: 'under a name of its own', options: { prefix: `t${randomBytes(8).toString('hex')}` }, rounds: 1 },
])('$name', ({ options, rounds }) => {
  eventStoreContract(
    async () => {
      const store = await openEventStoreDb({ url: server.url, ...options });
      return { store, close: () => store.close() };
    },
    { rounds },
  );
});
