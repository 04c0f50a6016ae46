import { createHash } from 'node:crypto';
import type { EventStore } from '../adapters/eventstore/port.ts';
import type { Pool } from '../adapters/postgres/pool.ts';
import { over } from '../adapters/postgres/transaction.ts';
import { MAIN } from '../commands/registry.ts';
import { PortError } from '../domain/kernel/portError.ts';
import { DEFAULT_TENANT } from '../domain/tenant/tenant.ts';
import { streamOf } from '../domain/values/streams.ts';

/**
 * Makes sure that the read models belong to this log, as they did when they were first filled: in front of another one they would wait for
 * events that never come, while everything is accepted. A log without a beginning is told from none by read models that have one.
 * `models` acts as tidings_worker. @throws PortError `invalid`, `log_other`.
 */
export async function checkLog(store: EventStore, models: Pool): Promise<void> {
  const here = await beginningOf(store);
  const [row] = await over(models).query<{ readonly log: string | null }>({
    text: 'update installation set log = coalesce(log, $1) returning log',
    values: [here ?? null],
  });
  if (row === undefined || row.log === null || row.log === here) return;
  // Another process may have begun the log between the two; its beginning is in the log before it is in the read models.
  if (here === undefined && (await beginningOf(store)) === row.log) return;
  throw new PortError(
    'invalid',
    'log_other',
    'The read models were filled from another log than the one at EVENT_STORE_URL. Point to that one, or make them anew from this one in an empty database (tidings rebuild --from-store).',
  );
}

/**
 * Makes sure that the log has begun. Its head does not tell: a server writes for itself, and others may. @throws PortError `invalid`, `log_empty`.
 */
export async function checkBegun(store: EventStore): Promise<void> {
  if ((await beginningOf(store)) !== undefined) return;
  throw new PortError('invalid', 'log_empty', 'The log holds nothing of ours. Are EVENT_STORE_URL and EVENT_STORE_PREFIX the right ones?');
}

async function beginningOf(store: EventStore): Promise<string | undefined> {
  const [first] = await store.readStream(streamOf('tenant', DEFAULT_TENANT, MAIN), { limit: 1 });
  return first && createHash('sha256').update(`${first.id} ${first.data}`).digest('base64url');
}
