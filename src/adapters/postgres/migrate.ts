import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Knex } from 'knex';
import pg from 'pg';
import { PortError } from '../../domain/kernel/portError.ts';
import { ensureRoles } from './roles.ts';
import { INSUFFICIENT_PRIVILEGE, sqlStateOf, toPortError } from './sqlError.ts';

/** The event log, the keys and the read models may live in three databases, so each set stands alone and keeps its own books. */
export const MIGRATION_SETS = ['log', 'keys', 'models'] as const;
export type MigrationSet = (typeof MIGRATION_SETS)[number];

/** `migrations/` lies beside `src/` and `dist/` alike. */
const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../../../migrations');
/** Roles and `tidings_protect`, which every set needs before its first table. */
const GROUND = join(ROOT, 'models', '0001_roles.sql');

const tableOf = (set: MigrationSet): string => `tidings_migrations_${set}`;

type SqlFile = { readonly name: string; readonly path: string };

/** Numbered `.sql` files in order of their numbers, the ground first. */
export function migrationFiles(set: MigrationSet): readonly SqlFile[] {
  const folder = join(ROOT, set);
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => /^\d{4}_\w+\.sql$/.test(name)) : [];
  const own = names.sort().map((name) => ({ name, path: join(folder, name) }));
  return [{ name: 'ground', path: GROUND }, ...own.filter(({ path }) => path !== GROUND)];
}

const sourceOf = (set: MigrationSet): Knex.MigrationSource<SqlFile> => ({
  getMigrations: () => Promise.resolve([...migrationFiles(set)]),
  getMigrationName: ({ name }) => name,
  getMigration: ({ path }) =>
    Promise.resolve({
      // Question marks are knex's bindings; here they are operators of jsonb.
      up: async (knex: Knex) => {
        await knex.raw(readFileSync(path, 'utf8').replaceAll('?', '\\?'));
      },
      down: () => Promise.reject(new PortError('invalid', 'forward_only', 'migrations only go forward')),
    }),
});

/** Any number; all processes that migrate agree on it. */
const LOCK = 7_242_001;

/** The books that knex keeps, read without it: loading it takes a tenth of a start, and almost every start has nothing to apply. */
async function isUpToDate(session: pg.Client, set: MigrationSet): Promise<boolean> {
  const table = tableOf(set);
  const { rows: found } = await session.query<{ there: boolean }>('select to_regclass($1) is not null as there', [table]);
  if (found[0]?.there !== true) return false;
  const { rows } = await session.query<{ name: string }>(`select name from ${table}`);
  const names = migrationFiles(set).map(({ name }) => name);
  const applied = rows.map(({ name }) => name).sort();
  return applied.join() === names.sort().join();
}

async function applySet(url: string, set: MigrationSet): Promise<readonly string[]> {
  const { default: knexOf } = await import('knex');
  const knex = knexOf({
    client: 'pg',
    connection: { connectionString: url, application_name: 'tidings migrate' },
    pool: { min: 0, max: 2 },
  });
  const config = { migrationSource: sourceOf(set), tableName: tableOf(set) };
  try {
    // knex's own lock is a row that a killed process leaves behind; ours ends with its session and is held here.
    await knex.migrate.forceFreeMigrationsLock(config);
    const [, applied] = (await knex.migrate.latest(config)) as [number, string[]];
    return applied;
  } finally {
    await knex.destroy();
  }
}

/** Where the owner's login of a database that holds these sets is given: without one of their own, keys and log lie beside the read models. */
function ownerSetting(sets: readonly MigrationSet[]): string {
  if (sets.includes('models')) return 'DATABASE_MIGRATION_URL';
  return sets.includes('keys') ? 'TIDINGS_KEYS_MIGRATION_URL' : 'EVENT_STORE_MIGRATION_URL';
}

function denied(sets: readonly MigrationSet[], cause: unknown): PortError {
  const message = `The login that migrates may not make or read the tables of Tidings: give that of their owner in ${ownerSetting(sets)}.`;
  return new PortError('invalid', 'owner_needed', message, { cause });
}

export type Migrated = { readonly set: MigrationSet; readonly applied: readonly string[] };

/**
 * Brings the sets of one database up to date, one process at a time; each file is one transaction. Makes the roles tidings_api and
 * tidings_worker and lets `login`, the user of the service's own connection, become them.
 * @throws PortError `invalid`: `roles_missing`, with the SQL to run, when the owner may not make roles; `owner_needed`, when the login owns nothing.
 */
export async function migrate(ownerUrl: string, sets: readonly MigrationSet[], login?: string): Promise<readonly Migrated[]> {
  const session = new pg.Client({ connectionString: ownerUrl, application_name: 'tidings migrate', keepAlive: true });
  // Its loss ends the lock; the statement in work fails by itself.
  session.on('error', () => undefined);
  try {
    await session.connect();
    await session.query('select pg_advisory_lock($1)', [LOCK]);
    await ensureRoles(session, login);
    const done: Migrated[] = [];
    for (const set of sets) done.push({ set, applied: (await isUpToDate(session, set)) ? [] : await applySet(ownerUrl, set) });
    return done;
  } catch (error) {
    throw sqlStateOf(error) === INSUFFICIENT_PRIVILEGE ? denied(sets, error) : toPortError(error);
  } finally {
    await session.end().catch(() => undefined);
  }
}
