import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync, chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { type Binaries, embeddedBinaries, versionOf } from '../../src/adapters/postgres/binaries.ts';
import { postgresUser, type RunAs } from '../../src/adapters/postgres/osUser.ts';
import { lockByPid } from '../../src/adapters/postgres/processLock.ts';
import { initialise, isAlive, startServer, stopPostmaster } from '../../src/adapters/postgres/server.ts';
import { ranAgainst } from './ranAgainst.ts';

/** `run`: what its databases are named after; `nonce`: the cluster_name of a server that this run started; absent for one that the environment names. */
export type TestServer = {
  readonly run: string;
  readonly adminUrl: string;
  readonly ownerUrl: string;
  readonly appUrl: string;
  readonly owner: string;
  readonly app: string;
  readonly nonce?: string;
};

const PREFIX = 'tidings-test-postgres-';

/** Where Postgres binaries are looked for: PATH, then where Debian puts them. */
function binaryDirs(): readonly string[] {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  return [...(process.env['PATH'] ?? '').split(delimiter), ...versions.map((version) => join(debian, version, 'bin'))];
}

function onPath(runAs: RunAs): Binaries | undefined {
  for (const dir of binaryDirs()) {
    if (dir === '' || !existsSync(join(dir, 'postgres')) || !existsSync(join(dir, 'initdb'))) continue;
    const version = versionOf(dir, runAs);
    if (version !== undefined && Number.parseInt(version, 10) >= 14) return { dir, version };
  }
  return undefined;
}

/** What a server of a test's own runs on. */
export const binariesFor = (runAs: RunAs, scratch: string): Binaries => onPath(runAs) ?? embeddedBinaries(runAs, scratch);

/** Durability is what these tests need least: the server is thrown away. What is about durability starts its own. */
const THROWAWAY = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '200', shared_buffers: '64MB' };

async function startPrivate(scratch: string, run: string): Promise<TestServer> {
  const runAs = postgresUser();
  const binaries = binariesFor(runAs, scratch);
  ranAgainst({ part: 'Postgres', name: `${binaries.version} (${binaries.dir})`, real: true });
  const dataDir = join(scratch, 'data');
  const nonce = `tidings_${randomBytes(8).toString('hex')}`;
  const password = randomBytes(12).toString('hex');
  const cluster = { binaries, dataDir, runAs };
  initialise(cluster, password, ['--no-sync']);
  const { port } = await startServer(cluster, { ...THROWAWAY, cluster_name: nonce }, join(scratch, 'postgres.log'), { outlivesUs: true });
  const urlFor = (user: string): string => `postgres://${user}:${password}@127.0.0.1:${port}/postgres?sslmode=disable`;
  const admin = new pg.Client({ connectionString: urlFor('postgres') });
  await admin.connect();
  await admin.query(`create role tidings_owner login createrole password '${password}'`);
  await admin.query(`create role tidings_app login password '${password}'`);
  // Databases made from a template keep its schema's owner, so from 14 on the owner of any database may create tables.
  await admin.end();
  return {
    run,
    adminUrl: urlFor('postgres'),
    ownerUrl: urlFor('tidings_owner'),
    appUrl: urlFor('tidings_app'),
    owner: 'tidings_owner',
    app: 'tidings_app',
    nonce,
  };
}

/** Makes the role if need be; the password is a function of the URL, so that runs side by side agree on it. */
async function ensureLogin(admin: pg.Client, name: string, rights: string, password: string): Promise<void> {
  const { rowCount } = await admin.query('select from pg_roles where rolname = $1', [name]);
  await admin.query(`${rowCount === 0 ? 'create' : 'alter'} role ${name} login ${rights} password '${password}'`);
}

/**
 * A server that the environment names. Row-level security binds no superuser, so a superuser's URL is used to make two ordinary logins;
 * any other login (it needs CREATEDB and CREATEROLE) is used as it is.
 */
async function fromEnvironment(url: string, run: string): Promise<TestServer> {
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  try {
    const { rows: versions } = await admin.query<{ server_version: string }>('show server_version');
    ranAgainst({ part: 'Postgres', name: `${versions[0]?.server_version ?? ''} (DATABASE_URL)`, real: true });
    await admin.query(`select pg_advisory_lock(7242003)`);
    const { rows } = await admin.query<{ login: string; super: boolean }>(
      'select session_user as login, rolsuper as super from pg_roles where rolname = session_user',
    );
    const login = rows[0]?.login ?? '';
    if (rows[0]?.super !== true) return { run, adminUrl: url, ownerUrl: url, appUrl: url, owner: `"${login}"`, app: login };
    const [owner, app] = ['tidings_test_owner', 'tidings_test_app'];
    const password = createHash('sha256').update(`tidings test ${url}`).digest('hex');
    await ensureLogin(admin, owner, 'createrole', password);
    await ensureLogin(admin, app, '', password);
    const urlFor = (user: string): string => {
      const changed = new URL(url);
      changed.username = user;
      changed.password = password;
      return changed.toString();
    };
    return { run, adminUrl: url, ownerUrl: urlFor(owner), appUrl: urlFor(app), owner, app };
  } finally {
    await admin.end();
  }
}

/** What a run made on a server that is not its own. */
async function dropDatabasesOf(url: string, run: string): Promise<void> {
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  try {
    const { rows } = await admin.query<{ datname: string }>(
      `select datname from pg_database where datname like 'tidings\\_%\\_' || $1 || '\\_%'`,
      [run],
    );
    for (const { datname } of rows) await admin.query(`drop database if exists "${datname}" with (force)`);
  } finally {
    await admin.end();
  }
}

const serverFor = (url: string | undefined, scratch: string): Promise<TestServer> => {
  const run = scratch.slice(-6).toLowerCase();
  return url === undefined || url === '' ? startPrivate(scratch, run) : fromEnvironment(url, run);
};

/**
 * The server of this run: DATABASE_URL → binaries on PATH → the embedded ones. Started by the first worker that needs it (a run of
 * pure tests starts none), shared by all through a file in the run's scratch directory, stopped at the end of the run.
 */
export async function testServer(scratch: string): Promise<TestServer> {
  const url = process.env['DATABASE_URL'];
  const file = join(scratch, 'server.json');
  for (;;) {
    if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as TestServer;
    const lock = lockByPid(join(scratch, 'starting'));
    if ('heldBy' in lock) {
      await sleep(50);
      continue;
    }
    try {
      if (!existsSync(file)) writeFileSync(file, JSON.stringify(await serverFor(url, scratch)), { mode: 0o600 });
    } finally {
      lock.release();
    }
  }
}

async function discard(scratch: string): Promise<void> {
  const file = join(scratch, 'server.json');
  if (existsSync(file)) {
    const { nonce, adminUrl, run } = JSON.parse(readFileSync(file, 'utf8')) as TestServer;
    if (nonce === undefined) await dropDatabasesOf(adminUrl, run).catch(() => undefined);
  }
  await stopPostmaster(join(scratch, 'data'));
  rmSync(scratch, { recursive: true, force: true });
}

const ownerFile = (scratch: string): string => join(scratch, 'run.pid');

/** What an earlier run left behind because it was killed. */
async function discardAbandoned(): Promise<void> {
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(PREFIX))) {
    const scratch = join(tmpdir(), name);
    try {
      const owner = Number(readFileSync(ownerFile(scratch), 'utf8'));
      if (!isAlive(owner)) await discard(scratch);
    } catch {
      // Another user's, or just being made: not ours to clear away.
    }
  }
}

export async function scratchForRun(): Promise<{ readonly scratch: string; readonly discard: () => Promise<void> }> {
  await discardAbandoned();
  const scratch = mkdtempSync(join(tmpdir(), PREFIX));
  chmodSync(scratch, 0o711);
  writeFileSync(ownerFile(scratch), String(process.pid));
  return { scratch, discard: () => discard(scratch) };
}
