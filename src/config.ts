import { parseMasterKeys } from './adapters/crypto/masterKeys.ts';
import { LOG_LEVELS, type LogLevel } from './adapters/logging/log.ts';
import { type DatabaseUrls, databaseUrls, isLoopback } from './config/databases.ts';
import { type EmailSettings, readEmail } from './config/email.ts';
import { type EventStoreSetting, readEventStore } from './config/eventStore.ts';
import { PERMITS, refuseUnsafe } from './config/exposed.ts';
import { readRateLimits, readRedis } from './config/limits.ts';
import { allOrNone, type Environment, type Problem, type ReadFile, type Settings, settingsOf, type Shown } from './config/settings.ts';
import { present } from './domain/kernel/present.ts';
import type { Channel } from './domain/values/channel.ts';
import type { RateLimitSizes } from './http/rateLimits.ts';

export const ROLES = ['api', 'worker', 'projector', 'ingest'] as const;
export type Role = (typeof ROLES)[number];

const PROVIDERS = {
  email: ['capture', 'smtp'],
  sms: ['capture'],
  push: ['capture'],
  in_app: ['capture'],
  webhook: ['capture'],
  wallet: ['capture'],
} as const;
export type ProviderKind = 'capture' | 'smtp';

export type Config = {
  /** NODE_ENV is production, or others than this machine can reach the port. */
  readonly exposed: boolean;
  /** `port` 0: any; `orNext`: PORT was unset, so a taken port means the next free one. */
  readonly http: { readonly host: string; readonly port: number; readonly orNext: boolean; readonly publicUrl?: string };
  readonly dataDir: string;
  readonly roles: readonly Role[];
  readonly database: DatabaseUrls | 'embedded';
  /** `database`: the same one. */
  readonly keys: DatabaseUrls | 'database';
  readonly eventStore: EventStoreSetting;
  /** Undefined: each process counts for itself. */
  readonly redisUrl?: string;
  readonly rateLimits: RateLimitSizes;
  /** Undefined: generated, in the data directory. */
  readonly adminKey?: string;
  readonly masterKeys?: string;
  readonly providers: Readonly<Record<Channel, readonly ProviderKind[]>>;
  readonly email: EmailSettings;
  /** Addresses and domains, lower case; undefined: everyone may be sent to. */
  readonly allowlist?: readonly string[];
  readonly jwt?: { readonly issuer: string; readonly audience: string; readonly jwksUrl: string };
  readonly shutdownMs: number;
  readonly logLevel: LogLevel;
  /** Every setting as read, without secrets. */
  readonly shown: readonly Shown[];
};

/** All names besides those that other programs own. A misspelt one would be ignored otherwise. */
const OURS = new Set([
  ...['DATA_DIR', 'ROLES', 'KEYS_URL', 'KEYS_MIGRATION_URL', 'ADMIN_KEY', 'MASTER_KEYS', 'MASTER_KEY', 'PUBLIC_URL', 'RECIPIENT_ALLOWLIST'],
  ...['RATE_LIMIT_KEY', 'RATE_LIMIT_TENANT', 'RATE_LIMIT_KEY_COMMANDS', 'RATE_LIMIT_TENANT_COMMANDS', 'RATE_LIMIT_CREDENTIALS'],
  ...['JWT_ISSUER', 'JWT_AUDIENCE', 'JWT_JWKS_URL', 'SHUTDOWN_MS', 'ALLOW'],
  // Read by the command line alone, which runs beside the service in the same environment.
  'API_KEY',
]);
const NOT_YET = { KAFKA_BROKERS: 'ingest from Kafka' };

/** Beside a process with the API on the same machine, the others leave it its port, whoever is started first. */
const portOf = (roles: readonly Role[]): number => (roles.includes('api') ? 3000 : 3001);

function readHttp(settings: Settings, roles: readonly Role[]): Config['http'] {
  const unset = settings.text('PORT') === undefined;
  const port = settings.integer('PORT', { fallback: portOf(roles), least: 0, most: 65_535 });
  const host = settings.text('HOST', '127.0.0.1');
  if (!/^[\w.:[\]-]{1,253}$/.test(host)) settings.wrong('HOST', 'an address or the name of a host');
  const publicUrl = settings.text('TIDINGS_PUBLIC_URL')?.replace(/\/+$/, '');
  if (publicUrl !== undefined && !isHttp(publicUrl)) settings.wrong('TIDINGS_PUBLIC_URL', 'a URL such as https://tidings.example.com');
  return { host, port, orNext: unset, ...(publicUrl === undefined ? {} : { publicUrl }) };
}

function isHttp(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, search, hash, username, password } = new URL(text);
  return (protocol === 'http:' || protocol === 'https:') && `${search}${hash}${username}${password}` === '';
}

function readRoles(settings: Settings): readonly Role[] {
  const named = settings.choices('TIDINGS_ROLES', ['all', ...ROLES], 'all');
  return ROLES.filter((role) => named.includes('all') || named.includes(role));
}

function readMasterKeys(settings: Settings): string | undefined {
  const [several, one] = [settings.secret('TIDINGS_MASTER_KEYS'), settings.secret('TIDINGS_MASTER_KEY')];
  if (several !== undefined && one !== undefined) settings.wrong('TIDINGS_MASTER_KEY', 'nothing, since TIDINGS_MASTER_KEYS is set');
  const text = several ?? one;
  if (text === undefined) return undefined;
  try {
    parseMasterKeys(text);
    return text;
  } catch {
    settings.wrong(several === undefined ? 'TIDINGS_MASTER_KEY' : 'TIDINGS_MASTER_KEYS', 'id:base64,… with 32 bytes each, every id once');
    return undefined;
  }
}

function readAdminKey(settings: Settings): string | undefined {
  const key = settings.secret('TIDINGS_ADMIN_KEY');
  if (key === undefined || /^[\x21-\x7e]{24,256}$/.test(key)) return key;
  settings.wrong('TIDINGS_ADMIN_KEY', '24 to 256 printable ASCII characters without blanks');
  return undefined;
}

function readProviders(settings: Settings): Config['providers'] {
  const of = (channel: Channel): readonly ProviderKind[] => {
    const name = `${channel.toUpperCase()}_PROVIDERS`;
    const kinds = settings.choices<ProviderKind>(name, PROVIDERS[channel], 'capture');
    if (kinds.length > 1 && kinds.includes('capture')) settings.wrong(name, 'capture alone, or other providers without it');
    return kinds;
  };
  return { email: of('email'), sms: of('sms'), push: of('push'), in_app: of('in_app'), webhook: of('webhook'), wallet: of('wallet') };
}

function readJwt(settings: Settings): Config['jwt'] {
  const issuer = settings.text('TIDINGS_JWT_ISSUER');
  const audience = settings.text('TIDINGS_JWT_AUDIENCE');
  const jwksUrl = settings.text('TIDINGS_JWT_JWKS_URL');
  allOrNone(settings, { TIDINGS_JWT_ISSUER: issuer, TIDINGS_JWT_AUDIENCE: audience, TIDINGS_JWT_JWKS_URL: jwksUrl });
  if (issuer === undefined || audience === undefined || jwksUrl === undefined) return undefined;
  if (!isSafeToFetch(jwksUrl)) settings.wrong('TIDINGS_JWT_JWKS_URL', 'an https URL');
  return { issuer, audience, jwksUrl };
}

/** Keys that came over an open network would be anyone's. */
function isSafeToFetch(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname } = new URL(text);
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname));
}

function readAllowlist(settings: Settings): readonly string[] | undefined {
  const entries = settings.list('TIDINGS_RECIPIENT_ALLOWLIST').map((entry) => entry.toLowerCase());
  return entries.length === 0 ? undefined : entries;
}

function refuseUnknown(settings: Settings, env: Environment): void {
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined || value === '') continue;
    const own = /^TIDINGS_(\w+?)(?:_FILE)?$/.exec(name)?.[1];
    if (own !== undefined && !OURS.has(own)) settings.wrong(name, 'nothing: there is no such setting');
  }
  for (const [name, what] of Object.entries(NOT_YET))
    if ((env[name] ?? '') !== '') settings.wrong(name, `nothing: ${what} comes with a later version`);
}

function deepFrozen<T>(it: T): T {
  if (typeof it === 'object' && it !== null) for (const value of Object.values(Object.freeze(it))) deepFrozen(value);
  return it;
}

function readAll(settings: Settings): Omit<Config, 'exposed' | 'shown'> {
  const providers = readProviders(settings);
  const roles = readRoles(settings);
  return {
    http: readHttp(settings, roles),
    dataDir: settings.text('TIDINGS_DATA_DIR', './.tidings'),
    roles,
    database: databaseUrls(settings, 'DATABASE_URL', 'DATABASE_MIGRATION_URL') ?? 'embedded',
    keys: databaseUrls(settings, 'TIDINGS_KEYS_URL', 'TIDINGS_KEYS_MIGRATION_URL') ?? 'database',
    eventStore: readEventStore(settings),
    ...present({ redisUrl: readRedis(settings) }),
    rateLimits: readRateLimits(settings),
    ...present({ adminKey: readAdminKey(settings), masterKeys: readMasterKeys(settings) }),
    providers,
    email: readEmail(settings, providers.email),
    ...present({ allowlist: readAllowlist(settings), jwt: readJwt(settings) }),
    shutdownMs: settings.integer('TIDINGS_SHUTDOWN_MS', { fallback: 25_000, least: 0, most: 3_600_000 }),
    logLevel: settings.choice('LOG_LEVEL', LOG_LEVELS, 'info'),
  };
}

/**
 * The configuration, checked as a whole and frozen; or everything that is wrong with it (the process then exits with 78, EX_CONFIG
 * of sysexits.h). Every secret may also come from the file that NAME_FILE names.
 */
export function parseConfig(env: Environment, readFile: ReadFile): { readonly config: Config } | { readonly problems: readonly Problem[] } {
  const settings = settingsOf(env, readFile);
  const read = readAll(settings);
  const exposed = env['NODE_ENV'] === 'production' || !isLoopback(read.http.host);
  const permits = new Set<string>(settings.choices('TIDINGS_ALLOW', PERMITS));
  if (exposed) refuseUnsafe(settings, read, permits);
  refuseUnknown(settings, env);
  if (settings.problems.length > 0) return { problems: settings.problems };
  return { config: deepFrozen({ ...read, exposed, shown: settings.shown() }) };
}

/** One line a problem, for stderr. */
export const describeProblems = (problems: readonly Problem[]): string =>
  ['Tidings did not start: the configuration is wrong.', ...problems.map(({ name, expected }) => `  ${name}: expected ${expected}`)].join(
    '\n',
  );
