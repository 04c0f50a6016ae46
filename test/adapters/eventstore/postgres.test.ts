import { ownEventStoreContract } from '../../contract/eventStore.ts';
import { freshDatabase } from '../../support/postgres.ts';
import { openStore } from './postgresStore.ts';

ownEventStoreContract(async () => {
  const database = await freshDatabase(['log']);
  const { store, close } = await openStore(database.url);
  return { store, close: () => close().then(database.close) };
});
