import type { Transaction } from '../consumers/ports.ts';
import type { TenantId } from '../domain/values/ids.ts';

/** Reads of one tenant, in a transaction that row-level security binds to it. @throws PortError `unavailable`. */
export interface TenantReader {
  read<T>(tenant: TenantId, work: (tx: Transaction) => Promise<T>): Promise<T>;
}
