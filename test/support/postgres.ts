import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import pg from 'pg';
import { inject } from 'vitest';
import { migrate, migrationFiles, MIGRATION_SETS, type MigrationSet } from '../../src/adapters/postgres/migrate.ts';
import { openPool, type Pool } from '../../src/adapters/postgres/pool.ts';
import { testServer, type TestServer } from './postgresServer.ts';

/** A database of its own for one test file (or one test), migrated, with the pools that the service uses. */
export type FreshDatabase = {
  /** The service's login: may become tidings_api and tidings_worker. */
  readonly url: string;
  readonly ownerUrl: string;
  readonly ownerPool: Pool;
  readonly apiPool: Pool;
  readonly workerPool: Pool;
  /** Cuts the connections to this database, as a restart or a network would; all of them, or those of one application name. */
  readonly cut: (applicationName?: string) => Promise<void>;
  /** Ends the pools and drops the database. */
  readonly close: () => Promise<void>;
};

const withPath = (url: string, database: string): string => {
  const changed = new URL(url);
  changed.pathname = `/${database}`;
  return changed.toString();
};

async function onServer<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

const TEMPLATE_LOCK = 7_242_002;

/** Refuses to write to a server that is not the one this run started. */
async function checkIdentity(client: pg.Client, server: TestServer): Promise<void> {
  if (server.nonce === undefined) return;
  const { rows } = await client.query<{ cluster_name: string }>('show cluster_name');
  if (rows[0]?.cluster_name !== server.nonce) throw new Error('the Postgres that answers is not the one this test run started');
}

/** Hex digest of every migration's text: names a database that has them all. */
function migrationsDigest(sets: readonly MigrationSet[]): string {
  const hash = createHash('sha256');
  for (const set of sets)
    for (const { name, path } of migrationFiles(set)) hash.update(`${set}/${name}\0`).update(readFileSync(path)).update('\0');
  return hash.digest('hex');
}

/** One migrated template per set of migrations and run; whichever worker needs it first makes it. */
async function templateFor(server: TestServer, sets: readonly MigrationSet[]): Promise<string> {
  const name = `tidings_template_${server.run}_${migrationsDigest(sets).slice(0, 16)}_${sets.join('_')}`;
  await onServer(server.adminUrl, async (admin) => {
    await checkIdentity(admin, server);
    await admin.query('select pg_advisory_lock($1)', [TEMPLATE_LOCK]);
    const { rowCount } = await admin.query('select from pg_database where datname = $1', [name]);
    if (rowCount !== 0) return;
    const draft = `${name}_draft`;
    await admin.query(`drop database if exists ${draft} with (force)`);
    await admin.query(`create database ${draft} template template0 owner ${server.owner}`);
    await migrate(withPath(server.ownerUrl, draft), sets, server.app);
    await admin.query(`alter database ${draft} rename to ${name}`);
  });
  return name;
}

async function createFrom(server: TestServer, template: string, name: string): Promise<void> {
  await onServer(server.adminUrl, async (admin) => {
    await checkIdentity(admin, server);
    // Under the same lock as the migration of templates: Postgres copies only a template that nobody is connected to.
    await admin.query('select pg_advisory_lock_shared($1)', [TEMPLATE_LOCK]);
    await admin.query(`create database ${name} template ${template} owner ${server.owner}`);
  });
}

let server: Promise<TestServer> | undefined;

/**
 * A fresh, migrated database; all three sets of migrations unless told. Skip the suite with `describe.skipIf(!hasPostgres())`
 * where there may be no server.
 */
export async function freshDatabase(sets: readonly MigrationSet[] = MIGRATION_SETS): Promise<FreshDatabase> {
  // One look-up for all who ask at once in this process: the lock that keeps processes apart is theirs together.
  server ??= testServer(inject('postgresScratch'));
  const found = await server;
  const template = await templateFor(found, sets);
  const name = `tidings_test_${found.run}_${randomBytes(8).toString('hex')}`;
  await createFrom(found, template, name);
  const ownerUrl = withPath(found.ownerUrl, name);
  const url = withPath(found.appUrl, name);
  const [ownerPool, apiPool, workerPool] = await Promise.all([
    openPool({ url: ownerUrl, role: 'owner', max: 3 }),
    openPool({ url, role: 'tidings_api', max: 5 }),
    openPool({ url, role: 'tidings_worker', max: 5 }),
  ]);
  const close = async (): Promise<void> => {
    await Promise.all([ownerPool.end(), apiPool.end(), workerPool.end()]);
    await onServer(found.adminUrl, (admin) => admin.query(`drop database ${name} with (force)`));
  };
  const cut = async (applicationName?: string): Promise<void> => {
    const query = `select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and application_name = coalesce($2, application_name)`;
    await onServer(found.adminUrl, (admin) => admin.query(query, [name, applicationName ?? null]));
  };
  return { url, ownerUrl, ownerPool, apiPool, workerPool, cut, close };
}
