import pg from 'pg';
import type { Cluster } from '../support/cluster.ts';
import { peer, versionOf } from './peers.ts';

type EmmettLog = {
  readonly appendToStream: (stream: string, events: readonly object[], options?: object) => Promise<unknown>;
  readonly schema: { readonly migrate: () => Promise<unknown> };
  readonly close: () => Promise<void>;
};
type Emmett = {
  readonly getPostgreSQLEventStore: (url: string, options: object) => EmmettLog;
  readonly postgreSQLEventStoreConsumer: (options: object) => {
    readonly projector: (options: object) => unknown;
    readonly start: () => Promise<void>;
    readonly close: () => Promise<void>;
  };
  readonly postgreSQLRawBatchSQLProjection: (options: object) => unknown;
};

export const emmettVersion = (): string => versionOf('@event-driven-io/emmett-postgresql');

/** Its log in an empty database of its own on the same server, over a pool with these options. */
export async function openEmmett(cluster: Cluster, options: pg.PoolConfig) {
  const lib = peer('@event-driven-io/emmett-postgresql') as Emmett;
  await cluster.query('create database emmett owner tidings_owner');
  const url = Object.assign(new URL(cluster.url('owner')), { pathname: '/emmett' }).toString();
  const pool = new pg.Pool({ connectionString: url, ...options });
  // Ending connections may be cut while they say goodbye.
  pool.on('error', () => undefined);
  const log = lib.getPostgreSQLEventStore(url, { connectionOptions: { pool } });
  await log.schema.migrate();
  const close = async (): Promise<void> => {
    await log.close();
    await pool.end();
  };
  return { lib, url, pool, log, close };
}
