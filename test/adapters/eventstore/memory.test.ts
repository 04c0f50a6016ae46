import { memoryEventStore } from '../../../src/adapters/eventstore/memory/memoryEventStore.ts';
import { eventStoreContract } from '../../contract/eventStore.ts';

eventStoreContract(() => {
  const store = memoryEventStore();
  return Promise.resolve({ store, close: () => store.close() });
});
