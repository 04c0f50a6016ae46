import pg from 'pg';
import { PortError } from '../../domain/kernel/portError.ts';
import { toPortError } from './sqlError.ts';
import { valueParsers } from './valueParsers.ts';

export type Pool = pg.Pool;
/** `tidings_api`: forced row-level security; `tidings_worker`: sees all tenants; `owner`: migrations and rebuilds only. */
export type PoolRole = 'tidings_api' | 'tidings_worker' | 'owner';

export type PoolOptions = {
  readonly url: string;
  readonly role: PoolRole;
  readonly max?: number;
  /** Shown in pg_stat_activity. */
  readonly applicationName?: string;
  /** Milliseconds after which the server ends a statement; 0: never, as for the owner, whose indexes take their time. Else 30 s. */
  readonly statementTimeoutMs?: number;
  /** How much longer than that an answer may take on its way, milliseconds; 5 s. */
  readonly onItsWayMs?: number;
  /** Milliseconds: below a consumer's lease, or a holder frozen after its writes blocks the standby. */
  readonly idleInTransactionMs?: number;
  /** Errors of idle connections: a restart of the server, mostly. Unheard, they would end the process. */
  readonly onError?: (error: PortError) => void;
};

const STATEMENT_MS = 30_000;
const ON_ITS_WAY_MS = 5_000;

const statementMs = ({ role, statementTimeoutMs }: PoolOptions): number => statementTimeoutMs ?? (role === 'owner' ? 0 : STATEMENT_MS);

/** Settings that every session starts with, and returns to on RESET: they ride on the start-up packet and cost no round trip. */
function startUpOptions(options: PoolOptions): string {
  const settings: readonly (readonly [string, string | number])[] = [
    ...(options.role === 'owner' ? [] : [['role', options.role] as const]),
    ['timezone', 'UTC'],
    ['datestyle', 'ISO'],
    ['default_transaction_isolation', 'read\\ committed'],
    ['statement_timeout', statementMs(options)],
    ['idle_in_transaction_session_timeout', options.idleInTransactionMs ?? 15_000],
    ['client_min_messages', 'warning'],
    // Statements are short, and what the planner thinks of a young table makes some look long: to compile one took 70 ms, to run it one.
    ['jit', 'off'],
  ];
  return settings.map(([name, value]) => `-c ${name}=${value}`).join(' ');
}

/** A connection's configuration: the URL's own `options` come first, ours win. */
export function clientConfig(options: PoolOptions): pg.ClientConfig {
  const url = new URL(options.url);
  const limitMs = statementMs(options);
  url.searchParams.set('options', `${url.searchParams.get('options') ?? ''} ${startUpOptions(options)}`.trim());
  return {
    connectionString: url.toString(),
    application_name: options.applicationName ?? `tidings ${options.role.replace('tidings_', '')}`,
    types: valueParsers,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    connectionTimeoutMillis: 10_000,
    // A server that is gone without a word does not end its statements: whoever waits for one has to give up by himself.
    ...(limitMs === 0 ? {} : { query_timeout: limitMs + (options.onItsWayMs ?? ON_ITS_WAY_MS) }),
  };
}

/** A pool that has not been checked: `openPool` is what serves. */
export function lazyPool(options: PoolOptions): Pool {
  const pool = new pg.Pool({ ...clientConfig(options), max: options.max ?? 10, idleTimeoutMillis: 60_000 });
  // Between its release and its next user a connection has no listener for a moment, and an error nobody hears ends the process:
  // whoever uses it learns from his query.
  pool.on('connect', (client) => void client.on('error', () => undefined));
  pool.on('error', (error) => {
    // While it ends, the server may be going down as well, and nobody is idle any more.
    if (pool.ending) return;
    options.onError?.(new PortError('unavailable', 'connection_lost', 'an idle connection to the database was lost', { cause: error }));
  });
  return pool;
}

const REFUSED =
  'Tidings refuses to run as a role that row-level security does not bind: let the login of DATABASE_URL be an ordinary member of tidings_api and tidings_worker.';

/** Superusers and roles with BYPASSRLS see every tenant's rows whatever the policies say; owners can take the policies away. */
async function checkRole(pool: Pool, role: PoolRole): Promise<void> {
  const { rows } = await pool.query<{ current: string; unbound: boolean; owns: boolean }>(
    `select current_user as current, r.rolsuper or r.rolbypassrls as unbound,
            exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
                     where n.nspname !~ '^(pg_|information_schema)' and c.relkind in ('r', 'p') and pg_has_role(r.oid, c.relowner, 'usage')) as owns
       from pg_roles r where r.rolname = current_user`,
  );
  const [found] = rows;
  if (found?.current !== role || found.unbound || found.owns) throw new PortError('invalid', 'role_unbound', REFUSED);
}

/**
 * A pool whose every connection acts as `role`.
 * @throws PortError `invalid` when the login may not become it or it is a superuser, an owner or bypasses row-level security;
 * `unavailable` when there is no connection.
 */
export async function openPool(options: PoolOptions): Promise<Pool> {
  const pool = lazyPool(options);
  try {
    if (options.role === 'owner') await pool.query('select 1');
    else await checkRole(pool, options.role);
    return pool;
  } catch (error) {
    await pool.end();
    throw toPortError(error);
  }
}
