import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { destroySubjects } from '../../src/adapters/crypto/destroy.ts';
import type { SubjectId, TenantId } from '../../src/domain/values/ids.ts';
import { clientOf, eventually, NDJSON, ndjson, type Client } from '../support/client.ts';
import { follow } from '../support/follow.ts';
import { freshDatabase, type FreshDatabase } from '../support/postgres.ts';
import { startProgram, type Program } from '../support/program.ts';
import { removeDataDirs } from '../support/removeDataDirs.ts';
import { message } from '../support/service.ts';
import { smtpLedger, type SmtpLedger } from '../support/smtpLedger.ts';

const SECRETS = {
  TIDINGS_ADMIN_KEY: `test_${randomBytes(24).toString('hex')}`,
  TIDINGS_MASTER_KEYS: `m1:${randomBytes(32).toString('base64')}`,
};
/** Milliseconds in which what one process lets go is gone everywhere. */
const BOUND_MS = 5_000;
const tenant = 'default' as TenantId;
const scratch = mkdtempSync(join(tmpdir(), 'tidings-e2e-'));
const running: Program[] = [];
/** A mail server for each worker tells which of them sent what. */
const ledgers: SmtpLedger[] = [];
let database: FreshDatabase;
let one: Client;
let other: Client;

async function start(name: string, env: Readonly<Record<string, string>>): Promise<Client> {
  const places = { DATABASE_URL: database.url, DATABASE_MIGRATION_URL: database.ownerUrl };
  const program = await startProgram({ dataDir: join(scratch, name), env: { ...SECRETS, ...places, ...env } });
  running.push(program);
  return clientOf(
    () => program.url,
    () => program.key,
  );
}

beforeAll(async () => {
  database = await freshDatabase();
  await start('projector', { TIDINGS_ROLES: 'projector' });
  [one, other] = [await start('api-1', { TIDINGS_ROLES: 'api' }), await start('api-2', { TIDINGS_ROLES: 'api' })];
  for (const name of ['worker-1', 'worker-2']) {
    const ledger = await smtpLedger({ name });
    ledgers.push(ledger);
    const smtp = { EMAIL_PROVIDERS: 'smtp', EMAIL_FROM: 'shop@example.com', SMTP_URL: `smtp://127.0.0.1:${String(ledger.port)}` };
    await start(name, { TIDINGS_ROLES: 'worker', ...smtp });
  }
});
afterAll(async () => {
  try {
    for (const program of running) expect([await program.stop(), program.faults()]).toStrictEqual([0, []]);
  } finally {
    for (const program of running) await program.kill();
    for (const ledger of ledgers) await ledger.close();
    await database.close();
    removeDataDirs(scratch);
  }
});

/** Whoever asks when the bound has passed gets this answer; until then it may be another. */
async function inTime<T>(ask: () => Promise<T>, answer: T): Promise<void> {
  const began = performance.now();
  for (let asked = 0; asked < BOUND_MS;) {
    asked = performance.now() - began;
    const found = await ask();
    if (JSON.stringify(found) === JSON.stringify(answer)) return;
    if (asked >= BOUND_MS) expect(found).toStrictEqual(answer);
    await pause(50);
  }
}

describe('two workers', () => {
  test('on one table of actions both send, and nobody gets a message twice', { timeout: 240_000 }, async () => {
    const people: string[] = [];
    const taken = (): number => ledgers.reduce((sum, ledger) => sum + ledger.count(), 0);
    await eventually(
      'both have sent something',
      async () => {
        const more = Array.from({ length: 40 }, (_, at) => `shared-${String(people.length + at)}@example.com`);
        const { status } = await one.post('/v1/notifications/bulk', ndjson(more.map((email) => message([{ email }]))), NDJSON);
        expect(status).toBe(200);
        people.push(...more);
        await eventually('all have arrived', () => (taken() >= people.length ? true : undefined), { seen: taken });
        return ledgers.every((ledger) => ledger.count() > 0) ? true : undefined;
      },
      { deadlineMs: 120_000, seen: () => ledgers.map((ledger) => ledger.count()) },
    );
    const open = async (): Promise<true | undefined> => {
      const { rows } = await database.workerPool.query<{ n: number }>('select count(*)::int as n from actions');
      return rows[0]?.n === 0 ? true : undefined;
    };
    await eventually('nothing is left to be done', open);
    const times = people.map((to) => ledgers.reduce((sum, ledger) => sum + (ledger.taken.get(to) ?? 0), 0));
    expect(times).toStrictEqual(people.map(() => 1));
  });
});

describe('two APIs', () => {
  test('asked under one Idempotency-Key at the same moment accept one notification, and one of them answers again', async () => {
    const rounds = await Promise.all(
      Array.from({ length: 20 }, async (_, at) => {
        const body = message([{ email: `race-${String(at)}@example.com` }]);
        const key = { 'Idempotency-Key': `race-${String(at)}` };
        return Promise.all([one, other].map((client) => client.post('/v1/notifications', body, key)));
      }),
    );
    for (const answers of rounds) {
      expect(answers.map(({ status }) => status)).toStrictEqual([202, 202]);
      expect(answers.map(({ headers }) => headers.get('idempotency-replayed')).sort()).toStrictEqual(['true', null].sort());
      expect(answers[0]?.body).toStrictEqual(answers[1]?.body);
    }
    const ids = new Set(rounds.map(([first]) => first?.body.id as string));
    expect(ids.size).toBe(rounds.length);
    for (const id of ids) expect((await follow(other).settled(id)).map(({ status }) => status)).toStrictEqual(['sent']);
    const times = rounds.map((_, at) =>
      ledgers.reduce((sum, ledger) => sum + (ledger.taken.get(`race-${String(at)}@example.com`) ?? 0), 0),
    );
    expect(times).toStrictEqual(rounds.map(() => 1));
  });

  test('asked under one Idempotency-Key for two different things refuse one of them', async () => {
    const answers = await Promise.all(
      [one, other].map((client, at) =>
        client.post('/v1/notifications', message([{ email: `differs-${String(at)}@example.com` }]), { 'Idempotency-Key': 'differs' }),
      ),
    );
    expect(answers.map(({ status }) => status).sort()).toStrictEqual([202, 422]);
  });

  test('read each other’s writes by their positions', async () => {
    for (let at = 0; at < 10; at += 1) {
      const [writer, reader] = at % 2 === 0 ? [one, other] : [other, one];
      const saved = await writer.put('/v1/recipients/reader', { email: 'reader@example.com', name: `Reader ${String(at)}` });
      const { status, body } = await reader.get(`/v1/recipients/reader?after=${saved.headers.get('tidings-position') ?? ''}`);
      expect([status, body.name]).toStrictEqual([200, `Reader ${String(at)}`]);
      const sent = await writer.post('/v1/notifications', message([{ email: 'reader@example.com' }]));
      const found = await reader.get(`/v1/notifications/${String(sent.body.id)}?after=${String(sent.body.position)}`);
      expect([found.status, found.body.id]).toStrictEqual([200, sent.body.id]);
    }
  });

  test('refuse an API key within five seconds of its revocation at the other', async () => {
    const { body } = await one.post('/v1/api-keys', { name: 'revoked', scopes: ['read'] });
    const bearer = { Authorization: `Bearer ${String(body.key)}` };
    const statuses = (): Promise<readonly number[]> =>
      Promise.all([one, other].map(async (client) => (await client.request('GET', '/v1/deliveries', undefined, bearer)).status));
    await expect.poll(statuses).toStrictEqual([200, 200]);
    expect((await one.delete(`/v1/api-keys/${String(body.id)}`)).status).toBe(204);
    await inTime(statuses, [401, 401]);
  });
});

/** A notification of which both APIs have shown what it says, so that they hold the key of the person whom it is for. */
async function shownBy(clients: readonly Client[], name: string): Promise<{ readonly id: string; readonly subject: SubjectId }> {
  const { body } = await one.post(
    '/v1/notifications',
    message([{ email: `${name}@example.com` }], { variables: { name, orderNumber: 'A-1' } }),
  );
  const [delivery] = await follow(one).settled(body.id);
  expect(delivery?.status).toBe('sent');
  for (const client of clients) expect(await variablesAt(client, body.id)).toStrictEqual({ name, orderNumber: 'A-1' });
  const { rows } = await database.workerPool.query<{ subject: SubjectId }>('select subject from deliveries_v1 where notification = $1', [
    body.id,
  ]);
  return { id: body.id, subject: rows[0]?.subject ?? ('' as SubjectId) };
}
const variablesAt = async (client: Client, id: string): Promise<unknown> => (await client.get(`/v1/notifications/${id}`)).body.variables;

describe('a person whose keys are destroyed by one process', () => {
  const gone = (id: string): Promise<void> =>
    inTime(() => Promise.all([one, other].map((client) => variablesAt(client, id))), [undefined, undefined]);

  test('can be read by none of the others', async () => {
    const { id, subject } = await shownBy([one, other], 'erased');
    await destroySubjects(database.workerPool, tenant, [subject]);
    await gone(id);
  });

  test('nor within five seconds where the notice of it is lost', async () => {
    const { id, subject } = await shownBy([one, other], 'unheard');
    const text = `update subject_keys set wrapped = null, master_id = null, label = null, destroyed_at = now() where tenant = $1 and subject = $2`;
    await database.workerPool.query(text, [tenant, subject]);
    await gone(id);
  });

  test('is refused by the others as erased', async () => {
    const { subject } = await shownBy([one], 'refused');
    await destroySubjects(database.workerPool, tenant, [subject]);
    const { status, body } = await other.post('/v1/notifications', message([{ email: 'refused@example.com' }]));
    expect([status, body.recipients?.[0]?.code ?? body.errors?.[0]?.code]).toStrictEqual([422, 'erased']);
  });
});

describe('two projectors', () => {
  const holders = async (): Promise<readonly string[]> =>
    (await database.workerPool.query<{ holder: string }>('select distinct holder from consumers')).rows.map(({ holder }) => holder);

  test('of which one is killed: the other has its read models before their leases run out', { timeout: 60_000 }, async () => {
    const [killed] = running.splice(0, 1);
    const [before] = await holders();
    await start('projector-2', { TIDINGS_ROLES: 'projector' });
    expect(await holders()).toStrictEqual([before]);
    await killed?.kill();
    // So that no other reason is left to take them.
    await database.workerPool.query(`update consumers set lease_until = lease_until + interval '1 hour'`);
    const { body } = await one.post('/v1/notifications', message([{ email: 'one-projector@example.com' }]));
    expect((await follow(other).settled(body.id)).map(({ status }) => status)).toStrictEqual(['sent']);
    await expect
      .poll(async () => (await holders()).length === 1 && !(await holders()).includes(before ?? ''), { timeout: 20_000 })
      .toBe(true);
  });
});
