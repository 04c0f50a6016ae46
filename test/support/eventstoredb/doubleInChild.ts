import { startEventStoreDouble } from './eventStoreDouble.ts';

// A process of its own (`doubleProcess.ts`): says where it is, and ends with whoever started it.
const double = await startEventStoreDouble();
process.send?.({ url: double.url });
process.once('disconnect', () => process.exit(0));
