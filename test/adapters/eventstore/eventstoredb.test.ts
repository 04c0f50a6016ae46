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
  ['alone on its server', {}, 4],
  ['under a name of its own', { prefix: `t${randomBytes(8).toString('hex')}` }, 1],
])('%s', (_, options, rounds) => {
  eventStoreContract(
    async () => {
      const store = await openEventStoreDb({ url: server.url, ...options });
      return { store, close: () => store.close() };
    },
    { rounds },
  );
});
