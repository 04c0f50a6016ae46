import { MIGRATION_SETS } from '../../src/adapters/postgres/migrate.ts';
import { withCluster, type Cluster } from '../support/cluster.ts';

/** A Postgres of the benchmark's own that keeps what it commits (fsync, as in production), migrated; both sides of a comparison use it. */
export const withPostgres = (scratch: string, work: (cluster: Cluster) => Promise<void>): Promise<void> =>
  withCluster(scratch, { durable: true, sets: MIGRATION_SETS }, work);
