import { asTenant } from '../adapters/postgres/asTenant.ts';
import { database } from '../adapters/postgres/database.ts';
import { over } from '../adapters/postgres/transaction.ts';
import { openLiveTables } from '../consumers/liveTables.ts';
import type { Database, Projection, Time, Transaction } from '../consumers/ports.ts';
import { openWaitFor, type WaitFor } from '../consumers/waitFor.ts';
import type { TenantId } from '../domain/values/ids.ts';
import { actionsConsumer } from '../processes/actionsConsumer.ts';
import { batches } from '../processes/batches/process.ts';
import { dispatch } from '../processes/dispatch/process.ts';
import { auditProjection } from '../projections/audit/projection.ts';
import { batchesProjection } from '../projections/batches/projection.ts';
import { catalogueProjection } from '../projections/catalogue/projection.ts';
import { notificationsProjection } from '../projections/notifications/projection.ts';
import { recipientsProjection } from '../projections/recipients/projection.ts';
import { templatesProjection } from '../projections/templates/projection.ts';
import { tenantsProjection } from '../projections/tenants/projection.ts';
import type { Closing } from './closing.ts';
import type { Databases } from './databases.ts';

/** Everything that reads the log, in no order: each keeps its own place. */
export const CONSUMERS: readonly Projection[] = [
  actionsConsumer([dispatch, batches]),
  notificationsProjection,
  recipientsProjection,
  tenantsProjection,
  catalogueProjection,
  templatesProjection,
  batchesProjection,
  auditProjection,
];

/** Whether this release fills it: a row that an earlier one has left behind is nobody's to fill, and says nothing of how this one does. */
export const isConsumer = (name: string): boolean => CONSUMERS.some((it) => it.name === name);

/** Of the tables that this release fills and reads. */
export const VERSIONS: Readonly<Record<string, number>> = Object.fromEntries(CONSUMERS.map(({ name, version }) => [name, version]));

/** The read models, as whoever asks may see them. */
export type ReadModels = {
  readonly db: Database;
  readonly waitFor: WaitFor['waitFor'];
  /** One tenant's rows: row-level security binds the transaction to it. */
  readonly asApi: Reads;
  /** As the worker, which sees all tenants and names one in every query. */
  readonly asWorker: Reads;
};
export type Reads = <T>(tenant: TenantId, projection: string, query: (tx: Transaction, suffix: string) => Promise<T>) => Promise<T>;

export async function openReadModels({ models }: Databases, time: Time, closing: Closing): Promise<ReadModels> {
  const db = database(models.worker, models.listener);
  const live = await openLiveTables(db, time, VERSIONS);
  closing.add('live tables', () => live.close());
  const waiting = await openWaitFor(db, time);
  closing.add('waiting', () => waiting.close());
  const worker = over(models.worker);
  return {
    db,
    waitFor: waiting.waitFor,
    asApi: async (tenant, projection, query) => {
      const suffix = await live.suffixOf(projection);
      return asTenant(models.api, tenant, (tx) => query(tx, suffix));
    },
    asWorker: async (_, projection, query) => query(worker, await live.suffixOf(projection)),
  };
}
