import { createServer } from 'node:http';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { keyStoreId } from '../../src/adapters/crypto/keyStoreId.ts';
import { newMasterKey, parseMasterKeys } from '../../src/adapters/crypto/masterKeys.ts';
import { MIGRATION_SETS, migrationFiles } from '../../src/adapters/postgres/migrate.ts';
import { over } from '../../src/adapters/postgres/transaction.ts';
import type { Environment } from '../../src/config/settings.ts';
import type { TenantId } from '../../src/domain/values/ids.ts';
import { dataDirOf, fakeService, scratch, tidings } from '../support/cli.ts';
import { keysOf, known } from '../support/keys.ts';
import { freshDatabase, type FreshDatabase } from '../support/postgres.ts';
import { scriptedSmtp } from '../support/smtpServers.ts';

const [old, fresh] = [newMasterKey('old'), newMasterKey('new')];
const everything = MIGRATION_SETS.flatMap((set) => migrationFiles(set).map(({ name }) => name));

let db: FreshDatabase;
let bare: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
  bare = await freshDatabase([]);
  await known(keysOf(db, parseMasterKeys(old)), 'acme' as TenantId, 'ana', 'bo');
});
afterAll(async () => {
  await Promise.all([db.close(), bare.close()]);
});

const on = (database: FreshDatabase, more: Environment = {}): Environment => ({
  PORT: '0',
  DATABASE_URL: database.url,
  DATABASE_MIGRATION_URL: database.ownerUrl,
  TIDINGS_MASTER_KEYS: old,
  TIDINGS_DATA_DIR: scratch(),
  ...more,
});

type Found = { readonly check: string; readonly status: string; readonly detail: string; readonly todo?: string };
async function doctor(env: Environment): Promise<{ readonly exit: number; readonly findings: readonly Found[] }> {
  const { exit, out } = await tidings(['doctor', '--json'], env);
  return { exit, findings: JSON.parse(out) as Found[] };
}
const failing = ({ findings }: { readonly findings: readonly Found[] }): readonly (readonly [string, string])[] =>
  findings.filter(({ status }) => status !== 'ok').map(({ check, detail }) => [check, detail]);

describe('migrate and keys', () => {
  test('migrate applies what is missing, once, and says which', async () => {
    expect(await tidings(['keys', 'rotate'], on(bare))).toStrictEqual({
      exit: 1,
      out: '',
      err: 'The database is not prepared: run ./tidings migrate first.\n',
    });
    const before = await doctor(on(bare));
    expect(before.exit).toBe(0);
    expect(before.findings.filter(({ status }) => status === 'warn')).toStrictEqual([
      {
        check: 'database (models, keys, log)',
        status: 'warn',
        detail: `pending: ${['models', 'keys', 'log'].flatMap((set) => migrationFiles(set as 'log').map(({ name }) => name)).join(', ')}`,
        todo: 'start applies them; or run ./tidings migrate.',
      },
    ]);
    const { exit, out, err } = await tidings(['migrate'], on(bare));
    expect({ exit, err }).toStrictEqual({ exit: 0, err: '' });
    expect(out.trim().split('\n').sort()).toStrictEqual(everything.map((name) => `applied ${name}`).sort());
    expect((await tidings(['migrate'], on(bare))).out).toBe('nothing to apply: the databases are up to date\n');
  });

  test('keys are rotated, saved and brought back', async () => {
    const file = join(scratch(), 'keys.ndjson');
    const rotated = await tidings(['keys', 'rotate'], on(db, { TIDINGS_MASTER_KEYS: `${fresh},${old}` }));
    expect(rotated).toStrictEqual({
      exit: 0,
      out: 'rewrapped 3 keys with master key new\nolder master keys can go once no process and no backup needs them\n',
      err: '',
    });
    const summary = '2 keys of people, 0 of periods, 1 of indexes, 2 aliases; wrapped by new';
    const current = { TIDINGS_MASTER_KEYS: fresh };
    expect((await tidings(['keys', 'backup', file], on(db, current))).out).toBe(`saved ${summary}\n`);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect((await tidings(['keys', 'restore', file], on(bare, current))).out).toBe(`restored ${summary}\n`);
    expect(await keyStoreId(over(bare.workerPool))).toBe(await keyStoreId(over(db.workerPool)));
    writeFileSync(file, readFileSync(file, 'utf8').slice(0, -10));
    const cut = await tidings(['keys', 'restore', file], on(bare, current));
    expect(cut.exit).toBe(1);
    expect(cut.err).toContain('this is no whole backup of keys');
    // Back, so that the tests below begin where this one did.
    expect((await tidings(['keys', 'rotate'], on(db, { TIDINGS_MASTER_KEYS: `${old},${fresh}` }))).exit).toBe(0);
  });

  test('a database that cannot be reached is unreachable, and its password is not told', async () => {
    const env = on(db, { DATABASE_URL: 'postgres://tidings:canary@127.0.0.1:1/tidings', DATABASE_MIGRATION_URL: '' });
    const { exit, out, err } = await tidings(['migrate'], env);
    expect({ exit, out, err }).toStrictEqual({ exit: 3, out: '', err: 'the database cannot be reached (database_unreachable)\n' });
    const { exit: ill, findings } = await doctor(env);
    expect(ill).toBe(1);
    expect(findings.filter(({ status }) => status === 'fail')).toStrictEqual([
      {
        check: 'database (models, keys, log) at postgres://tidings:***@127.0.0.1:1/tidings',
        status: 'fail',
        detail: 'the database cannot be reached (ECONNREFUSED)',
        todo: 'Is Postgres running there? Check host and port.',
      },
    ]);
    expect(JSON.stringify(findings)).not.toContain('canary');
  });
});

describe('doctor', () => {
  test('finds nothing wrong where nothing is, and changes nothing', async () => {
    const env = on(db);
    const { exit, out, err } = await tidings(['doctor'], env);
    expect({ exit, err }).toStrictEqual({ exit: 0, err: '' });
    expect(out.split('\n').filter((line) => line !== '' && !line.startsWith('ok '))).toStrictEqual([]);
    expect(out).toContain('database (models, keys, log): the login acts as tidings_api and tidings_worker, bound by row-level security');
    expect(out).toContain('keys: open under the master keys');
    expect(await over(db.workerPool).query({ text: 'select from installation' })).toStrictEqual([]);
    expect(existsSync(join(env['TIDINGS_DATA_DIR'] ?? '', 'master-keys'))).toBe(false);
  });

  test('lists every problem of the configuration', async () => {
    const { exit, findings } = await doctor({ PORT: 'x', LOG_LEVEL: 'loud' });
    expect(exit).toBe(1);
    expect(findings.filter(({ status }) => status === 'fail').map(({ detail }) => detail)).toStrictEqual([
      'PORT is wrong',
      'LOG_LEVEL is wrong',
    ]);
  });

  test('makes no embedded database by looking for one', async () => {
    const directory = join(scratch(), 'data');
    const { exit, findings } = await doctor({ PORT: '0', TIDINGS_DATA_DIR: directory });
    expect(exit).toBe(0);
    expect(findings.map(({ check, detail }) => [check, detail])).toContainEqual(['database', 'embedded; the first start makes it']);
    expect(existsSync(directory)).toBe(false);
  });

  test('finds secrets that others can read', async () => {
    const env = on(db);
    const file = join(env['TIDINGS_DATA_DIR'] ?? '', 'admin-key');
    writeFileSync(file, 'canary');
    chmodSync(file, 0o644);
    const found = await doctor(env);
    expect(found.exit).toBe(1);
    expect(failing(found)).toStrictEqual([['data directory', `${file} can be read by others (mode 0644)`]]);
  });

  test('finds a data directory that is a file', async () => {
    const file = join(scratch(), 'file');
    writeFileSync(file, '');
    expect(failing(await doctor(on(db, { TIDINGS_DATA_DIR: file })))).toStrictEqual([['data directory', `${file} is no directory`]]);
  });

  test('finds master keys that open nothing', async () => {
    const missing = await doctor(on(db, { TIDINGS_MASTER_KEYS: newMasterKey('another') }));
    expect(failing(missing)).toStrictEqual([['keys', 'master key old is not in TIDINGS_MASTER_KEYS']]);
    const wrong = await doctor(on(db, { TIDINGS_MASTER_KEYS: newMasterKey('old') }));
    expect(failing(wrong)).toStrictEqual([['keys', 'a stored key does not open under master key old']]);
    const none = await doctor(on(db, { TIDINGS_MASTER_KEYS: '' }));
    expect(failing(none)).toStrictEqual([['keys', 'there are keys, and no master keys to open them']]);
  });

  test('finds keys of another installation', async () => {
    await over(db.workerPool).query({ text: 'insert into installation (key_store) values (gen_random_uuid())' });
    try {
      expect(failing(await doctor(on(db)))).toStrictEqual([['keys', 'the keys are those of another installation']]);
    } finally {
      await db.ownerPool.query('delete from installation');
    }
  });

  test('finds a login that row-level security does not bind', async () => {
    const found = await doctor(on(db, { DATABASE_URL: db.ownerUrl }));
    expect(found.exit).toBe(1);
    expect(failing(found).map(([check]) => check)).toStrictEqual(['database (models, keys, log)']);
  });

  test('finds a database that a newer program has migrated', async () => {
    await db.ownerPool.query(`insert into tidings_migrations_keys (name, batch, migration_time) values ('9999_later.sql', 9, now())`);
    try {
      expect(failing(await doctor(on(db)))).toStrictEqual([
        ['database (models, keys, log)', 'holds what this program does not know: 9999_later.sql'],
      ]);
    } finally {
      await db.ownerPool.query(`delete from tidings_migrations_keys where name = '9999_later.sql'`);
    }
  });

  test('greets the mail server and sends nothing', async () => {
    const server = await scriptedSmtp({});
    onTestFinished(() => server.close());
    const env = { EMAIL_PROVIDERS: 'smtp', EMAIL_FROM: 'shop@example.com' };
    const found = await doctor(on(db, { ...env, SMTP_URL: `smtp://127.0.0.1:${server.port}` }));
    expect(found.exit).toBe(0);
    expect(server.received).toStrictEqual([]);
    expect(server.lines.filter((line) => /^(?:mail|rcpt|data)/i.test(line))).toStrictEqual([]);
    expect(server.lines.some((line) => line.startsWith('EHLO '))).toBe(true);
    const deaf = await doctor(on(db, { ...env, SMTP_URL: 'smtp://canary:canary@127.0.0.1:1?tls=off&auth_in_clear=1' }));
    expect(deaf.exit).toBe(1);
    expect(failing(deaf)).toStrictEqual([['smtp', '127.0.0.1:1: connection_refused']]);
  });

  test('tells a port of ours from one that another program has', async () => {
    const stranger = createServer((_, res) => res.end('hello'));
    await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void stranger.close());
    const { port } = stranger.address() as AddressInfo;
    const found = await doctor(on(db, { PORT: String(port) }));
    expect(found.exit).toBe(1);
    expect(failing(found)).toStrictEqual([['port', `127.0.0.1:${port} is taken by another program`]]);
  });

  test('asks the running service how it is', async () => {
    const consumer = (name: string, more: object) => ({ name, status: 'live', lag: 0, parked: 0, ...more });
    const service = await fakeService(({ path }) => {
      if (path === '/health/live') return { status: 200, body: { status: 'live' } };
      if (path === '/health/ready')
        return { status: 503, body: { ready: false, checks: [{ name: 'log', ok: false, detail: 'unreachable' }] } };
      const data = [consumer('audit', {}), consumer('actions', { parked: 3 }), consumer('templates', { lag: 90_000, status: 'idle' })];
      return { status: 200, body: { data, nextCursor: null } };
    });
    const env = on(db, { TIDINGS_DATA_DIR: dataDirOf(service), PORT: new URL(service.url).port });
    const found = await doctor(env);
    expect(found.exit).toBe(1);
    expect(found.findings.map(({ detail }) => detail)).toContain(`127.0.0.1:${new URL(service.url).port} is served by this installation`);
    expect(failing(found)).toStrictEqual([
      ['service: log', 'unreachable'],
      ['consumer actions', '3 events are parked'],
      ['consumer templates', 'nobody runs it'],
      ['consumer templates', '90 s behind'],
    ]);
  });

  test('a service that has died does not count as running', async () => {
    const directory = join(scratch(), 'data');
    mkdirSync(directory);
    writeFileSync(join(directory, 'service.json'), JSON.stringify({ url: 'http://127.0.0.1:1', pid: 999_999_999 }), { mode: 0o600 });
    const { findings } = await doctor(on(db, { TIDINGS_DATA_DIR: directory }));
    expect(findings.at(-1)?.detail).toBe('does not run on this data directory');
  });
});
