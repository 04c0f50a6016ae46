import pg from 'pg';
import { logAt } from '../support/eventStoreEnv.ts';
import { eventStoreServer, type TestEventStore } from '../support/eventStoreServer.ts';
import { checkCluster, type Cluster } from '../support/cluster.ts';
import type { Ground } from './ground.ts';

/** The log and the keys apart from the read models, whose database can be lost. */
export type Elsewhere = {
  readonly name: string;
  readonly env: Readonly<Record<string, string>>;
  /** The database of read models is gone, with whoever is connected to it, and there is an empty one in its place. */
  readonly loseModels: () => Promise<void>;
  readonly close: () => Promise<void>;
};

const inDatabase = (url: string, database: string): string => {
  const { href } = Object.assign(new URL(url), { pathname: `/${database}` });
  return href;
};

/** As the superuser, checked first, from outside the databases that this is about. */
async function asAdministrator({ url, nonce }: Cluster, ...texts: readonly string[]): Promise<void> {
  const client = new pg.Client({ connectionString: inDatabase(url('superuser'), 'postgres') });
  client.on('error', () => undefined);
  await client.connect();
  try {
    await checkCluster(client, nonce);
    for (const text of texts) await client.query(text);
  } finally {
    await client.end();
  }
}

const make = (database: string): string => `create database ${database} owner tidings_owner`;

export async function keptElsewhere({ cluster }: Ground, log: 'eventstoredb' | 'postgres'): Promise<Elsewhere> {
  await asAdministrator(cluster, make('tidings_keys'), make('tidings_log'));
  const server: TestEventStore | undefined = log === 'eventstoredb' ? await eventStoreServer() : undefined;
  const at = (database: string, name: string, migrationName: string): Record<string, string> => ({
    [name]: inDatabase(cluster.url('app'), database),
    [migrationName]: inDatabase(cluster.url('owner'), database),
  });
  return {
    name: server?.name ?? 'a Postgres of its own',
    env: {
      ...at('tidings_keys', 'TIDINGS_KEYS_URL', 'TIDINGS_KEYS_MIGRATION_URL'),
      ...(server === undefined ? at('tidings_log', 'EVENT_STORE_URL', 'EVENT_STORE_MIGRATION_URL') : logAt(server.url)),
    },
    loseModels: () => asAdministrator(cluster, 'drop database tidings with (force)', make('tidings')),
    close: async () => {
      await server?.close();
    },
  };
}
