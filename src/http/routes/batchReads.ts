import type { Subjects } from '../../commands/ports.ts';
import { present } from '../../domain/kernel/present.ts';
import { isBatchId } from '../../domain/values/ids.ts';
import type { BatchId, TenantId } from '../../domain/values/ids.ts';
import { batchesPage, batchOf, rejectionsPage } from '../../projections/batches/queries.ts';
import type { BatchView } from '../../projections/batches/queries.ts';
import { deliveryViews, statusOfRow } from '../deliveryView.ts';
import type { NotificationQueries } from '../notificationQueries.ts';
import { operation, plain } from '../operation.ts';
import type { Operation } from '../operation.ts';
import type { Reads } from '../ports.ts';
import { Batch, BatchPage, RejectionPage } from '../schemas/batch.ts';
import { DeliveryPage } from '../schemas/delivery.ts';
import { IdParams, PageQuery } from '../schemas/values.ts';
import { noBatch } from './batches.ts';

export type BatchReadPorts = { readonly reads: Reads; readonly queries: NotificationQueries; readonly people: Pick<Subjects, 'labels'> };

const tag = 'Batches';
const reads = ['batches', 'notifications'];

function outcomesOf(counts: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  const outcomes: Record<string, number> = {};
  for (const [status, number] of Object.entries(counts)) {
    const { outcome } = statusOfRow({ status });
    outcomes[outcome] = (outcomes[outcome] ?? 0) + number;
  }
  return outcomes;
}

const batchView = (batch: BatchView, counts: Readonly<Record<string, number>> = {}): object => ({
  id: batch.id,
  status: batch.status,
  type: batch.terms.type,
  category: batch.terms.category,
  createdAt: batch.openedAt,
  closedAt: batch.closedAt,
  cancelledAt: batch.cancelledAt,
  planAt: batch.planAt,
  accepted: batch.accepted,
  rejected: batch.rejected,
  counts,
  outcomes: outcomesOf(counts),
});

/** How far batches are. */
export const batchReadRoutes = ({ reads: read, queries, people }: BatchReadPorts): readonly Operation[] => {
  const find = (tenant: TenantId, id: BatchId): Promise<BatchView | undefined> =>
    read.read(tenant, 'batches', (tx, suffix) => batchOf(tx, suffix, tenant, id));
  return [
    operation({
      ...plain,
      id: 'listBatches',
      method: 'get',
      path: '/v1/batches',
      tag,
      summary: 'Batches, newest first',
      scope: 'read',
      reads,
      query: PageQuery,
      responses: { 200: { description: 'A page.', schema: BatchPage } },
      handler: async ({ access: { tenant }, query: { limit }, place }) => {
        const { rows, next } = await read.read(tenant, 'batches', (tx, suffix) =>
          batchesPage(tx, suffix, tenant, { limit, ...present({ place }) }),
        );
        const counts = await queries.countsOfBatches(
          tenant,
          rows.map(({ id }) => id),
        );
        return { status: 200, page: { data: rows.map((row) => batchView(row, counts.get(row.id))), next } };
      },
    }),
    operation({
      ...plain,
      id: 'getBatch',
      method: 'get',
      path: '/v1/batches/{id}',
      tag,
      summary: 'One batch: progress, and counts by status and outcome',
      scope: 'read',
      reads,
      params: IdParams,
      responses: { 200: { description: 'The batch.', schema: Batch } },
      handler: async ({ access: { tenant }, params: { id } }) => {
        if (!isBatchId(id)) return noBatch();
        const [batch, counts] = await Promise.all([find(tenant, id), queries.countsOfBatches(tenant, [id])]);
        return batch === undefined ? noBatch() : { status: 200, body: batchView(batch, counts.get(id)) };
      },
    }),
    operation({
      ...plain,
      id: 'listBatchDeliveries',
      method: 'get',
      path: '/v1/batches/{id}/deliveries',
      tag,
      summary: 'Deliveries of a batch',
      scope: 'read',
      reads,
      params: IdParams,
      query: PageQuery,
      responses: { 200: { description: 'A page.', schema: DeliveryPage } },
      handler: async ({ access: { tenant }, params: { id }, query: { limit }, place }) => {
        if (!isBatchId(id) || (await find(tenant, id)) === undefined) return noBatch();
        const { rows, next } = await queries.deliveries(tenant, { batchId: id }, { limit, ...present({ place }) });
        return { status: 200, page: { data: await deliveryViews(people, tenant, rows), next } };
      },
    }),
    operation({
      ...plain,
      id: 'listBatchRejections',
      method: 'get',
      path: '/v1/batches/{id}/rejections',
      tag,
      summary: 'Lines that were refused, in their order, counted from 1',
      scope: 'read',
      reads,
      params: IdParams,
      query: PageQuery,
      responses: { 200: { description: 'A page.', schema: RejectionPage } },
      handler: async ({ access: { tenant }, params: { id }, query: { limit }, place }) => {
        if (!isBatchId(id) || (await find(tenant, id)) === undefined) return noBatch();
        const { rows, next } = await read.read(tenant, 'batches', (tx, suffix) =>
          rejectionsPage(tx, suffix, { tenant, batch: id }, { limit, ...present({ place }) }),
        );
        return { status: 200, page: { data: rows.map(({ line, code, detail }) => ({ line, code, detail })), next } };
      },
    }),
  ];
};
