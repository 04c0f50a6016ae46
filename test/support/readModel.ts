import { asTenant } from '../../src/adapters/postgres/asTenant.ts';
import { transaction } from '../../src/adapters/postgres/transaction.ts';
import type { Projection, Transaction } from '../../src/consumers/ports.ts';
import type { Recorded } from '../../src/domain/kernel/metadata.ts';
import type { TenantId } from '../../src/domain/values/ids.ts';
import { freshDatabase } from './postgres.ts';

/** A projection's tables on a real server. */
export type ReadModel = {
  /** One batch, in one transaction, as a consumer applies it. */
  readonly apply: (events: readonly Recorded[], suffix?: string) => Promise<void>;
  /** As the api asks: bound to a tenant. */
  readonly asTenant: <T>(tenant: TenantId, query: (tx: Transaction) => Promise<T>) => Promise<T>;
  readonly asWorker: <T>(query: (tx: Transaction) => Promise<T>) => Promise<T>;
  /** All its tables, for comparison. */
  readonly rows: (suffix?: string) => Promise<Readonly<Record<string, readonly object[]>>>;
  /** Empties its tables. */
  readonly clear: () => Promise<void>;
  readonly close: () => Promise<void>;
};

export const V1 = '_v1';
const BESIDE = '_v2';

export async function openReadModel(projection: Projection): Promise<ReadModel> {
  const db = await freshDatabase(['models']);
  await db.ownerPool.query(projection.schema(V1));
  await db.ownerPool.query(projection.schema(BESIDE));
  const asWorker: ReadModel['asWorker'] = (query) => transaction(db.workerPool, query);
  const named = (suffix: string): readonly string[] => projection.tables.map((table) => `${table}${suffix}`);
  return {
    apply: (events, suffix = V1) => asWorker((tx) => projection.apply(events, tx, suffix)),
    asTenant: (tenant, query) => asTenant(db.apiPool, tenant, query),
    asWorker,
    rows: async (suffix = V1) => {
      const all = projection.tables.map(async (table) => {
        const { rows } = await db.workerPool.query<object>(`select to_jsonb(t) as row from ${table}${suffix} t order by to_jsonb(t)::text`);
        return [table, rows] as const;
      });
      return Object.fromEntries(await Promise.all(all));
    },
    clear: async () => {
      await db.workerPool.query([...named(V1), ...named(BESIDE)].map((table) => `delete from ${table}`).join(';'));
    },
    close: db.close,
  };
}

/**
 * The same rows must come of a batch applied at once, of the same batch again, and of its events one by one, each twice, with
 * everything once more behind them, and then each once more from the end. Gives what both ways came to, to be compared.
 */
export async function bothWays(model: ReadModel, events: readonly Recorded[]) {
  await model.apply(events);
  const once = await model.rows();
  await model.apply(events);
  const again = await model.rows();
  for (const event of events) {
    await model.apply([event], BESIDE);
    await model.apply([event], BESIDE);
  }
  await model.apply(events, BESIDE);
  // Newest first: an event that has been passed must not bring its state back.
  for (const event of events.toReversed()) await model.apply([event], BESIDE);
  return { once, again, singly: await model.rows(BESIDE) };
}
