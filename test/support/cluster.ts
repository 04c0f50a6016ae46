import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { migrate, type MigrationSet } from '../../src/adapters/postgres/migrate.ts';
import { postgresUser } from '../../src/adapters/postgres/osUser.ts';
import { initialise, startServer, type RunningServer } from '../../src/adapters/postgres/server.ts';
import { binariesFor } from './postgresServer.ts';

type Place = { readonly host: string; readonly port: number };

/** A Postgres server of a run's own, which the run may kill. */
export type Cluster = Place & {
  /** Its `cluster_name`: who answers otherwise is another. */
  readonly nonce: string;
  /** As the service's login, the owner's or the superuser's; `by`: through something that stands before the server. */
  readonly url: (login: 'app' | 'owner' | 'superuser', by?: Place) => string;
  /** As the superuser, checked first. */
  readonly query: <Row extends object>(text: string, values?: readonly unknown[]) => Promise<readonly Row[]>;
  /** Of the postmaster, whose children are all others. */
  readonly pid: () => number;
  /** SIGKILL of the postmaster; whatever it has begotten ends with it. */
  readonly kill: () => Promise<void>;
  readonly start: () => Promise<void>;
  readonly stop: () => Promise<void>;
};

/** @throws unless the server that answers is the one with this name: nothing is written to a stranger. */
export async function checkCluster(client: Pick<pg.Client, 'query'>, nonce: string): Promise<void> {
  const { rows } = await client.query<{ cluster_name: string }>('show cluster_name');
  if (rows[0]?.cluster_name !== nonce) throw new Error('the Postgres that answers is not the one this run started');
}

/** Enough for a SIGKILL of anything but Postgres; its own needs what is durable by default. */
const THROWAWAY = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' };
const SETTINGS = { max_connections: '200', shared_buffers: '64MB' };
const COMING_UP_MS = 30_000;

export async function startCluster(scratch: string, { durable }: { readonly durable: boolean }): Promise<Cluster> {
  const runAs = postgresUser();
  const place = { binaries: binariesFor(runAs, scratch), dataDir: join(scratch, 'data'), runAs };
  const nonce = `tidings_chaos_${randomBytes(8).toString('hex')}`;
  const password = randomBytes(12).toString('hex');
  initialise(place, password, ['--no-sync']);
  const settings = { ...SETTINGS, ...(durable ? {} : THROWAWAY), cluster_name: nonce };
  const logFile = join(scratch, 'postgres.log');
  let server: RunningServer = await startServer(place, settings, logFile);
  const { port } = server;
  const urlOf = (user: string, database: string, { host, port: via }: Place): string =>
    `postgres://${user}:${password}@${host}:${String(via)}/${database}?sslmode=disable`;
  const here = { host: '127.0.0.1', port };

  const query: Cluster['query'] = async <Row extends object>(text: string, values: readonly unknown[] = []) => {
    const client = new pg.Client({ connectionString: urlOf('postgres', database, here) });
    client.on('error', () => undefined);
    await client.connect();
    try {
      await checkCluster(client, nonce);
      return (await client.query<Row>(text, [...values])).rows;
    } finally {
      await client.end();
    }
  };
  let database = 'postgres';
  await query(`create role tidings_owner login createrole password '${password}'`);
  await query(`create role tidings_app login password '${password}'`);
  await query('create database tidings owner tidings_owner');
  database = 'tidings';

  /** Backends of a killed postmaster hold its shared memory for a moment. */
  const start = async (): Promise<void> => {
    for (const until = Date.now() + COMING_UP_MS; ;) {
      try {
        server = await startServer(place, { ...settings, port: String(port) }, logFile);
        return;
      } catch (error) {
        if (Date.now() > until) throw error;
        await pause(200);
      }
    }
  };
  return {
    ...here,
    nonce,
    url: (login, by = here) => urlOf(login === 'superuser' ? 'postgres' : `tidings_${login}`, 'tidings', by),
    query,
    pid: () => server.pid,
    kill: async () => {
      process.kill(server.pid, 'SIGKILL');
      await server.ended;
    },
    start,
    stop: () => server.stop(),
  };
}

/** With a server that has these sets of tables, and ends afterwards. */
export async function withCluster(
  scratch: string,
  { durable, sets }: { readonly durable: boolean; readonly sets: readonly MigrationSet[] },
  work: (cluster: Cluster) => Promise<void>,
): Promise<void> {
  const cluster = await startCluster(scratch, { durable });
  try {
    await migrate(cluster.url('owner'), sets, 'tidings_app');
    await work(cluster);
  } finally {
    await cluster.stop();
  }
}
