import { startEmbedded } from '../adapters/postgres/embedded.ts';
import type { KeptObserver } from '../adapters/postgres/keptServer.ts';
import { migrate, type MigrationSet } from '../adapters/postgres/migrate.ts';
import { openListener, type Listener } from '../adapters/postgres/notify.ts';
import { openPool, type Pool } from '../adapters/postgres/pool.ts';
import type { Log } from '../adapters/logging/log.ts';
import type { Config } from '../config.ts';
import type { DatabaseUrls } from '../config/databases.ts';
import type { EventStoreDb } from '../config/eventStore.ts';
import type { Closing } from './closing.ts';

/** Connections to one database: as the api (bound by row-level security), as the worker, and what it says by NOTIFY. */
export type Connected = { readonly url: string; readonly worker: Pool; readonly listener: Listener };
export type Databases = {
  readonly models: Connected & { readonly api: Pool; readonly owner: Pool };
  readonly keys: Connected;
  /** Undefined: the log is in memory. */
  readonly log: Connected | EventStoreDb | undefined;
};

/** Where each of the three sets of tables lives; two with the same URL are one database. The log may also be no table at all. */
export type Places = { readonly models: DatabaseUrls; readonly keys: DatabaseUrls; readonly log: DatabaseUrls | EventStoreDb | undefined };

/** Starts the embedded server where no database is given, and again should it end by itself: `observer` is told. */
export async function placesOf(
  config: Config,
  closing: Closing,
  starting: (what: string) => void,
  observer?: KeptObserver,
): Promise<Places> {
  const models = config.database === 'embedded' ? await embedded(config, closing, starting, observer) : config.database;
  const keys = config.keys === 'database' ? models : config.keys;
  const log = config.eventStore === 'memory' ? undefined : config.eventStore === 'database' ? models : config.eventStore;
  return { models, keys, log };
}

async function embedded(
  config: Config,
  closing: Closing,
  starting: (what: string) => void,
  observer?: KeptObserver,
): Promise<DatabaseUrls> {
  starting('starting the embedded database');
  const server = await startEmbedded(config.dataDir, observer);
  closing.add('embedded database', () => server.stop());
  return { url: server.url, migrationUrl: server.migrationUrl };
}

/** Brings every database up to date, those that coincide in one go. Answers the files that were applied. */
export async function migrateAll({ models, keys, log }: Places): Promise<readonly string[]> {
  const byUrl = new Map<string, { urls: DatabaseUrls; sets: MigrationSet[] }>();
  for (const [set, urls] of [
    ['models', models],
    ['keys', keys],
    ['log', log],
  ] as const) {
    if (urls === undefined || 'esdb' in urls) continue;
    const known = byUrl.get(urls.migrationUrl) ?? { urls, sets: [] };
    known.sets.push(set);
    byUrl.set(urls.migrationUrl, known);
  }
  const applied: string[] = [];
  for (const { urls, sets } of byUrl.values()) {
    const done = await migrate(urls.migrationUrl, sets, decodeURIComponent(new URL(urls.url).username) || undefined);
    applied.push(...done.flatMap((it) => it.applied));
  }
  return applied;
}

export async function connect(places: Places, log: Log, closing: Closing): Promise<Databases> {
  const onError = (error: unknown): void => {
    log.warn('a database connection was lost', { error });
  };
  const opened = new Map<string, Promise<Connected>>();
  const at = ({ url }: DatabaseUrls): Promise<Connected> => {
    const known = opened.get(url) ?? connectTo(url, onError, closing);
    opened.set(url, known);
    return known;
  };
  const pool = async (url: string, role: 'tidings_api' | 'owner', max: number): Promise<Pool> => {
    const made = await openPool({ url, role, max, onError });
    closing.add(`pool of ${role}`, () => made.end());
    return made;
  };
  const api = await pool(places.models.url, 'tidings_api', 10);
  const owner = await pool(places.models.migrationUrl, 'owner', 2);
  return {
    models: { ...(await at(places.models)), api, owner },
    keys: await at(places.keys),
    log: places.log === undefined || 'esdb' in places.log ? places.log : await at(places.log),
  };
}

async function connectTo(url: string, onError: (error: unknown) => void, closing: Closing): Promise<Connected> {
  const worker = await openPool({ url, role: 'tidings_worker', max: 16, onError });
  closing.add('pool of tidings_worker', () => worker.end());
  const listener = openListener({ url, role: 'tidings_worker', onError });
  closing.add('listener', () => listener.close());
  return { url, worker, listener };
}
