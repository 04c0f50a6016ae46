import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrate, MIGRATION_SETS } from '../../src/adapters/postgres/migrate.ts';
import { startCluster, type Cluster } from '../support/cluster.ts';

/** A directory for the work, gone afterwards. */
export async function inScratch(work: (scratch: string) => Promise<void>): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), 'tidings-bench-'));
  // Postgres runs as another user and has to get through.
  chmodSync(scratch, 0o711);
  try {
    await work(scratch);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** A Postgres of the benchmark's own that keeps what it commits (fsync, as in production), migrated; both sides of a comparison use it. */
export async function withPostgres(scratch: string, work: (cluster: Cluster) => Promise<void>): Promise<void> {
  const cluster = await startCluster(scratch, { durable: true });
  try {
    await migrate(cluster.url('owner'), MIGRATION_SETS, 'tidings_app');
    await work(cluster);
  } finally {
    await cluster.stop();
  }
}

/** Another, empty database on the same server; the URL is its owner's. */
export async function anotherDatabase(cluster: Cluster, name: string): Promise<string> {
  await cluster.query(`create database ${name} owner tidings_owner`);
  const url = new URL(cluster.url('owner'));
  url.pathname = `/${name}`;
  return url.toString();
}
