import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clientOf, eventually, type Client } from '../support/client.ts';
import { freshDatabase, type FreshDatabase } from '../support/postgres.ts';
import { runProgram, startProgram, type Program } from '../support/program.ts';
import { message } from '../support/service.ts';
import { removeDataDirs } from '../support/removeDataDirs.ts';

/** Secrets of an installation of several processes are given, not generated. */
const SECRETS = {
  TIDINGS_ADMIN_KEY: `test_${randomBytes(24).toString('hex')}`,
  TIDINGS_MASTER_KEYS: `m1:${randomBytes(32).toString('base64')}`,
};
const scratch = mkdtempSync(join(tmpdir(), 'tidings-e2e-'));
const opened: FreshDatabase[] = [];
const running: Program[] = [];

async function databaseOf(...sets: readonly ('models' | 'keys' | 'log')[]): Promise<FreshDatabase> {
  const database = await freshDatabase(sets);
  opened.push(database);
  return database;
}
async function start(name: string, env: Readonly<Record<string, string>>): Promise<Program> {
  const program = await startProgram({ dataDir: join(scratch, name), env: { ...SECRETS, ...env } });
  running.push(program);
  return program;
}
const clientFor = (program: Program): Client =>
  clientOf(
    () => program.url,
    () => program.key,
  );

afterAll(async () => {
  for (const program of running) await program.kill();
  for (const database of opened) await database.close();
  removeDataDirs(scratch);
});

async function completed(client: Client, id: string): Promise<any> {
  return eventually('it is completed', async () => {
    const { status, body } = await client.get(`/v1/notifications/${id}`);
    return status === 200 && body.status === 'completed' ? body : undefined;
  });
}

describe('log, keys and read models in three databases', () => {
  let env: Readonly<Record<string, string>>;
  beforeAll(async () => {
    const [models, keys, log] = [await databaseOf('models'), await databaseOf('keys'), await databaseOf('log')];
    env = {
      DATABASE_URL: models.url,
      DATABASE_MIGRATION_URL: models.ownerUrl,
      TIDINGS_KEYS_URL: keys.url,
      TIDINGS_KEYS_MIGRATION_URL: keys.ownerUrl,
      EVENT_STORE_URL: log.url,
      EVENT_STORE_MIGRATION_URL: log.ownerUrl,
    };
  });

  test('work together, and again after a restart', async () => {
    const first = await start('apart', env);
    const { body } = await clientFor(first).post('/v1/notifications', message([{ email: 'apart@example.com' }]));
    await completed(clientFor(first), body.id);
    expect(await first.stop()).toBe(0);
    expect(first.faults()).toStrictEqual([]);
    const again = await start('apart', env);
    const captured = await clientFor(again).get(`/v1/captured?notificationId=${String(body.id)}`);
    expect(captured.body.data.map(({ to }: any) => to)).toStrictEqual(['apart@example.com']);
    expect(await again.stop()).toBe(0);
  });

  test('are not taken for each other’s: with the keys of another installation it does not start', async () => {
    const strange = await databaseOf('keys');
    const { status, stdout, stderr } = await runProgram({
      dataDir: join(scratch, 'strange'),
      env: { ...SECRETS, ...env, TIDINGS_KEYS_URL: strange.url, TIDINGS_KEYS_MIGRATION_URL: strange.ownerUrl },
    });
    expect(status).not.toBe(0);
    expect(stdout).not.toContain('tidings ready');
    expect(stderr).toMatch(/key/i);
  });

  test('nor with another master key', async () => {
    const { status, stdout, stderr } = await runProgram({
      dataDir: join(scratch, 'other-master'),
      env: { ...SECRETS, ...env, TIDINGS_MASTER_KEYS: `m1:${randomBytes(32).toString('base64')}` },
    });
    expect([status, stdout.includes('tidings ready')]).toStrictEqual([78, false]);
    expect(stderr).toContain('TIDINGS_MASTER_KEYS does not open the keys of this installation');
  });
});

describe('an api, a projector and two workers', () => {
  let api: Program;
  let others: Program[];
  beforeAll(async () => {
    const database = await databaseOf('models', 'keys', 'log');
    const env = { DATABASE_URL: database.url, DATABASE_MIGRATION_URL: database.ownerUrl };
    // Nobody fills the read models that the others wait for but the projector: it goes first.
    const projector = await start('projector', { ...env, TIDINGS_ROLES: 'projector' });
    api = await start('api', { ...env, TIDINGS_ROLES: 'api' });
    others = [
      projector,
      await start('worker-1', { ...env, TIDINGS_ROLES: 'worker' }),
      await start('worker-2', { ...env, TIDINGS_ROLES: 'worker' }),
    ];
  });

  test('share the work of one installation', async () => {
    const client = clientFor(api);
    const sent = await Promise.all(
      Array.from({ length: 20 }, (_, at) =>
        client.post('/v1/notifications', message([{ email: `shared-${String(at)}@example.com` }, 'nobody'])),
      ),
    );
    for (const { body } of sent) expect(await completed(client, body.id)).toMatchObject({ counts: { captured: 1, suppressed: 1 } });
    const captured = await client.get('/v1/captured?limit=200');
    expect(captured.body.data).toHaveLength(20);
    expect((await client.get('/health/ready')).status).toBe(200);
  });

  test('go on with one worker less', async () => {
    expect(await others[1]?.stop()).toBe(0);
    const client = clientFor(api);
    const { body } = await client.post('/v1/notifications', message([{ email: 'one-less@example.com' }]));
    expect(await completed(client, body.id)).toMatchObject({ counts: { captured: 1 } });
  });

  test('end well, each by itself', async () => {
    for (const program of [api, ...others]) {
      expect(await program.stop()).toBe(0);
      expect(program.faults()).toStrictEqual([]);
    }
  });
});
