import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { PortError } from '../../domain/kernel/portError.ts';
import { openDataDirectory } from '../secrets/dataDirectory.ts';
import { embeddedBinaries } from './binaries.ts';
import { canReach, postgresUser, type RunAs } from './osUser.ts';
import { lockByPid } from './processLock.ts';
import { keepServer, type KeptObserver } from './keptServer.ts';
import { toPortError } from './sqlError.ts';
import { type Cluster, initialise, isInitialised, postmasterOf, startServer, stopPostmaster } from './server.ts';

/** `url`: a login that may only become tidings_api or tidings_worker; `migrationUrl`: the owner of the database. */
export type Embedded = {
  readonly url: string;
  readonly migrationUrl: string;
  readonly port: number;
  /** Where the server keeps its files: below the data directory, unless the OS user `postgres` can't get there. */
  readonly directory: string;
  readonly stop: () => Promise<void>;
};

type Passwords = { readonly postgres: string; readonly tidings_owner: string; readonly tidings_app: string };

const NOTE = 'postgres-location.txt';
const refused = (code: string, message: string): PortError => new PortError('invalid', code, message);

function passwordsIn(dataDir: string, databaseExists: boolean): Passwords {
  const file = join(dataDir, 'postgres-passwords.json');
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as Passwords;
  if (databaseExists)
    throw refused(
      'passwords_missing',
      `The embedded database exists, but ${file} with its passwords is gone: restore that file from your backup.`,
    );
  const word = (): string => randomBytes(24).toString('base64url');
  const made = { postgres: word(), tidings_owner: word(), tidings_app: word() };
  writeFileSync(file, JSON.stringify(made), { mode: 0o600, flag: 'wx' });
  return made;
}

/** Where root keeps what the OS user `postgres` has to reach, when the data directory lies where it can't: the same for the same directory. */
const elsewhereFor = (dataDir: string): string =>
  join('/var/lib/tidings', createHash('sha256').update(realpathSync(dataDir)).digest('hex').slice(0, 16));

type Place = { readonly directory: string; readonly copyBelow: string };

/**
 * A database that exists is never left behind for an empty one: where it is now is where it stays, and if it can't be reached there
 * that is an error.
 */
function placeOf(dataDir: string, runAs: RunAs): Place {
  const here = { directory: join(dataDir, 'postgres'), copyBelow: dataDir };
  if (runAs === undefined) return here;
  const elsewhere = elsewhereFor(dataDir);
  const there = { directory: join(elsewhere, 'postgres'), copyBelow: elsewhere };
  if (isInitialised(there.directory)) return there;
  if (canReach(runAs, dataDir)) return here;
  if (isInitialised(here.directory))
    throw refused(
      'data_dir_unreachable',
      `The database in ${here.directory} can't be reached by the OS user it runs as: let others enter the directories above it.`,
    );
  mkdirSync(elsewhere, { recursive: true, mode: 0o755 });
  writeFileSync(
    join(dataDir, NOTE),
    `Postgres does not run as root, and the OS user "postgres" can't enter this directory.\nThe embedded database and its binaries are therefore in\n${elsewhere}\nThey belong to this directory: back up, move and delete both together.\n`,
  );
  return there;
}

async function asSuperuser<T>(port: number, password: string, database: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', password, database, ssl: false });
  await client.connect().catch((error: unknown) => {
    throw toPortError(error);
  });
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** The owner may make roles (the migrations make two); the app's login has no right of its own. Repeatable: a crash may fall in between. */
async function provision(port: number, passwords: Passwords): Promise<void> {
  await asSuperuser(port, passwords.postgres, 'postgres', async (client) => {
    for (const [role, rights] of [
      ['tidings_owner', 'login createrole'],
      ['tidings_app', 'login'],
    ] as const) {
      const { rowCount } = await client.query('select from pg_roles where rolname = $1', [role]);
      // The passwords are base64url, so they need no escaping.
      await client.query(`${rowCount === 0 ? 'create' : 'alter'} role ${role} ${rights} password '${passwords[role]}'`);
    }
    const { rowCount } = await client.query(`select from pg_database where datname = 'tidings'`);
    if (rowCount === 0) await client.query('create database tidings owner tidings_owner');
  });
  await asSuperuser(port, passwords.postgres, 'tidings', async (client) => {
    await client.query('alter schema public owner to tidings_owner');
  });
}

/** A server that answers on the port is ours only if it serves our directory. */
async function checkIdentity(port: number, passwords: Passwords, directory: string): Promise<void> {
  const served = await asSuperuser(port, passwords.postgres, 'postgres', async (client) => {
    const { rows } = await client.query<{ data_directory: string }>('show data_directory');
    return rows[0]?.data_directory;
  });
  if (served !== directory && served !== realpathSync(directory))
    throw refused('foreign_postgres', `The Postgres on port ${port} serves another directory.`);
}

const urlOf = (user: keyof Passwords, passwords: Passwords, port: number): string =>
  `postgres://${user}:${passwords[user]}@127.0.0.1:${port}/tidings?sslmode=disable`;

const handle = (port: number, passwords: Passwords, directory: string, stop: () => Promise<void>): Embedded => ({
  url: urlOf('tidings_app', passwords, port),
  migrationUrl: urlOf('tidings_owner', passwords, port),
  port,
  directory,
  stop,
});

/** The embedded server that another process of this data directory runs; absent when none does. Its `stop` leaves it running. */
export function joinEmbedded(dataDir: string): Embedded | undefined {
  if (!existsSync(join(dataDir, 'postgres-passwords.json'))) return undefined;
  for (const directory of [join(dataDir, 'postgres'), join(elsewhereFor(dataDir), 'postgres')]) {
    const running = postmasterOf(directory);
    if (running?.ready === true) return handle(running.port, passwordsIn(dataDir, true), directory, () => Promise.resolve());
  }
  return undefined;
}

const SETTINGS = {
  max_connections: '100',
  shared_buffers: '128MB',
  // Statements and DETAIL lines quote values, which can be personal: only severity, code and message are logged.
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  log_timezone: 'UTC',
  timezone: 'UTC',
  cluster_name: 'tidings',
};

async function startAt(dataDir: string, observer: KeptObserver): Promise<Embedded> {
  const found = [join(dataDir, 'postgres'), join(elsewhereFor(dataDir), 'postgres')].find(isInitialised);
  const runAs = postgresUser(found);
  const { directory, copyBelow } = placeOf(dataDir, runAs);
  const binaries = embeddedBinaries(runAs, copyBelow);
  const existed = isInitialised(directory);
  const passwords = passwordsIn(dataDir, existed);
  const cluster: Cluster = { binaries, dataDir: directory, runAs };
  if (existed) {
    const major = readFileSync(join(directory, 'PG_VERSION'), 'utf8').trim();
    if (major !== binaries.version.split('.')[0])
      throw refused(
        'postgres_version',
        `The embedded database was made by Postgres ${major}, the binaries are ${binaries.version}: dump it with ${major} and restore it into a new data directory.`,
      );
    await stopPostmaster(directory);
  } else {
    initialise(cluster, passwords.postgres);
  }
  const first = await startServer(cluster, SETTINGS, join(dataDir, 'postgres.log'));
  // Its port stands in everybody's URL, so that is where it comes back.
  const again = { ...SETTINGS, port: String(first.port) };
  const server = keepServer(first, () => startServer(cluster, again, join(dataDir, 'postgres.log')), observer);
  try {
    await checkIdentity(first.port, passwords, directory);
    await provision(first.port, passwords);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return handle(first.port, passwords, directory, server.stop);
}

/**
 * Starts the embedded Postgres of a data directory, making it on the first run; passwords are generated and kept there (mode 0600).
 * A server that a killed process of this directory left running is stopped first, and recovers as after any crash; one that ends
 * while this process lives (killed for memory, say) is started again on its port.
 * @throws PortError `invalid` with the way out in its message: no binary, another live process on this directory, another version.
 */
export async function startEmbedded(dataDir: string, observer: KeptObserver = {}): Promise<Embedded> {
  openDataDirectory(dataDir);
  const lock = lockByPid(join(dataDir, 'tidings.pid'));
  if ('heldBy' in lock)
    throw refused(
      'data_dir_in_use',
      `Another Tidings (process ${lock.heldBy}) uses ${dataDir}: stop it first, or set TIDINGS_DATA_DIR to another directory.`,
    );
  try {
    const embedded = await startAt(realpathSync(dataDir), observer);
    const stop = async (): Promise<void> => {
      await embedded.stop();
      lock.release();
    };
    return { ...embedded, stop };
  } catch (error) {
    lock.release();
    throw error;
  }
}
