import { memoryEventStore } from '../../../src/adapters/eventstore/memory/memoryEventStore.ts';
import { ownEventStoreContract } from '../../contract/eventStore.ts';

ownEventStoreContract(() => {
  const store = memoryEventStore();
  return Promise.resolve({ store, close: () => store.close() });
});
