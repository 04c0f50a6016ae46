import type { Transaction } from '../../consumers/ports.ts';
import type { AccessEntry, RefusedPeople } from '../../domain/audit/events.ts';
import type { Position, SubjectId, TenantId } from '../../domain/values/ids.ts';
import type { Instant } from '../../domain/values/instant.ts';
import { conditions } from '../conditions.ts';
import { pageOf, type Page, type PageRequest } from '../../domain/values/page.ts';

export type AuditView = AccessEntry & {
  readonly kind: 'access' | 'rejection' | 'administration';
  /** Of a refusal. */
  readonly code?: string;
  readonly refused?: RefusedPeople;
  readonly position: Position;
};
/** What is absent does not narrow. `since` and `until`: both inclusive. */
export type AuditFilter = {
  readonly actor?: string;
  readonly action?: string;
  readonly resource?: string;
  readonly subject?: SubjectId;
  readonly since?: Instant;
  readonly until?: Instant;
};
type Row = {
  readonly kind: AuditView['kind'];
  readonly position: Position;
  readonly n: number;
  readonly entry: Omit<AuditView, 'kind' | 'position'>;
};

/** In the order of recording, newest first. */
export async function auditPage(
  tx: Transaction,
  suffix: string,
  filter: AuditFilter & { readonly tenant: TenantId },
  { limit, place }: PageRequest,
): Promise<Page<AuditView>> {
  const where = conditions();
  where.narrow(filter.tenant, (it) => `tenant = ${it}`);
  where.narrow(filter.actor, (it) => `actor = ${it}`);
  where.narrow(filter.action, (it) => `action = ${it}`);
  where.narrow(filter.resource, (it) => `resource = ${it}`);
  where.narrow(filter.subject, (it) => `subject = ${it}`);
  where.narrow(filter.since, (it) => `at >= ${it}`);
  where.narrow(filter.until, (it) => `at <= ${it}`);
  const [position, n] = place?.split('/') ?? [];
  if (position !== undefined && n !== undefined) where.add(`(position, n) < (${where.param(position)}, ${where.param(n)}::integer)`);
  const most = where.param(limit + 1);
  const rows = await tx.query<Row>({
    text: `select kind, position, n, entry from audit_entries${suffix} where ${where.sql()}
      order by position desc, n desc limit ${most}`,
    values: where.values,
  });
  const { rows: shown, next } = pageOf(rows, limit, (last) => `${last.position}/${String(last.n)}`);
  return { rows: shown.map((row) => ({ ...row.entry, kind: row.kind, position: row.position })), next };
}
