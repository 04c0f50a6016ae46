import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newMasterKey } from '../../src/adapters/crypto/masterKeys.ts';
import { eventually } from '../support/client.ts';
import { freePorts } from '../support/freePorts.ts';
import { freshDatabase, type FreshDatabase } from '../support/postgres.ts';
import { runProgram, startProgram } from '../support/program.ts';
import { removeDataDirs } from '../support/removeDataDirs.ts';

const scratch = mkdtempSync(join(tmpdir(), 'tidings-signals-'));
let database: FreshDatabase;
beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(async () => {
  await database.close();
  removeDataDirs(scratch);
});
const masterKeys = newMasterKey('m1');
const places = (): Record<string, string> => ({
  ...{ DATABASE_URL: database.url, DATABASE_MIGRATION_URL: database.ownerUrl },
  TIDINGS_MASTER_KEYS: masterKeys,
});

describe('a running service', () => {
  test('told to end twice in a moment, as npm does on Ctrl-C, drains all the same', async () => {
    const program = await startProgram({ dataDir: join(scratch, 'twice'), env: places() });
    void program.stop('SIGINT');
    expect(await program.stop('SIGINT')).toBe(0);
    expect(existsSync(join(scratch, 'twice', 'service.json'))).toBe(false);
  });

  test('behind a public address is reached by the command line directly', async () => {
    const dataDir = join(scratch, 'public');
    const env = {
      ...places(),
      HOST: '0.0.0.0',
      TIDINGS_PUBLIC_URL: 'http://tidings.example.com',
      TIDINGS_ALLOW: 'generated-secrets,capture',
    };
    const program = await startProgram({ dataDir, env });
    expect(program.url).toBe('http://tidings.example.com');
    const { url }: { readonly url: string } = JSON.parse(readFileSync(join(dataDir, 'service.json'), 'utf8'));
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const { status, stdout } = await runProgram({ dataDir, env, args: ['projections'] });
    expect([status, stdout]).toStrictEqual([0, expect.stringContaining('notifications')]);
    expect(await program.stop()).toBe(0);
  });
});

test('a start that is told to end while it makes its database ends with 0 and leaves no server running', async () => {
  const dataDir = join(scratch, 'early');
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/main.ts'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], NODE_ENV: 'test', PORT: '0', TIDINGS_DATA_DIR: dataDir },
  });
  let said = '';
  const ended = new Promise((resolve) => child.once('close', resolve));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    const hadBegun = said.includes('starting the embedded database');
    said += text;
    if (!hadBegun && said.includes('starting the embedded database')) child.kill('SIGTERM');
  });
  expect(await ended).toBe(0);
  expect(said).toContain('SIGTERM: finishing what is under way');
  expect(existsSync(join(dataDir, 'service.json'))).toBe(false);
  expect(existsSync(join(dataDir, 'postgres', 'postmaster.pid'))).toBe(false);
});

test('a start that waits for read models that nobody fills ends when it is told to', async () => {
  const empty = await freshDatabase();
  const [port = 0] = await freePorts(1);
  const env = {
    ...{ DATABASE_URL: empty.url, DATABASE_MIGRATION_URL: empty.ownerUrl },
    ...{ TIDINGS_ROLES: 'worker', PORT: String(port) },
  };
  try {
    let pid = 0;
    const ended = runProgram({ dataDir: join(scratch, 'waiting'), env, onSpawn: (it) => (pid = it) });
    // What there is to wait for has been asked, by a statement of its own.
    const begun = `select from installation where log is not null`;
    await eventually('it has begun the log', async () => ((await empty.workerPool.query(begun)).rowCount === 1 ? true : undefined));
    process.kill(pid, 'SIGTERM');
    const { status, stdout, stderr } = await ended;
    expect([status, stdout]).toStrictEqual([0, '']);
    expect(stderr.split('\n').filter((line) => !line.startsWith('{'))).toStrictEqual(['SIGTERM: finishing what is under way', '']);
    expect(stderr).not.toContain('not everything ended in time');
  } finally {
    await empty.close();
  }
});
