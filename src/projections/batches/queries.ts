import type { Transaction } from '../../consumers/ports.ts';
import type { BatchOpened, LineRefusal } from '../../domain/batch/events.ts';
import type { Sealed } from '../../domain/kernel/personal.ts';
import type { BatchStatus } from '../../domain/values/batchStatus.ts';
import type { BatchId, TenantId } from '../../domain/values/ids.ts';
import type { Instant } from '../../domain/values/instant.ts';
import type { Schedule } from '../../domain/values/schedule.ts';
import { pageOf, type Page, type PageRequest } from '../../domain/values/page.ts';

/** `closed`: all lines are there; a pause or a cancellation counts before it. */
export type BatchView = {
  readonly id: BatchId;
  readonly status: BatchStatus;
  readonly terms: BatchOpened['data']['terms'];
  readonly schedule: Schedule | null;
  readonly planAt: Instant;
  readonly openedAt: Instant;
  readonly closedAt: Instant | null;
  readonly cancelledAt: Instant | null;
  /** Why it was cancelled; opens to a string. */
  readonly reason: Sealed | null;
  readonly chunks: number;
  readonly accepted: number;
  readonly rejected: number;
};

const STATUS = `case when cancelled_at is not null then 'cancelled' when paused then 'paused' when closed_at is not null then 'closed'
  else 'open' end`;

/** What a gate reads: one statement for all; an unknown one is left out. */
export async function batchStatesOf(
  tx: Transaction,
  suffix: string,
  tenant: TenantId,
  batches: readonly BatchId[],
): Promise<ReadonlyMap<BatchId, { readonly status: BatchStatus }>> {
  const rows = await tx.query<{ readonly batch: BatchId; readonly status: BatchStatus }>({
    name: `batch_states_of${suffix}`,
    text: `select batch, ${STATUS} as status from batches${suffix} where tenant = $1 and batch = any ($2::text[])`,
    values: [tenant, batches],
  });
  return new Map(rows.map(({ batch, status }) => [batch, { status }]));
}

const VIEW = `b.batch as id, ${STATUS} as status, b.terms, b.schedule, b.plan_at as "planAt", b.opened_at as "openedAt",
  b.closed_at as "closedAt", b.cancelled_at as "cancelledAt", b.reason, c.chunks, c.accepted, c.rejected`;
const counts = (suffix: string): string => `cross join lateral (
  select count(*) as chunks, coalesce(sum(accepted), 0)::integer as accepted, coalesce(sum(rejected), 0)::integer as rejected
  from batch_chunks${suffix} where tenant = b.tenant and batch = b.batch) c`;

export async function batchOf(tx: Transaction, suffix: string, tenant: TenantId, id: BatchId): Promise<BatchView | undefined> {
  const [row] = await tx.query<BatchView>({
    name: `batch_of${suffix}`,
    text: `select ${VIEW} from batches${suffix} b ${counts(suffix)} where b.tenant = $1 and b.batch = $2`,
    values: [tenant, id],
  });
  return row;
}

/** Newest first. */
export async function batchesPage(
  tx: Transaction,
  suffix: string,
  tenant: TenantId,
  { limit, place }: PageRequest,
): Promise<Page<BatchView>> {
  const rows = await tx.query<BatchView & { readonly place: string }>({
    name: `batches_page${suffix}`,
    text: `select ${VIEW}, b.opened_position as place from batches${suffix} b ${counts(suffix)}
      where b.tenant = $1 and ($2::text is null or b.opened_position < $2) order by b.opened_position desc limit $3`,
    values: [tenant, place ?? null, limit + 1],
  });
  const { rows: shown, next } = pageOf(rows, limit, (last) => last.place);
  return { rows: shown.map(({ place: _, ...view }) => view), next };
}

/** In the order of the lines, as the caller sent them. */
export async function rejectionsPage(
  tx: Transaction,
  suffix: string,
  of: { readonly tenant: TenantId; readonly batch: BatchId },
  { limit, place }: PageRequest,
): Promise<Page<LineRefusal>> {
  const rows = await tx.query<LineRefusal>({
    name: `batch_rejections_page${suffix}`,
    text: `select line, code, detail from batch_rejections${suffix}
      where tenant = $1 and batch = $2 and ($3::integer is null or line > $3) order by line limit $4`,
    values: [of.tenant, of.batch, place ?? null, limit + 1],
  });
  return pageOf(rows, limit, (last) => String(last.line));
}
