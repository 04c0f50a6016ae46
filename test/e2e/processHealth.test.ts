import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { clientOf, eventually, type Client } from '../support/client.ts';
import { follow } from '../support/follow.ts';
import { freePorts } from '../support/freePorts.ts';
import { freshDatabase, type FreshDatabase } from '../support/postgres.ts';
import { startProgram, type Program } from '../support/program.ts';
import { removeDataDirs } from '../support/removeDataDirs.ts';
import { message } from '../support/service.ts';

const SECRETS = {
  TIDINGS_ADMIN_KEY: `test_${randomBytes(24).toString('hex')}`,
  TIDINGS_MASTER_KEYS: `m1:${randomBytes(32).toString('base64')}`,
};
const scratch = mkdtempSync(join(tmpdir(), 'tidings-e2e-'));
const running: Program[] = [];
/** Read models, keys and log, each in a database of its own. */
let models: FreshDatabase;
let keys: FreshDatabase;
let log: FreshDatabase;
const started = new Map<string, Program>();

async function start(role: string, port = 0): Promise<Program> {
  const places = {
    ...{ DATABASE_URL: models.url, DATABASE_MIGRATION_URL: models.ownerUrl },
    ...{ TIDINGS_KEYS_URL: keys.url, TIDINGS_KEYS_MIGRATION_URL: keys.ownerUrl },
    ...{ EVENT_STORE_URL: log.url, EVENT_STORE_MIGRATION_URL: log.ownerUrl },
  };
  const env = { ...SECRETS, ...places, TIDINGS_ROLES: role, PORT: String(port) };
  const program = await startProgram({ dataDir: join(scratch, role), env });
  running.push(program);
  started.set(role, program);
  return program;
}
/** One of each; what a test before has started goes on. */
async function everyone(): Promise<{ readonly projector: Program; readonly worker: Program; readonly api: Program }> {
  const of = async (role: string): Promise<Program> => started.get(role) ?? start(role);
  return { projector: await of('projector'), worker: await of('worker'), api: await of('api') };
}
const clientAt = (url: string, key = ''): Client =>
  clientOf(
    () => url,
    () => key,
  );

/** What a process says of itself, without the names of what is well. */
async function missing(url: string): Promise<readonly [number, readonly string[]]> {
  const { status, body } = await clientAt(url).get('/health/ready');
  expect(JSON.stringify(body)).not.toMatch(/postgres|127\.0\.0\.1|tidings_/);
  return [status, body.checks.filter(({ ok }: any) => ok === false).map(({ name }: any) => name)];
}

/** Nobody gets into the database until it is back. */
async function without(gone: FreshDatabase, work: () => Promise<void>): Promise<void> {
  const allow = (may: boolean) => models.ownerPool.query(`alter database ${new URL(gone.url).pathname.slice(1)} allow_connections ${may}`);
  await allow(false);
  await gone.cut();
  try {
    await work();
  } finally {
    await allow(true);
  }
}

beforeAll(async () => {
  [models, keys, log] = [await freshDatabase(['models']), await freshDatabase(['keys']), await freshDatabase(['log'])];
});
afterAll(async () => {
  try {
    for (const program of running) expect(await program.stop()).toBe(0);
  } finally {
    for (const program of running) await program.kill();
    for (const database of [models, keys, log]) await database.close();
    removeDataDirs(scratch);
  }
});

test('a worker that waits for read models lives, is not ready, and becomes so', { timeout: 120_000 }, async () => {
  const [port = 0] = await freePorts(1);
  const url = `http://127.0.0.1:${String(port)}`;
  const starting = start('worker', port);
  await eventually('it lives', async () => ((await fetch(`${url}/health/live`).catch(() => undefined))?.status === 200 ? true : undefined));
  const [status, absent] = await missing(url);
  expect([status, absent.includes('process')]).toStrictEqual([503, true]);
  await start('projector');
  const worker = await starting;
  expect(worker.stdout()).toBe(`tidings ready ${url} (worker)\n`);
  expect(await missing(url)).toStrictEqual([200, []]);
});

test('worker and projector answer for health and metrics, each its own, and for nothing else', { timeout: 60_000 }, async () => {
  const { worker, projector, api } = await everyone();
  const client = clientAt(api.url, api.key);
  const { body } = await client.post('/v1/notifications', message([{ email: 'counted@example.com' }]));
  expect((await follow(client).settled(body.id)).map(({ status }) => status)).toStrictEqual(['captured']);
  const names = async (url: string): Promise<readonly string[]> =>
    (await clientAt(url).get('/health/ready')).body.checks.map(({ name }: any) => name);
  expect([await names(worker.url), await names(projector.url)]).toStrictEqual([
    ['process', 'database', 'keys', 'log', 'consumers'],
    ['process', 'database', 'log', 'consumers'],
  ]);
  const handedOff = /^tidings_handoff_messages_total\{provider="capture",outcome="accepted"\} 1$/m;
  const takenIn = /^tidings_consumer_events_total\{consumer="notifications"\} \d+$/m;
  const figures = async (url: string): Promise<string> => (await clientAt(url).get('/metrics')).body as string;
  const [ofWorker, ofProjector] = [await figures(worker.url), await figures(projector.url)];
  expect([handedOff.test(ofWorker), takenIn.test(ofWorker), handedOff.test(ofProjector), takenIn.test(ofProjector)]).toStrictEqual([
    ...[true, false],
    ...[false, true],
  ]);
  for (const { url } of [worker, projector]) {
    const own = clientAt(url, api.key);
    const live = await own.get('/health/live');
    expect([live.status, live.body, live.headers.get('cache-control')]).toStrictEqual([200, { status: 'live' }, 'private, no-store']);
    for (const path of ['/', '/v1/notifications', '/openapi.json', '/docs', '/outbox', '/health', '/health/live/x']) {
      const refused = await own.get(path);
      expect([path, refused.status, refused.body.code]).toStrictEqual([path, 404, 'not_found']);
    }
    const written = await own.post('/health/live', {});
    expect([written.status, written.body.code, written.headers.get('allow')]).toStrictEqual([405, 'method_not_allowed', 'GET, HEAD']);
  }
});

test(
  'tables that are being built beside the live ones may lie behind: all stay ready, and the figures are those of what is read',
  { timeout: 60_000 },
  async () => {
    const { worker, projector, api } = await everyone();
    // As a newer release beside these begins it.
    const insert = `insert into consumers (name, suffix, version, state, facts, tables, created_at)
                  values ('notifications', '_v9', 999, 'building', false, '{}', tidings_now() - interval '1 hour')`;
    await models.ownerPool.query(insert);
    for (const { url } of [worker, api, projector]) {
      expect(await missing(url)).toStrictEqual([200, []]);
      const lag = /^tidings_consumer_lag_seconds\{consumer="notifications"\} (\S+)$/m.exec(
        (await clientAt(url).get('/metrics')).body as string,
      );
      expect(Number(lag?.[1])).toBeLessThan(60);
    }
    await models.ownerPool.query(`delete from consumers where suffix = '_v9'`);
  },
);

test('a log that says nothing keeps nobody from the figures', { timeout: 60_000 }, async () => {
  const { worker, projector, api } = await everyone();
  const client = await log.ownerPool.connect();
  try {
    await client.query('set idle_in_transaction_session_timeout = 0; begin; lock table log.events in access exclusive mode');
    // A read of it ends after 10 s, as does the patience of whoever collects.
    for (const { url } of [worker, api]) {
      const answer = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(9_000) });
      expect([answer.status, (await answer.text()).includes('tidings_actions_due ')]).toStrictEqual([200, true]);
    }
  } finally {
    // With its lock.
    client.release(true);
  }
  for (const { url } of [worker, api, projector]) await expect.poll(() => missing(url), { timeout: 20_000 }).toStrictEqual([200, []]);
});

test('without the keys, whoever opens them is not ready and says so; with them again, it is', { timeout: 60_000 }, async () => {
  const { worker, projector, api } = await everyone();
  await without(keys, async () => {
    for (const { url } of [worker, api]) expect(await missing(url)).toStrictEqual([503, ['keys']]);
    expect(await missing(projector.url)).toStrictEqual([200, []]);
  });
  for (const { url } of [worker, api]) await expect.poll(() => missing(url), { timeout: 20_000 }).toStrictEqual([200, []]);
});

test('without the log nobody is ready, and says that alone', { timeout: 60_000 }, async () => {
  const { worker, projector, api } = await everyone();
  await without(log, async () => {
    for (const { url } of [worker, api, projector]) expect(await missing(url)).toStrictEqual([503, ['log']]);
  });
  for (const { url } of [worker, api, projector]) await expect.poll(() => missing(url), { timeout: 20_000 }).toStrictEqual([200, []]);
});

test(
  'while the look-up of keys lies behind, a cancellation by key says that it is not known, and not that there is nothing',
  { timeout: 60_000 },
  async () => {
    const { projector, api } = await everyone();
    const client = clientAt(api.url, api.key);
    process.kill(projector.pid, 'SIGSTOP');
    try {
      const { status } = await client.post('/v1/notifications', { ...message([{ email: 'regretted@example.com' }]), key: 'regretted' });
      expect(status).toBe(202);
      const { status: told, body } = await client.post('/v1/notifications/cancel', { key: 'regretted' });
      expect([told, body.code]).toStrictEqual([503, 'unavailable']);
    } finally {
      process.kill(projector.pid, 'SIGCONT');
    }
  },
);
