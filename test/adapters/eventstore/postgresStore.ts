import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { openPostgresEventStore } from '../../../src/adapters/eventstore/postgres/postgresEventStore.ts';
import type { PostgresEventStore, PostgresEventStoreOptions } from '../../../src/adapters/eventstore/postgres/postgresEventStore.ts';
import { openListener } from '../../../src/adapters/postgres/notify.ts';
import { lazyPool } from '../../../src/adapters/postgres/pool.ts';
import { startFaultProxy } from '../../support/faultProxy.ts';
import type { FaultProxy } from '../../support/faultProxy.ts';
import { freshDatabase } from '../../support/postgres.ts';
import type { FreshDatabase } from '../../support/postgres.ts';

export type Opened = { readonly store: PostgresEventStore; readonly close: () => Promise<void> };
type Options = Partial<PostgresEventStoreOptions>;

/** Hears of nothing. */
export const DEAF = { subscribe: () => Promise.resolve(() => undefined) };

/** A store as one process has it: a pool, a listening connection and an appending one, all to this address. */
export async function openStore(url: string, options: Options = {}): Promise<Opened> {
  const pool = lazyPool({ url, role: 'tidings_worker', max: 5 });
  const listener = options.listener ? undefined : openListener({ url, role: 'tidings_worker' });
  const store = await openPostgresEventStore({ url, pool, listener: listener ?? DEAF, ...options });
  const close = async (): Promise<void> => {
    await store.close();
    await listener?.close();
    await pool.end();
  };
  return { store, close };
}

export type Stage = {
  readonly database: () => FreshDatabase;
  readonly proxy: () => FaultProxy;
  /** A store that is closed after the test. Straight, it reaches the database without the proxy. */
  readonly open: (options?: Options, way?: 'straight') => Promise<PostgresEventStore>;
  /** A session of the owner's, ended after the test. */
  readonly session: () => Promise<pg.Client>;
  /** Ends the sessions of this name, as an operator would; how many there were. */
  readonly terminate: (application: string) => Promise<number>;
};

/** A database for the file, and a proxy in front of it for each test. Call it at the top of the file. */
export function setStage(): Stage {
  let database: FreshDatabase | undefined;
  let proxy: FaultProxy | undefined;
  let undo: (() => Promise<void>)[] = [];
  const there = <T>(it: T | undefined): T => {
    if (it === undefined) throw new Error('the stage is not set');
    return it;
  };

  beforeAll(async () => {
    database = await freshDatabase(['log']);
  });
  afterAll(() => database?.close());
  beforeEach(async () => {
    proxy = await startFaultProxy({ port: Number(new URL(there(database).url).port) });
  });
  afterEach(async () => {
    proxy?.heal();
    await Promise.all(undo.map((one) => one()));
    undo = [];
    await proxy?.close();
  });

  const session = async (): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: there(database).ownerUrl });
    await client.connect();
    undo.push(() => client.end());
    return client;
  };

  return {
    database: () => there(database),
    proxy: () => there(proxy),
    session,
    open: async (options = {}, way) => {
      const { url } = there(database);
      const opened = await openStore(way === 'straight' ? url : through(url, there(proxy)), options);
      undo.push(opened.close);
      return opened.store;
    },
    terminate: async (application) => {
      // As the login itself: only a session's own role may end it.
      const client = new pg.Client({ connectionString: there(database).url });
      await client.connect();
      const { rows } = await client.query<{ ended: number }>(
        `select count(pg_terminate_backend(pid))::int as ended from pg_stat_activity
         where application_name = $1 and datname = current_database()`,
        [application],
      );
      await client.end();
      return rows[0]?.ended ?? 0;
    },
  };
}

/** The same database by another way. */
function through(url: string, proxy: FaultProxy): string {
  const changed = new URL(url);
  changed.hostname = proxy.host;
  changed.port = String(proxy.port);
  return changed.toString();
}
