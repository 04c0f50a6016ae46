import { openEventStoreDb } from '../../adapters/eventstore/eventstoredb/eventStoreDb.ts';
import type { EventStoreDb } from '../../config/eventStore.ts';
import { present } from '../../domain/kernel/present.ts';
import { PortError } from '../../domain/kernel/portError.ts';
import { fail, ok, type Finding } from './finding.ts';

/** An EventStoreDB: reachable, of a version that will do, and the log can be read. */
export async function checkEventStore({ esdb, prefix }: EventStoreDb): Promise<Finding> {
  const check = 'event store';
  try {
    const store = await openEventStoreDb({ url: esdb, ...present({ prefix }) });
    try {
      const head = await store.head();
      return ok(check, `EventStoreDB answers; its log ends at ${head}`);
    } finally {
      await store.close();
    }
  } catch (error) {
    if (!(error instanceof PortError)) throw error;
    return fail(check, error.message, 'See that EVENT_STORE_URL leads to it, with its user, password and tls as it wants them.');
  }
}
