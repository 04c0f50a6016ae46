import { openPostgresEventStore } from '../../../src/adapters/eventstore/postgres/postgresEventStore.ts';
import { openListener } from '../../../src/adapters/postgres/notify.ts';
import { eventStoreContract } from '../../contract/eventStore.ts';
import { freshDatabase } from '../../support/postgres.ts';

eventStoreContract(async () => {
  const { url, workerPool, close } = await freshDatabase(['log']);
  const listener = openListener({ url, role: 'tidings_worker' });
  const store = await openPostgresEventStore({ url, pool: workerPool, listener });
  return {
    store,
    close: async () => {
      await store.close();
      await listener.close();
      await close();
    },
  };
});
