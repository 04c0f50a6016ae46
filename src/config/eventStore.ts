import { databaseUrls, isLoopback, type DatabaseUrls } from './databases.ts';
import { schemeOf, type Settings } from './settings.ts';

/** An EventStoreDB, or a KurrentDB, as its client's connection string names it. `prefix`: what our streams are told by from others there. */
export type EventStoreDb = { readonly esdb: string; readonly prefix?: string };
/** `database`: in the database; `memory`: for tests. */
export type EventStoreSetting = DatabaseUrls | EventStoreDb | 'database' | 'memory';

const NAME = 'EVENT_STORE_URL';
const PREFIX = 'EVENT_STORE_PREFIX';
const EXPECTED =
  'esdb://user:password@host:2113, esdb+discover://…, kurrentdb://…, postgres://… or memory:, or unset: the log is in the database';
const ESDB = /^(?:esdb|kurrentdb)(?:\+discover)?:\/\/(?:[^:@/?]+:[^@/?]*@)?(?<hosts>[^@/?]+)\/?(?:\?(?<options>[^?]+))?$/;
const HOST = /^(?:[\w.-]+|\[[\da-f:]+\])(?::\d{1,5})?$/i;

export function readEventStore(settings: Settings): EventStoreSetting {
  const store = readStore(settings);
  const prefix = settings.text(PREFIX);
  if (prefix === undefined) return store;
  if (!/^[a-z]\w{0,31}$/i.test(prefix)) settings.wrong(PREFIX, 'a letter, then at most 31 letters, digits and underscores');
  if (typeof store !== 'string' && 'esdb' in store) return { ...store, prefix };
  if (!settings.problems.some(({ name }) => name === NAME)) settings.wrong(PREFIX, `nothing: ${NAME} names no EventStoreDB`);
  return store;
}

function readStore(settings: Settings): EventStoreSetting {
  const text = settings.secret(NAME, schemeOf);
  if (text === undefined) return 'database';
  if (text === 'memory:') return 'memory';
  if (/^postgres(?:ql)?:/.test(text)) return databaseUrls(settings, NAME, 'EVENT_STORE_MIGRATION_URL') ?? 'database';
  const parts = partsOf(text);
  if (parts === undefined) {
    settings.wrong(NAME, EXPECTED);
    return 'database';
  }
  for (const [name, value] of parts.options) if (isRefused(name, value)) settings.wrong(NAME, `options of ${OPTIONS.join(', ')}`);
  return { esdb: text };
}

/** What else it is given the client ignores, and says so with the whole URL, password included; or it would not tell of failures. */
const OPTIONS = [
  ...['tls', 'tlsCAFile', 'userCertFile', 'userKeyFile', 'nodePreference', 'connectionName', 'defaultDeadline'],
  ...['keepAliveInterval', 'keepAliveTimeout', 'maxDiscoverAttempts', 'discoveryInterval', 'gossipTimeout'],
] as const;
const ALLOWED = new Set<string>(OPTIONS.map((option) => option.toLowerCase()));
/** Below that the client warns, in clear. */
const LEAST_KEEP_ALIVE_MS = 10_000;
const isRefused = (name: string, value: string): boolean =>
  !ALLOWED.has(name) || value === '' || (name === 'keepaliveinterval' && Number(value) < LEAST_KEEP_ALIVE_MS && value !== '-1');

/** Whether what is said to this server crosses a network in clear. */
export function eventStoreCrossesInClear({ esdb }: EventStoreDb): boolean {
  const parts = partsOf(esdb);
  return parts?.options.get('tls') === 'false' && !parts.hosts.every((host) => isLoopback(host.replace(/:\d+$/, '')));
}

function partsOf(text: string): { readonly hosts: readonly string[]; readonly options: ReadonlyMap<string, string> } | undefined {
  const groups = ESDB.exec(text)?.groups;
  const hosts = groups?.['hosts']?.split(',') ?? [];
  if (hosts.length === 0 || !hosts.every((host) => HOST.test(host))) return undefined;
  // The client takes the names of its options however they are written.
  const options = (groups?.['options']?.split('&') ?? [])
    .map((option) => option.split('='))
    .map(([name = '', value = '']) => [name.toLowerCase().replaceAll(/[_-]/g, ''), value.toLowerCase()] as const);
  return { hosts, options: new Map(options) };
}
