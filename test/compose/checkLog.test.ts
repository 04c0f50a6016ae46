import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { memoryEventStore } from '../../src/adapters/eventstore/memory/memoryEventStore.ts';
import type { EventStore } from '../../src/adapters/eventstore/port.ts';
import { checkLog } from '../../src/compose/checkLog.ts';
import { streamOf } from '../../src/domain/values/streams.ts';
import { MAIN } from '../../src/commands/registry.ts';
import { DEFAULT_TENANT } from '../../src/domain/tenant/tenant.ts';
import { freshDatabase, type FreshDatabase } from '../support/postgres.ts';

let database: FreshDatabase;
beforeAll(async () => {
  database = await freshDatabase();
  await database.ownerPool.query('insert into installation (key_store) values ($1)', [randomUUID()]);
});
afterAll(() => database.close());

async function begun(store: EventStore): Promise<void> {
  const first = { id: randomUUID(), type: 'TenantCreated', data: '{}', metadata: '{}' };
  await store.append(streamOf('tenant', DEFAULT_TENANT, MAIN), 'absent', [first]);
  await checkLog(store, database.workerPool);
}

describe('whether the read models belong to this log', () => {
  test('is so where another process begins the log while this one looks at it', async () => {
    const store = memoryEventStore();
    let hasLooked = false;
    const readStream: EventStore['readStream'] = async (...asked) => {
      const read = await store.readStream(...asked);
      if (!hasLooked) await begun(store);
      hasLooked = true;
      return read;
    };
    await expect(checkLog({ ...store, readStream }, database.workerPool)).resolves.toBeUndefined();
    expect(hasLooked).toBe(true);
  });

  test('is not so where the log has another beginning, or none', async () => {
    const [other, empty] = [memoryEventStore(), memoryEventStore()];
    const refused = { kind: 'invalid', code: 'log_other' };
    await expect(begun(other)).rejects.toMatchObject(refused);
    await expect(checkLog(empty, database.workerPool)).rejects.toMatchObject(refused);
  });
});
