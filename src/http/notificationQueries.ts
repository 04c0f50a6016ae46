import type { BatchId, NotificationId, TenantId } from '../domain/values/ids.ts';
import type { PageRequest } from '../domain/values/page.ts';
import type { Transaction } from '../consumers/ports.ts';
import {
  countsOfBatches,
  deliveriesPage,
  deliveryOf,
  notificationOf,
  notificationsPage,
  refusalsOf,
} from '../projections/notifications/queries.ts';
import type { DeliveryFilter, NotificationFilter, RefusalQuery } from '../projections/notifications/queries.ts';
import type { Reads } from './ports.ts';

/** The queries of the read model `notifications`, each in a transaction of the tenant. */
export function notificationQueries(reads: Reads) {
  const read = <T>(tenant: TenantId, query: (tx: Transaction, suffix: string) => Promise<T>): Promise<T> =>
    reads.read(tenant, 'notifications', query);
  return {
    list: (tenant: TenantId, filter: NotificationFilter, page: PageRequest) =>
      read(tenant, (tx, suffix) => notificationsPage(tx, suffix, { tenant, filter }, page)),
    get: (tenant: TenantId, id: NotificationId) => read(tenant, (tx, suffix) => notificationOf(tx, suffix, tenant, id)),
    deliveries: (tenant: TenantId, filter: DeliveryFilter, page: PageRequest) =>
      read(tenant, (tx, suffix) => deliveriesPage(tx, suffix, { tenant, filter }, page)),
    delivery: (tenant: TenantId, notification: NotificationId, n: number) =>
      read(tenant, (tx, suffix) => deliveryOf(tx, suffix, tenant, { notification, n })),
    refusals: ({ tenant, ...of }: RefusalQuery, limit: number) =>
      read(tenant, (tx, suffix) => refusalsOf(tx, suffix, { tenant, ...of }, limit)),
    countsOfBatches: (tenant: TenantId, batches: readonly BatchId[]) =>
      read(tenant, (tx, suffix) => countsOfBatches(tx, suffix, tenant, batches)),
  };
}
export type NotificationQueries = ReturnType<typeof notificationQueries>;
