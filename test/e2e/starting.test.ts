import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, statSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { newMasterKey } from '../../src/adapters/crypto/masterKeys.ts';
import { describeWith } from '../support/needs.ts';
import { runProgram, startProgram } from '../support/program.ts';
import { message, serviceForSuite } from '../support/service.ts';
import { removeDataDirs } from '../support/removeDataDirs.ts';

const scratch = mkdtempSync(join(tmpdir(), 'tidings-e2e-'));
afterAll(() => removeDataDirs(scratch));

describe('a first start with nothing but a data directory', () => {
  const tidings = serviceForSuite({ database: 'embedded' });

  test('keeps what it generated to itself', () => {
    expect(tidings.key.length).toBeGreaterThanOrEqual(24);
    for (const file of ['admin-key', 'service.json']) expect(statSync(join(tidings.dataDir, file)).mode & 0o777).toBe(0o600);
    expect(tidings.program().stdout()).not.toContain(tidings.key);
    expect(JSON.stringify(tidings.log())).not.toContain(tidings.key);
  });

  test('sends, stops with status 0, and has everything again after a restart', async () => {
    const { id } = await tidings.send(message([{ email: 'embedded@example.com' }]));
    await tidings.settled(id);
    const [key, url] = [tidings.key, tidings.url];
    expect(await tidings.stop()).toBe(0);
    expect(() => readFileSync(join(tidings.dataDir, 'service.json'))).toThrow();
    await tidings.restart();
    expect([tidings.key, tidings.url === url]).toStrictEqual([key, false]);
    expect((await tidings.captured(id)).map(({ to }) => to)).toStrictEqual(['embedded@example.com']);
  });

  test('has everything again after it was killed', async () => {
    const { id } = await tidings.send(message([{ email: 'killed@example.com' }]));
    await tidings.kill();
    await tidings.restart();
    expect((await tidings.settled(id)).map(({ status }) => status)).toStrictEqual(['captured']);
  });

  const curl = spawnSync('curl', ['--version']).status === 0;
  describeWith({ what: 'curl', found: curl, how: 'apt-get install curl' }, 'what it prints', () => {
    test('works when it is pasted unchanged', () => {
      const line = tidings
        .program()
        .stdout()
        .split('\n')
        .find((it) => it.trim().startsWith('curl '));
      const { stdout, status } = spawnSync('sh', ['-c', line ?? 'false'], { encoding: 'utf8' });
      expect(status).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ status: 'accepted', recipients: [{ index: 0, status: 'accepted' }] });
    });
  });
});

describe('a start that cannot be', () => {
  const start = (env: Record<string, string>): ReturnType<typeof runProgram> => runProgram({ dataDir: join(scratch, 'never'), env });

  test('ends with 78 and names everything that is wrong, but no secret', async () => {
    const { status, stdout, stderr } = await start({
      PORT: 'many',
      EMAIL_PROVIDERS: 'smtp',
      SMTP_URL: 'smtp://user:hunter2@',
      TIDINGS_ADMIN_KEY: 'short-secret',
      TIDINGS_COLOUR: 'red',
    });
    expect([status, stdout]).toStrictEqual([78, '']);
    for (const name of ['PORT', 'EMAIL_FROM', 'SMTP_URL', 'TIDINGS_ADMIN_KEY', 'TIDINGS_COLOUR'])
      expect(stderr).toContain(`  ${name}: expected `);
    expect(stderr).not.toMatch(/hunter2|short-secret/);
  });

  test('in production without secrets of one’s own and with capture is refused', async () => {
    const { status, stderr } = await start({ NODE_ENV: 'production' });
    expect(status).toBe(78);
    for (const name of ['TIDINGS_ADMIN_KEY', 'TIDINGS_MASTER_KEYS', 'EMAIL_PROVIDERS']) expect(stderr).toContain(`  ${name}: expected `);
  });

  test.each(['/proc/nope', '/dev/null/nope'])('with a data directory that cannot be made ends with 78 and says so: %s', async (dataDir) => {
    const { status, stdout, stderr } = await runProgram({ dataDir });
    expect([status, stdout]).toStrictEqual([78, '']);
    expect(stderr).toContain(`TIDINGS_DATA_DIR: ${dataDir} cannot be made or written to`);
  });

  test('where the database does not answer ends and says so', async () => {
    const { status, stderr } = await start({ DATABASE_URL: 'postgres://nobody:secret-word@127.0.0.1:1/none' });
    expect(status).not.toBe(0);
    expect(stderr.trim()).not.toBe('');
    expect(stderr).not.toContain('secret-word');
  });
});

describe('a start beside another', () => {
  const tidings = serviceForSuite();
  const places = () => ({ DATABASE_URL: tidings.database().url, DATABASE_MIGRATION_URL: tidings.database().ownerUrl });

  test('with other master keys ends and says so, although nothing has been encrypted yet', async () => {
    const env = { ...places(), TIDINGS_ROLES: 'worker', TIDINGS_MASTER_KEYS: newMasterKey('m1') };
    const { status, stderr } = await runProgram({ dataDir: join(scratch, 'others'), env });
    expect([status, stderr]).toStrictEqual([78, expect.stringMatching(/^TIDINGS_MASTER_KEYS does not open the keys of this installation/)]);
  });

  test('with the service’s own login alone ends and says where to give the owner’s', async () => {
    const { status, stderr } = await runProgram({ dataDir: join(scratch, 'lesser'), env: { DATABASE_URL: tidings.database().url } });
    expect([status, stderr]).toStrictEqual([78, expect.stringContaining('DATABASE_MIGRATION_URL')]);
  });

  test('on a port that is taken ends, unless nobody asked for that port', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as AddressInfo;
    const env = { ...places(), TIDINGS_MASTER_KEYS_FILE: join(tidings.dataDir, 'master-keys') };
    const refused = await runProgram({ dataDir: join(scratch, 'taken'), env: { ...env, PORT: String(port) } });
    expect(refused.status).not.toBe(0);
    expect(refused.stdout).not.toContain('tidings ready');
    await new Promise((resolve) => taken.close(resolve));
  });

  test('removes what has run out: an upload that nobody used, a dedup window that is over', async () => {
    const { workerPool } = tidings.database();
    await workerPool.query(`insert into blobs (tenant, id, class, period, generation, about, sealed, expires_at)
      select 'default', 'b' || n, 'content', '2026-01', 0, '', '', now() + n * interval '1 hour' from generate_series(-1100, 1) n where n <> 0`);
    await workerPool.query(`insert into reservations (tenant, key, delivery, since, until)
      select 'default', 'r' || n, 'd_0', now(), now() + n * interval '1 hour' from generate_series(-1100, 1) n where n <> 0`);
    const left = async (): Promise<unknown[]> =>
      (await workerPool.query(`select id from blobs union all select key from reservations order by 1`)).rows.map(({ id }) => id as string);
    expect(await left()).toHaveLength(2 * 1101);
    await tidings.restart();
    await expect.poll(left).toStrictEqual(['b1', 'r1']);
  });

  test('shares the work: what one accepts is shown by the other, and each goes on when the other ends', async () => {
    const keys = join(tidings.dataDir, 'master-keys');
    const second = await startProgram({
      dataDir: join(scratch, 'second'),
      env: {
        ...places(),
        TIDINGS_MASTER_KEYS_FILE: keys,
        TIDINGS_ADMIN_KEY: tidings.key,
      },
    });
    try {
      const { id, position } = await tidings.send(message([{ email: 'shared@example.com' }]));
      await tidings.settled(id);
      const answer = await fetch(`${second.url}/v1/notifications/${id}?after=${position}`, {
        headers: { Authorization: `Bearer ${tidings.key}` },
      });
      expect(await answer.json()).toMatchObject({ id, status: 'completed' });
      expect(await tidings.stop()).toBe(0);
      const other = await fetch(`${second.url}/v1/notifications`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${tidings.key}`, 'Content-Type': 'application/json' },
        body: JSON.stringify(message([{ email: 'alone@example.com' }])),
      });
      const { id: alone } = (await other.json()) as { id: string };
      await expect
        .poll(
          async () => {
            const shown = await fetch(`${second.url}/v1/notifications/${alone}`, { headers: { Authorization: `Bearer ${tidings.key}` } });
            return ((await shown.json()) as { status: string }).status;
          },
          { timeout: 60_000 },
        )
        .toBe('completed');
    } finally {
      expect(await second.stop()).toBe(0);
      await tidings.restart();
    }
  });
});
