import { databaseEpochMs } from '../../adapters/postgres/databaseTime.ts';
import { migrationFiles, type MigrationSet } from '../../adapters/postgres/migrate.ts';
import { openPool, type Pool, type PoolRole } from '../../adapters/postgres/pool.ts';
import { sqlStateOf } from '../../adapters/postgres/sqlError.ts';
import { over } from '../../adapters/postgres/transaction.ts';
import type { Places } from '../../compose/databases.ts';
import { withoutPassword, type DatabaseUrls } from '../../config/databases.ts';
import { PortError } from '../../domain/kernel/portError.ts';
import { textIn } from '../answer.ts';
import { checkEventStore } from './eventStore.ts';
import { fail, ok, warn, type Finding } from './finding.ts';

/** By SQLSTATE or the system's code. */
const NEXT: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Is Postgres running there? Check host and port.',
  ENOTFOUND: 'The name of the host does not resolve: check it.',
  EAI_AGAIN: 'The name of the host does not resolve at the moment: check it and the resolver.',
  ETIMEDOUT: 'Nothing answers there: check host, port and firewall.',
  '28P01': 'Check user and password.',
  '28000': 'Check user and password, and what pg_hba.conf lets in.',
  '3D000': 'Make the database, or correct its name.',
  '42501': 'Let the login become tidings_api and tidings_worker: ./tidings migrate does it, or says what to run.',
  '22023': 'Let the login become tidings_api and tidings_worker: ./tidings migrate does it, or says what to run.',
};

function failureOf(check: string, error: unknown): Finding {
  const cause = error instanceof PortError ? error.cause : error;
  const code = sqlStateOf(cause) ?? textIn(cause, 'code') ?? '';
  const message = error instanceof PortError ? error.message : 'the connection fails before anything is said';
  return fail(check, code === '' ? message : `${message} (${code})`, NEXT[code] ?? 'Check the URL, its sslmode included.');
}

async function lend<T>(url: string, role: PoolRole, work: (pool: Pool) => Promise<T>): Promise<T> {
  const pool = await openPool({ url, role, max: 1, applicationName: 'tidings doctor', statementTimeoutMs: 10_000 });
  try {
    return await work(pool);
  } finally {
    await pool.end();
  }
}

const OLDEST = 14;

async function checkServer(check: string, pool: Pool): Promise<Finding> {
  const [row] = await over(pool).query<{ name: string; number: number }>({
    text: `select current_setting('server_version') as name, current_setting('server_version_num')::int4 as number`,
  });
  const { name, number } = row ?? { name: '?', number: 0 };
  if (number >= OLDEST * 10_000) return ok(check, `Postgres ${name} answers`);
  return fail(check, `Postgres ${name} is too old`, `Upgrade it to ${OLDEST} or newer.`);
}

async function appliedIn(pool: Pool, set: MigrationSet): Promise<readonly string[]> {
  const table = `tidings_migrations_${set}`;
  const [there] = await over(pool).query<{ there: boolean }>({ text: 'select to_regclass($1) is not null as there', values: [table] });
  if (there?.there !== true) return [];
  return (await over(pool).query<{ name: string }>({ text: `select name from ${table}` })).map(({ name }) => name);
}

type Migrated = { readonly finding: Finding; /** Some of its files at least, so roles and tables can be asked. */ readonly begun: boolean };

async function checkMigrations(check: string, pool: Pool, sets: readonly MigrationSet[]): Promise<Migrated> {
  const [pending, unknown]: [string[], string[]] = [[], []];
  let begun = true;
  for (const set of sets) {
    const [wanted, found] = [migrationFiles(set).map(({ name }) => name), await appliedIn(pool, set)];
    begun &&= found.length > 0;
    pending.push(...wanted.filter((name) => !found.includes(name)));
    unknown.push(...found.filter((name) => !wanted.includes(name)));
  }
  if (unknown.length > 0) {
    const newer = fail(check, `holds what this program does not know: ${unknown.join(', ')}`, 'A newer Tidings was here: run that one.');
    return { finding: newer, begun };
  }
  if (pending.length === 0) return { finding: ok(check, 'migrations are applied'), begun };
  return { finding: warn(check, `pending: ${pending.join(', ')}`, 'start applies them; or run ./tidings migrate.'), begun };
}

async function checkRoles(check: string, url: string, roles: readonly PoolRole[]): Promise<readonly Finding[]> {
  try {
    for (const role of roles) await lend(url, role, () => Promise.resolve());
    return [ok(check, `the login acts as ${roles.join(' and ')}, bound by row-level security`)];
  } catch (error) {
    return [failureOf(check, error)];
  }
}

type Named = { readonly set: MigrationSet; readonly urls: DatabaseUrls };
type Checked = { readonly findings: readonly Finding[]; readonly begun: boolean };

/** One database with the sets of tables that live in it. */
async function checkDatabase(named: readonly Named[]): Promise<Checked> {
  const [first] = named;
  if (first === undefined) return { findings: [], begun: false };
  const sets = named.map(({ set }) => set);
  const check = `database (${sets.join(', ')})`;
  const roles: readonly PoolRole[] = sets.includes('models') ? ['tidings_api', 'tidings_worker'] : ['tidings_worker'];
  try {
    const [server, { finding, begun }] = await lend(first.urls.migrationUrl, 'owner', async (pool) => [
      await checkServer(check, pool),
      await checkMigrations(check, pool, sets),
    ]);
    return { findings: [server, finding, ...(begun ? await checkRoles(check, first.urls.url, roles) : [])], begun };
  } catch (error) {
    return { findings: [failureOf(`${check} at ${withoutPassword(first.urls.migrationUrl)}`, error)], begun: false };
  }
}

const SKEW_MS = 5000;

/** The service follows the database's clock; certificates, tokens and the log follow this machine's. */
async function checkClock(url: string): Promise<Finding> {
  const skew = await lend(url, 'tidings_worker', async (pool) => {
    const before = Date.now();
    const there = await databaseEpochMs(pool);
    return there - (before + Date.now()) / 2;
  });
  if (Math.abs(skew) < SKEW_MS) return ok('clock', 'agrees with the database');
  const seconds = `${Math.round(Math.abs(skew) / 1000)} s ${skew > 0 ? 'behind' : 'ahead of'}`;
  return warn('clock', `this machine is ${seconds} the database`, 'Let both follow NTP: certificates and tokens go by this clock.');
}

export type Reached = { readonly findings: readonly Finding[]; /** All are there and prepared. */ readonly usable: boolean };

/** Every database, and the event store beside them: reachable, of a known version, migrated, and acted in by the right roles. */
export async function checkDatabases({ models, keys, log }: Places): Promise<Reached> {
  const named: readonly Named[] = [
    { set: 'models', urls: models },
    { set: 'keys', urls: keys },
    ...(log === undefined || 'esdb' in log ? [] : [{ set: 'log' as const, urls: log }]),
  ];
  const places = [...new Set(named.map(({ urls }) => urls.migrationUrl))];
  const checked: Checked[] = [];
  for (const place of places) checked.push(await checkDatabase(named.filter(({ urls }) => urls.migrationUrl === place)));
  const eventStore = log !== undefined && 'esdb' in log ? [await checkEventStore(log)] : [];
  const findings = [...checked.flatMap((it) => it.findings), ...eventStore];
  const usable = checked.every(({ begun }) => begun) && findings.every(({ status }) => status !== 'fail');
  return { findings: usable ? [...findings, await checkClock(models.url)] : findings, usable };
}
