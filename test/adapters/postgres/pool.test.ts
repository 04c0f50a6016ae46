import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { asTenant } from '../../../src/adapters/postgres/asTenant.ts';
import { migrate } from '../../../src/adapters/postgres/migrate.ts';
import { openListener } from '../../../src/adapters/postgres/notify.ts';
import { openPool } from '../../../src/adapters/postgres/pool.ts';
import { transaction } from '../../../src/adapters/postgres/transaction.ts';
import { PortError } from '../../../src/domain/kernel/portError.ts';
import type { TenantId } from '../../../src/domain/values/ids.ts';
import { eventually } from '../../support/client.ts';
import { startFaultProxy } from '../../support/faultProxy.ts';
import { type FreshDatabase, freshDatabase } from '../../support/postgres.ts';

const A = 'a' as TenantId;
const B = 'b' as TenantId;

const loginOf = ({ url }: FreshDatabase): string => new URL(url).username;

/** A login with no right at all, for as long as `use` takes. */
async function asLesser<T>(db: FreshDatabase, use: (url: string) => Promise<T>): Promise<T> {
  const [name, url] = [`tidings_lesser_${process.pid}`, new URL(db.ownerUrl)];
  await db.ownerPool.query(`create role ${name} login password 'x'`);
  url.username = name;
  url.password = 'x';
  try {
    return await use(url.toString());
  } finally {
    await db.ownerPool.query(`drop role ${name}`);
  }
}

describe('Postgres', () => {
  let db: FreshDatabase;
  beforeAll(async () => {
    db = await freshDatabase(['models']);
    await db.ownerPool.query(
      `create table notes (tenant text not null, body text not null, n bigint, at timestamptz); select tidings_protect('notes')`,
    );
    await db.workerPool.query(
      `insert into notes values ('a', 'of a', 9007199254740993, '2026-01-02T03:04:05.678999Z'), ('b', 'of b', 7, null)`,
    );
  });
  afterAll(() => db.close());

  /** The server, behind a proxy. */
  const onItsWay = async () => {
    const url = new URL(db.url);
    const proxy = await startFaultProxy({ host: url.hostname, port: Number(url.port) });
    url.hostname = proxy.host;
    url.port = String(proxy.port);
    return { proxy, through: url.toString() };
  };

  test('a process whose loop stood still while its connection was looked at is no less there', async () => {
    const { proxy, through } = await onItsWay();
    // So that it is waiting for an answer nearly all the time.
    proxy.delay(30);
    const listener = openListener({ url: through, role: 'tidings_worker', keepAliveMs: 1, answerMs: 1_000 });
    const present = await eventually('a presence', () => listener.presence());
    const seen = new Set<string | undefined>();
    for (let block = 0; block < 4; block += 1) {
      await new Promise((resolve) => setTimeout(resolve, 20 + block));
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_100);
      await new Promise((resolve) => setTimeout(resolve, 30));
      seen.add(listener.presence());
    }
    await listener.close();
    await proxy.close();
    expect([...seen]).toStrictEqual([present]);
  });

  test('each tenant sees its own rows', async () => {
    const read = (tenant: TenantId) => asTenant(db.apiPool, tenant, (tx) => tx.query({ text: 'select body from notes' }));
    expect(await read(A)).toStrictEqual([{ body: 'of a' }]);
    expect(await read(B)).toStrictEqual([{ body: 'of b' }]);
  });

  test('without a tenant the api sees nothing, also on a connection that had one before', async () => {
    await asTenant(db.apiPool, A, (tx) => tx.query({ text: 'select 1' }));
    expect((await db.apiPool.query('select body from notes')).rows).toStrictEqual([]);
  });

  test('row-level security binds the owner of the table as well', async () => {
    expect((await db.ownerPool.query('select body from notes')).rows).toStrictEqual([]);
  });

  test('what is no tenant id never reaches a statement', async () => {
    await expect(
      asTenant(db.apiPool, "a', true); drop table notes --" as TenantId, (tx) => tx.query({ text: 'select 1' })),
    ).rejects.toMatchObject({
      kind: 'invalid',
      code: 'tenant_id',
    });
  });

  test('no statement is compiled before it runs', async () => {
    expect((await db.workerPool.query('show jit')).rows).toStrictEqual([{ jit: 'off' }]);
  });

  test('RESET ROLE does not leave the role of the pool', async () => {
    const client = await db.apiPool.connect();
    await client.query('reset role');
    expect((await client.query('select current_user as me')).rows).toStrictEqual([{ me: 'tidings_api' }]);
    client.release();
  });

  test('a role that owns a table is refused: it could take the policies away', async () => {
    const owning = await freshDatabase(['models']);
    await owning.ownerPool.query('grant create on schema public to tidings_api');
    await owning.apiPool.query('create table mine (x int)');
    await expect(openPool({ url: owning.url, role: 'tidings_api' })).rejects.toMatchObject({ kind: 'invalid', code: 'role_unbound' });
    await owning.close();
  });

  test('a login that is no member of the role gets no pool', async () => {
    await asLesser(db, (url) => expect(openPool({ url, role: 'tidings_api' })).rejects.toMatchObject({ kind: 'invalid' }));
  });

  test('an int8 is exact, an instant has milliseconds', async () => {
    const { rows } = await db.workerPool.query(`select n, at, 7::int8 as small, array[1::int8] as list from notes where tenant = 'a'`);
    expect(rows).toStrictEqual([{ n: 9007199254740993n, at: '2026-01-02T03:04:05.678Z', small: 7, list: [1] }]);
  });

  test('a transaction that throws leaves nothing', async () => {
    const failing = transaction(db.workerPool, async (tx) => {
      await tx.query({ text: `insert into notes values ('a', 'never')` });
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect((await db.workerPool.query(`select from notes where body = 'never'`)).rowCount).toBe(0);
  });

  test('an error of the database holds no value of the statement', async () => {
    const error: unknown = await transaction(db.workerPool, (tx) =>
      tx.query({ text: 'select $1::int', values: ['ana@example.com'] }),
    ).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ kind: 'invalid', message: 'the database answered SQLSTATE 22P02' });
  });

  test('a closed connection is an unavailable database, and the pool goes on', async () => {
    const broken = transaction(db.workerPool, async (tx) => {
      await db.cut('tidings worker');
      return tx.query({ text: 'select 1' });
    });
    await expect(broken).rejects.toMatchObject({ kind: 'unavailable' });
    expect((await db.workerPool.query('select 1 as one')).rows).toStrictEqual([{ one: 1 }]);
  });

  test('a server that lets a listener in and is then too slow with its answer is given up, and asked again', async () => {
    const { proxy, through } = await onItsWay();
    proxy.delay(400);
    const failures: unknown[] = [];
    const onError = ({ cause }: PortError): unknown => failures.push(cause);
    const listener = openListener({ url: through, role: 'tidings_worker', answerMs: 300, onError });
    const first = await eventually('it gives up', () => failures[0]);
    expect(first).toMatchObject({ kind: 'unavailable', code: 'listen_failed' });
    expect(listener.presence()).toBe(undefined);
    proxy.heal();
    await eventually('a presence', () => listener.presence());
    await listener.close();
    await proxy.close();
  });

  test('a server that goes silent is given up, and the pool goes on once it speaks again', async () => {
    const { proxy, through } = await onItsWay();
    const pool = await openPool({ url: through, role: 'tidings_worker', max: 1, statementTimeoutMs: 1_000, onItsWayMs: 200 });
    proxy.blackhole();
    const inTransaction = transaction(pool, (tx) => tx.query({ text: 'select 1' }));
    await expect(inTransaction).rejects.toMatchObject({ kind: 'unavailable', code: 'database_unreachable' });
    proxy.heal();
    const again = await eventually('it goes on', () =>
      transaction(pool, (tx) => tx.query({ text: 'select 1 as one' })).catch((error: unknown) => {
        if (error instanceof PortError && error.kind === 'unavailable') return undefined;
        throw error;
      }),
    );
    expect(again).toStrictEqual([{ one: 1 }]);
    await pool.end();
    await proxy.close();
  });

  test('migrating again applies nothing', async () => {
    expect(await migrate(db.ownerUrl, ['models'], loginOf(db))).toStrictEqual([{ set: 'models', applied: [] }]);
  });

  test('two migrations at once apply each file once', async () => {
    const fresh = await freshDatabase([]);
    const results = await Promise.all([
      migrate(fresh.ownerUrl, ['log', 'keys'], loginOf(fresh)),
      migrate(fresh.ownerUrl, ['log', 'keys'], loginOf(fresh)),
    ]);
    const applied = results.flat().flatMap((each) => each.applied.map((name) => `${each.set}/${name}`));
    expect(new Set(applied).size).toBe(applied.length);
    await fresh.close();
  });

  test('a login that is not the owner’s is told where to give the owner’s', async () => {
    await expect(migrate(db.url, ['models'])).rejects.toMatchObject({
      kind: 'invalid',
      code: 'owner_needed',
      message: expect.stringMatching(/ in DATABASE_MIGRATION_URL\.$/) as string,
    });
  });

  test('an owner that may not make roles is told the SQL', async () => {
    const error = await asLesser(db, (url) => migrate(url, ['models']).catch((thrown: unknown) => thrown));
    expect(error).toMatchObject({ code: 'roles_missing' });
    expect((error as Error).message).toMatch(/grant tidings_api to "tidings_lesser_\d+";\ngrant tidings_worker to "tidings_lesser_\d+";$/);
  });
});

describe('LISTEN', () => {
  let db: FreshDatabase;
  beforeAll(async () => {
    db = await freshDatabase([]);
  });
  afterAll(() => db.close());

  test('hears what is sent, and after a lost connection says that something may have been missed', async () => {
    const heard: (string | null)[] = [];
    let wake = (): void => undefined;
    const until = async (count: number): Promise<void> => {
      while (heard.length < count) await new Promise<void>((resolve) => (wake = resolve));
    };
    const listener = openListener({ url: db.url, role: 'tidings_worker' });
    await listener.subscribe('orders', (payload) => {
      heard.push(payload);
      wake();
    });
    await db.workerPool.query(`select pg_notify('orders', 'one')`);
    await until(2);
    await db.cut('tidings listen');
    await until(3);
    await db.workerPool.query(`select pg_notify('orders', 'two')`);
    await until(4);
    await listener.close();
    expect(heard).toStrictEqual([null, 'one', null, 'two']);
  });

  test('who comes while the last one of a channel goes hears what is sent', async () => {
    const listener = openListener({ url: db.url, role: 'tidings_worker' });
    const end = await listener.subscribe('orders', () => undefined);
    const heard: (string | null)[] = [];
    const coming = listener.subscribe('orders', (payload) => void heard.push(payload));
    end();
    await coming;
    await listener.subscribe('others', (payload) => void heard.push(payload));
    await db.workerPool.query(`select pg_notify('orders', 'one'), pg_notify('others', 'two')`);
    await eventually('both are heard', () => (heard.includes('two') ? true : undefined));
    await listener.close();
    expect(heard).toStrictEqual([null, null, 'one', 'two']);
  });
});
