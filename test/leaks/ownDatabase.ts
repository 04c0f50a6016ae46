import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import pg from 'pg';
import { newMasterKey } from '../../src/adapters/crypto/masterKeys.ts';
import { startCluster, type Cluster } from '../support/cluster.ts';
import { onPath } from '../support/onPath.ts';
import { newScratch } from '../support/scratch.ts';

/** A Postgres of a suite's own, whose files can be read as a thief would. */
export type OwnDatabase = {
  readonly cluster: Cluster;
  /** Of the service's environment: where its databases are and what its keys are wrapped by. */
  readonly env: Readonly<Record<string, string>>;
  /** Below it everything that Postgres keeps: data, WAL, its log. */
  readonly directory: string;
  /** Values stand in the files as they are, uncompressed, from now on. */
  readonly uncompressed: () => Promise<void>;
  /** Postgres writes down every statement with its parameters, from now on. */
  readonly toldInFull: () => Promise<void>;
  /** What is sent to all who listen, from now on. */
  readonly listen: (
    channels: readonly string[],
  ) => Promise<{ readonly heard: () => readonly string[]; readonly close: () => Promise<void> }>;
  readonly close: () => Promise<void>;
};

export async function openOwnDatabase({ durable = false }: { readonly durable?: boolean } = {}): Promise<OwnDatabase> {
  const { scratch: directory, discard } = newScratch('leaks');
  const cluster = await startCluster(directory, { durable });
  return {
    cluster,
    directory,
    env: {
      DATABASE_URL: cluster.url('app'),
      DATABASE_MIGRATION_URL: cluster.url('owner'),
      TIDINGS_ADMIN_KEY: `leaks_${randomBytes(24).toString('base64url')}`,
      TIDINGS_MASTER_KEYS: newMasterKey('leaks'),
    },
    uncompressed: async () => {
      const columns = await cluster.query<{ change: string }>(
        `select format('alter table %s alter column %I set storage external', c.oid::regclass, a.attname) as change
           from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
          where c.relkind in ('r', 'p') and a.attstorage in ('x', 'm') and a.attnum > 0 and not a.attisdropped
            and n.nspname not in ('pg_catalog', 'information_schema')`,
      );
      await cluster.query(columns.map(({ change }) => change).join(';'));
    },
    toldInFull: async () => {
      await cluster.query(`alter system set log_statement = 'all'`);
      await cluster.query('select pg_reload_conf()');
    },
    listen: async (channels) => {
      const client = new pg.Client({ connectionString: cluster.url('owner') });
      const heard: string[] = [];
      client.on('error', () => undefined);
      client.on('notification', ({ channel, payload = '' }) => heard.push(`${channel} ${payload}`));
      await client.connect();
      await client.query(channels.map((channel) => `listen ${channel}`).join(';'));
      return { heard: () => heard, close: () => client.end() };
    },
    close: async () => {
      await cluster.stop();
      discard();
    },
  };
}

/** Every row of every table of the database, as text. */
export async function rowsOf({ query }: Pick<Cluster, 'query'>): Promise<string> {
  const tables = await query<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname not in ('pg_catalog', 'information_schema')`,
  );
  const texts = await Promise.all(tables.map(({ name }) => query<{ text: string }>(`select t::text as text from ${name} t`)));
  return texts.flatMap((rows) => rows.map(({ text }) => text)).join('\n');
}

/** Every file below a directory. */
export function* filesBelow(directory: string): Generator<readonly [name: string, bytes: Buffer]> {
  for (const entry of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    const path = join(directory, entry);
    if (statSync(path, { throwIfNoEntry: false })?.isFile() === true) yield [relative(directory, path), readFileSync(path)];
  }
}

export const DUMPS = {
  what: 'pg_dump and pg_restore',
  found: onPath(['pg_dump']) !== undefined && onPath(['pg_restore']) !== undefined,
  how: 'apt-get install postgresql-client',
};

/** A backup as people make it, in both formats; the compressed one is unpacked again. */
export function dumps(url: string, scratch: string): readonly (readonly [name: string, bytes: Buffer])[] {
  const most = { maxBuffer: 1 << 30 };
  const packed = join(scratch, 'dump.custom');
  const plain = execFileSync('pg_dump', ['--dbname', url, '--format=plain'], most);
  execFileSync('pg_dump', ['--dbname', url, '--format=custom', '--file', packed], most);
  return [
    ['the plain dump', plain],
    ['the custom dump, packed', readFileSync(packed)],
    ['the custom dump, unpacked', execFileSync('pg_restore', ['--file=-', packed], most)],
  ];
}
