import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newMasterKey } from '../../src/adapters/crypto/masterKeys.ts';
import { CONSUMERS } from '../../src/compose/readModels.ts';
import { scratch, tidings, type Ran } from '../support/cli.ts';
import { clientOf, eventually } from '../support/client.ts';
import { logAt } from '../support/eventStoreEnv.ts';
import { eventStoreServer } from '../support/eventStoreServer.ts';
import { freshDatabase, type FreshDatabase } from '../support/postgres.ts';
import { startProgram, type Program } from '../support/program.ts';
import { removeDataDirs } from '../support/removeDataDirs.ts';
import { message } from '../support/service.ts';

// An installation with its log and its keys elsewhere, that has sent something, and what an operator does after a loss.
const folder = mkdtempSync(join(tmpdir(), 'tidings-loss-'));
let [log, keys, models]: FreshDatabase[] = [];
let program: Program;
const opened: FreshDatabase[] = [];
async function fresh(...sets: readonly ('models' | 'keys' | 'log')[]): Promise<FreshDatabase> {
  const made = await freshDatabase(sets);
  opened.push(made);
  return made;
}
const secrets = { TIDINGS_ADMIN_KEY: `test_${randomBytes(24).toString('hex')}`, TIDINGS_MASTER_KEYS: newMasterKey('m1') };
const at = (name: string, migrationName: string, database: FreshDatabase | undefined): Record<string, string> =>
  database === undefined ? {} : { [name]: database.url, [migrationName]: database.ownerUrl };
const env = (
  on: { readonly models?: FreshDatabase; readonly keys?: FreshDatabase; readonly log?: FreshDatabase } = {},
): Record<string, string> => ({
  ...secrets,
  ...at('DATABASE_URL', 'DATABASE_MIGRATION_URL', on.models ?? models),
  ...at('TIDINGS_KEYS_URL', 'TIDINGS_KEYS_MIGRATION_URL', on.keys ?? keys),
  ...at('EVENT_STORE_URL', 'EVENT_STORE_MIGRATION_URL', on.log ?? log),
});
const rebuild = (environment: Readonly<Record<string, string>>, ...more: readonly string[]): Promise<Ran> =>
  tidings(['rebuild', '--from-store', ...more], { TIDINGS_DATA_DIR: scratch(), ...environment });
const refusalOf = async (ran: Promise<Ran>): Promise<readonly [number, string, string | undefined]> => {
  const { exit, out, err } = await ran;
  return [exit, out, /\((\w+)\)$/.exec(err.trim())?.[1]];
};

beforeAll(async () => {
  [log, keys, models] = [await fresh('log'), await fresh('keys'), await fresh('models')];
  program = await startProgram({ dataDir: join(folder, 'data'), env: env() });
  const { url, key } = program;
  const client = clientOf(
    () => url,
    () => key,
  );
  const sent = { ...message([{ email: 'ada@example.com' }]), dedup: { key: 'once', window: 'P1D' } };
  const { body } = await client.post('/v1/notifications', sent);
  const look = async (): Promise<true | undefined> =>
    (await client.get(`/v1/notifications/${body.id}`)).body.status === 'completed' ? true : undefined;
  await eventually('it is completed', look);
}, 300_000);
afterAll(async () => {
  await program?.kill();
  await Promise.all(opened.map((database) => database.close()));
  removeDataDirs(folder);
});

test('while others fill the read models it refuses; while they are there as well', async () => {
  expect(await refusalOf(rebuild(env()))).toStrictEqual([1, '', 'leases_held']);
  expect(await program.stop()).toBe(0);
  expect(await refusalOf(rebuild(env()))).toStrictEqual([1, '', 'models_not_lost']);
});

test('it refuses where the log was lost with the read models, however that database is called', async () => {
  const { EVENT_STORE_URL: _url, EVENT_STORE_MIGRATION_URL: _owner, ...inModels } = env();
  expect(await refusalOf(rebuild(inModels))).toStrictEqual([1, '', 'log_in_models']);
  const empty = await fresh('models', 'log');
  const otherwise = {
    ...env({ models: empty, log: empty }),
    EVENT_STORE_URL: `${empty.url}${empty.url.includes('?') ? '&' : '?'}application_name=other`,
  };
  expect(await refusalOf(rebuild(otherwise))).toStrictEqual([1, '', 'log_in_models']);
});

test('it refuses an empty log, keys of another log, other master keys and none', async () => {
  expect(await refusalOf(rebuild(env({ log: await fresh('log'), models: await fresh('models') })))).toStrictEqual([1, '', 'log_empty']);
  const empty = await fresh('models');
  expect(await refusalOf(rebuild(env({ models: empty, keys: await fresh('keys') })))).toStrictEqual([1, '', 'keys_of_another_log']);
  const others = { ...env({ models: empty }), TIDINGS_MASTER_KEYS: newMasterKey('m1') };
  expect(await refusalOf(rebuild(others))).toStrictEqual([1, '', 'master_keys_other']);
  const { TIDINGS_MASTER_KEYS: _masters, ...none } = env({ models: empty });
  const { exit, err } = await rebuild(none);
  expect([exit, err.split('\n')[0]]).toStrictEqual([78, 'There are no master keys, which all other keys are wrapped by.']);
  // What was refused has tied these read models to nothing.
  expect((await rebuild(env({ models: empty }))).exit).toBe(0);
});

test('a log is empty as well where a server has written for itself; what was refused for that is looked at anew', async () => {
  const empty = await fresh('models');
  const others = await fresh('keys');
  const server = await eventStoreServer();
  try {
    const nowhere = { ...env({ models: empty, keys: others }), EVENT_STORE_MIGRATION_URL: '', ...logAt(server.url) };
    expect(await refusalOf(rebuild(nowhere))).toStrictEqual([1, '', 'log_empty']);
  } finally {
    await server.close();
  }
  expect(await refusalOf(rebuild(env({ models: empty, keys: others, log: await fresh('log') })))).toStrictEqual([1, '', 'log_empty']);
  expect(await refusalOf(rebuild(env({ models: empty, keys: others })))).toStrictEqual([1, '', 'keys_of_another_log']);
});

test('into an empty database it makes all that was there, says so, and sends nothing', async () => {
  const empty = await fresh();
  const { exit, out, err } = await rebuild(env({ models: empty }));
  expect(exit).toBe(0);
  expect(out.split('\n')[0]).toMatch(/^READ MODEL +EVENTS +PARKED$/);
  expect(out).toContain('To be done: nothing. Dedup keys held: 1.\nNothing was sent. Start the processes:');
  expect(err).toMatch(/^looking whether the keys fit the log: \d+ events\n/);
  const rows = async ({ workerPool }: FreshDatabase, text: string): Promise<unknown> => (await workerPool.query(text)).rows;
  for (const text of [
    'select tenant, key, delivery from reservations',
    'select * from deliveries_v1',
    'select * from tenants_v1',
    'select id from actions',
  ])
    expect(await rows(empty, text)).toStrictEqual(await rows(models!, text));
  expect(await refusalOf(rebuild(env({ models: empty })))).toStrictEqual([1, '', 'models_not_lost']);
});

/** As a rebuild leaves a read model that it has not come to. */
const interrupted = ({ workerPool }: FreshDatabase): Promise<unknown> =>
  workerPool.query(
    `update consumers set caught_up_at = null, position = null, last_event = null, last_after = null where name = 'tenants'`,
  );

test('one that was interrupted goes on, and answers in JSON where it is asked to', async () => {
  const empty = await fresh('models');
  expect((await rebuild(env({ models: empty }))).exit).toBe(0);
  await interrupted(empty);
  const { exit, out } = await rebuild(env({ models: empty }), '--json');
  const { readModels, ...rest } = JSON.parse(out);
  expect([exit, rest]).toStrictEqual([0, { actions: {}, reservations: 1 }]);
  expect(readModels.find((it: { readonly name: string }) => it.name === 'tenants')).toMatchObject({ parked: 0, caughtUp: true });
});

test('what an earlier release has left there is waited for by nobody', async () => {
  const empty = await fresh('models');
  expect((await rebuild(env({ models: empty }))).exit).toBe(0);
  await interrupted(empty);
  await empty.ownerPool.query(
    `insert into consumers (name, suffix, version, state, facts, tables, stopped) values ('gone', '_v1', 1, 'live', false, '{}', null)`,
  );
  const { exit, out } = await rebuild(env({ models: empty }), '--json');
  const names = (JSON.parse(out).readModels as readonly { readonly name: string }[]).map(({ name }) => name);
  expect([exit, names]).toStrictEqual([0, CONSUMERS.map(({ name }) => name).sort()]);
});

test('neither a projection nor --from-store, or both, is wrong usage', async () => {
  for (const argv of [['rebuild'], ['rebuild', 'tenants', '--from-store']]) {
    const { exit, err } = await tidings(argv);
    expect([exit, err]).toStrictEqual([
      2,
      'Say which: ./tidings rebuild <projection>, or --from-store for all of them. (--help shows the usage)\n',
    ]);
  }
});
