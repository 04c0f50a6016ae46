import type { Transaction } from '../../consumers/ports.ts';
import type { BatchId, KeyedHash, NotificationId, Position, SubjectId, TenantId } from '../../domain/values/ids.ts';
import type { Instant } from '../../domain/values/instant.ts';
import { conditions, type Conditions } from '../conditions.ts';
import { pageOf, type Page, type PageRequest } from '../../domain/values/page.ts';
import type { Attempt } from './deliveryChange.ts';

export type NotificationFilter = {
  readonly subject?: SubjectId;
  readonly type?: string;
  readonly category?: string;
  readonly status?: string;
  readonly channel?: string;
  readonly source?: string;
  readonly correlationId?: string;
  readonly key?: KeyedHash;
  readonly batchId?: BatchId;
  readonly since?: Instant;
  readonly until?: Instant;
};
export type NotificationRow = {
  readonly id: NotificationId;
  readonly requestedAt: Instant;
  readonly type: string;
  readonly category: string;
  readonly class: string;
  readonly priority: string;
  readonly mode: string;
  readonly channels: readonly string[];
  readonly status: string;
  /** By outward status of the delivery. */
  readonly counts: Readonly<Record<string, number>>;
  readonly recipients: number;
  readonly refused: number;
  readonly batch: BatchId | null;
  readonly source: string | null;
  readonly correlation: string;
  readonly planAt: Instant;
  readonly expiresAt: Instant | null;
};

export type DeliveryFilter = {
  readonly notificationId?: NotificationId;
  readonly subject?: SubjectId;
  /** The channel's number (values/channel.ts). */
  readonly channel?: number;
  readonly status?: readonly string[];
  readonly provider?: string;
  readonly type?: string;
  readonly batchId?: BatchId;
  readonly since?: Instant;
  readonly until?: Instant;
};
export type DeliveryRow = {
  readonly notification: NotificationId;
  readonly requestedAt: Instant;
  readonly n: number;
  readonly subject: SubjectId;
  /** Outward. */
  readonly status: string;
  readonly code: string | null;
  readonly provider: string | null;
  readonly messageId: string | null;
  readonly locale: string | null;
  /** What it was made from, where that is a template. */
  readonly template: string | null;
  readonly templateVersion: number | null;
  readonly tries: number;
  readonly plannedAt: Instant | null;
  readonly sentAt: Instant | null;
  readonly dueAt: Instant | null;
  /** Null: at most one try, which the other columns tell. */
  readonly attempts: readonly Attempt[] | null;
  readonly feedback: Readonly<Record<string, string>> | null;
  readonly type: string;
  readonly batch: BatchId | null;
};
/** Somebody who was refused when they were asked for, so that nothing was ever planned for them. */
export type RefusalRow = {
  /** Of those who were not refused; null: nobody was left. */
  readonly notification: NotificationId | null;
  readonly batch: BatchId | null;
  readonly requestedAt: Instant;
  readonly subject: SubjectId;
  /** In the request, from 0; in a batch without a notification, the line from 1. */
  readonly place: number;
  readonly type: string;
  readonly code: string;
  readonly detail: string;
  /** Of the event that tells it. */
  readonly position: Position;
};
export type RefusalQuery = {
  readonly tenant: TenantId;
  readonly subjects: readonly SubjectId[];
  readonly filter: { readonly type?: string; readonly since?: Instant; readonly until?: Instant };
};
/** What an operator can send on its way again. */
export const DEAD_LETTER_STATUSES = ['failed', 'dead_lettered', 'unknown'] as const;

/** Newest first, stable under inserts. */
export async function notificationsPage(
  tx: Transaction,
  suffix: string,
  of: { readonly tenant: TenantId; readonly filter: NotificationFilter },
  page: PageRequest,
): Promise<Page<NotificationRow>> {
  const where = notificationConditions(suffix, of, page.place);
  const limit = where.param(page.limit + 1);
  const rows = await tx.query<NotificationRow>({
    text: `select ${NOTIFICATION} from notifications${suffix} n where ${where.sql()} order by n.requested_at desc, n.id desc limit ${limit}`,
    values: where.values,
  });
  return pageOf(rows, page.limit, (last) => `${last.requestedAt} ${last.id}`);
}

export async function notificationOf(
  tx: Transaction,
  suffix: string,
  tenant: TenantId,
  id: NotificationId,
): Promise<NotificationRow | undefined> {
  const [row] = await tx.query<NotificationRow>({
    name: `notification_of${suffix}`,
    text: `select ${NOTIFICATION} from notifications${suffix} n where n.tenant = $1 and n.id = $2`,
    values: [tenant, id],
  });
  return row;
}

/** Newest notification first, then in the order of its recipients; stable under inserts. */
export async function deliveriesPage(
  tx: Transaction,
  suffix: string,
  of: { readonly tenant: TenantId; readonly filter: DeliveryFilter },
  page: PageRequest,
): Promise<Page<DeliveryRow>> {
  const where = deliveryConditions(of.tenant, of.filter, page.place);
  const limit = where.param(page.limit + 1);
  const rows = await tx.query<DeliveryRow>({
    text: `select ${DELIVERY} from deliveries${suffix} d ${joined(suffix)} where ${where.sql()}
      order by d.requested_at desc, d.notification desc, d.n limit ${limit}`,
    values: where.values,
  });
  return pageOf(rows, page.limit, (last) => `${last.requestedAt} ${last.notification} ${String(last.n)}`);
}

export async function deliveryOf(
  tx: Transaction,
  suffix: string,
  tenant: TenantId,
  { notification, n }: { readonly notification: NotificationId; readonly n: number },
): Promise<DeliveryRow | undefined> {
  const [row] = await tx.query<DeliveryRow>({
    name: `delivery_of${suffix}`,
    text: `select ${DELIVERY} from deliveries${suffix} d ${joined(suffix)}
      where d.tenant = $1 and d.notification = $2 and d.n = $3 and d.status <> 'left'`,
    values: [tenant, notification, n],
  });
  return row;
}

/** A page of the notifications that were requested under a key: the next in the order of their ids, from the greatest down. */
export async function requestedUnder(
  tx: Transaction,
  suffix: string,
  { tenant, key, after }: { readonly tenant: TenantId; readonly key: KeyedHash; readonly after?: NotificationId | undefined },
  limit = 10_000,
): Promise<readonly NotificationId[]> {
  const rows = await tx.query<{ readonly id: NotificationId }>({
    name: `notifications_under${suffix}`,
    text: `select id from notifications${suffix} where tenant = $1 and key = $2 and id < $3 order by id desc limit $4`,
    values: [tenant, key, after ?? 'ffffffff-ffff-ffff-ffff-ffffffffffff', limit],
  });
  return rows.map(({ id }) => id);
}

/** Times that these people were refused when somebody asked for them, newest first. `since` inclusive, `until` not. */
export async function refusalsOf(
  tx: Transaction,
  suffix: string,
  { tenant, subjects, filter: { type, ...span } }: RefusalQuery,
  limit: number,
): Promise<readonly RefusalRow[]> {
  const where = conditions();
  equalTo(where, { 'r.tenant': tenant, 'r.type': type });
  where.add(`r.subject = any(${where.param(subjects)}::text[])`);
  within(where, 'r', span);
  return tx.query<RefusalRow>({
    text: `select r.notification, r.batch, r.requested_at as "requestedAt", r.subject, r.place, r.type, r.code, r.detail, r.position
      from refusals${suffix} r where ${where.sql()} order by r.requested_at desc, r.position desc, r.n limit ${where.param(limit)}`,
    values: where.values,
  });
}

/** Deliveries of these batches by outward status. */
export async function countsOfBatches(
  tx: Transaction,
  suffix: string,
  tenant: TenantId,
  batches: readonly BatchId[],
): Promise<ReadonlyMap<BatchId, Readonly<Record<string, number>>>> {
  const rows = await tx.query<{ readonly batch: BatchId; readonly status: string; readonly number: number }>({
    name: `batches_counts${suffix}`,
    text: `select n.batch, c.key as status, sum(c.value::bigint)::float8 as number from notifications${suffix} n, jsonb_each_text(n.counts) c
      where n.tenant = $1 and n.batch = any($2::uuid[]) group by 1, 2`,
    values: [tenant, batches],
  });
  const counts = new Map<BatchId, Record<string, number>>();
  for (const { batch, status, number } of rows) counts.set(batch, { ...counts.get(batch), [status]: number });
  return counts;
}

const NOTIFICATION = `n.id, n.requested_at as "requestedAt", n.type, n.category, n.class, n.priority, n.mode, n.channels, n.status, n.counts,
  n.recipients, n.refused, n.batch, n.source, n.correlation, n.plan_at as "planAt",
  least(n.expires_on, n.plan_at + n.expires_after_ms * interval '1 ms') as "expiresAt"`;
const OUTWARD = 'tidings_delivery_status(d.status, d.feedback)';
const DELIVERY = `d.notification, d.requested_at as "requestedAt", d.n, d.subject, ${OUTWARD} as status, d.code, d.provider,
  d.message_id as "messageId", d.locale, d.tries::int as tries, d.planned_at as "plannedAt", d.sent_at as "sentAt", d.due_at as "dueAt",
  d.attempts, d.feedback, n.type, n.batch, n.template, n.template_version as "templateVersion"`;
const joined = (suffix: string): string =>
  `join notifications${suffix} n on n.tenant = d.tenant and n.id = d.notification and n.requested_at = d.requested_at`;

type Span = { readonly since?: Instant; readonly until?: Instant };

function within(where: Conditions, table: 'n' | 'd' | 'r', { since, until }: Span): void {
  where.narrow(since, (it) => `${table}.requested_at >= ${it}`);
  where.narrow(until, (it) => `${table}.requested_at < ${it}`);
}

function equalTo(where: Conditions, columns: Readonly<Record<string, string | number | undefined>>): void {
  for (const [column, value] of Object.entries(columns)) where.narrow(value, (it) => `${column} = ${it}`);
}

function notificationConditions(
  suffix: string,
  { tenant, filter }: { readonly tenant: TenantId; readonly filter: NotificationFilter },
  place: string | undefined,
): Conditions {
  const where = conditions();
  equalTo(where, {
    'n.tenant': tenant,
    'n.type': filter.type,
    'n.category': filter.category,
    'n.status': filter.status,
    'n.source': filter.source,
    'n.correlation': filter.correlationId,
    'n.key': filter.key,
    'n.batch': filter.batchId,
  });
  within(where, 'n', filter);
  where.narrow(filter.channel, (it) => `${it} = any(n.channels)`);
  where.narrow(
    filter.subject,
    (it) => `exists (select from deliveries${suffix} d
      where d.tenant = n.tenant and d.notification = n.id and d.requested_at = n.requested_at and d.subject = ${it})`,
  );
  const [at, id] = place?.split(' ') ?? [];
  if (at !== undefined && id !== undefined)
    where.add(`(n.requested_at, n.id) < (${where.param(at)}::timestamptz, ${where.param(id)}::uuid)`);
  return where;
}

function deliveryConditions(tenant: TenantId, filter: DeliveryFilter, place: string | undefined): Conditions {
  const where = conditions();
  equalTo(where, {
    'd.tenant': tenant,
    'd.notification': filter.notificationId,
    'd.subject': filter.subject,
    'd.provider': filter.provider,
    'n.type': filter.type,
    'n.batch': filter.batchId,
    'd.n & 7': filter.channel,
  });
  where.add(`d.status <> 'left'`);
  within(where, 'd', filter);
  const { status } = filter;
  where.narrow(status, (it) => `${OUTWARD} = any(${it}::text[])`);
  // Named outright so that the index of dead letters serves their list.
  if (status?.every((it) => DEAD_LETTERS.has(it)) === true) where.add('d.dead');
  if (place !== undefined) afterDelivery(where, place);
  return where;
}

/** Newest notification first, and within one in the order of its recipients. */
function afterDelivery(where: Conditions, place: string): void {
  const [at, id, n] = place.split(' ');
  if (at === undefined || id === undefined || n === undefined) return;
  const [atParam, idParam, nParam] = [where.param(at), where.param(id), where.param(Number(n))];
  where.add(`((d.requested_at, d.notification) < (${atParam}::timestamptz, ${idParam}::uuid)
      or (d.requested_at = ${atParam}::timestamptz and d.notification = ${idParam}::uuid and d.n > ${nParam}))`);
}
const DEAD_LETTERS: ReadonlySet<string> = new Set(DEAD_LETTER_STATUSES);
