import type { Transaction } from '../../consumers/ports.ts';
import { PortError } from '../../domain/kernel/portError.ts';
import { isTenantId, type TenantId } from '../../domain/values/ids.ts';
import type { Pool } from './pool.ts';
import { transaction } from './transaction.ts';

/**
 * A transaction that sees one tenant: the only place that sets it, and only for the transaction, so a pooled connection carries
 * nothing over. Give it the pool of `tidings_api`, which row-level security binds.
 * @throws PortError `invalid` for what is no tenant id.
 */
export async function asTenant<T>(pool: Pool, tenant: TenantId, work: (tx: Transaction) => Promise<T>): Promise<T> {
  // The text goes into the statement, since several statements in one round trip take no parameters: hence the check.
  if (!isTenantId(tenant)) throw new PortError('invalid', 'tenant_id', 'not a tenant id');
  return transaction(pool, work, `begin; select set_config('tidings.tenant', '${tenant as string}', true)`);
}
