import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { eventually } from '../support/client.ts';
import { LOG_IN_DATABASE } from '../support/eventStoreEnv.ts';
import { testWith } from '../support/needs.ts';
import { serviceForSuite } from '../support/service.ts';
import type { ScriptedServer } from '../support/smtpServers.ts';
import type { Canary } from './canary.ts';
import { noted, personalCanaries } from './canaries.ts';
import { byToken, commandLine, control, form, many, people, refusals, single, templates } from './everyPath.ts';
import { jwtIssuer, type JwtIssuer } from './jwtIssuer.ts';
import { DUMPS, dumps, filesBelow, openOwnDatabase, type OwnDatabase } from './ownDatabase.ts';
import { quotingMailServer } from './quotingMailServer.ts';
import { searchFor, type Finding } from './search.ts';

const { canaries: it, unsaid } = noted(personalCanaries());
let own: OwnDatabase;
let mails: ScriptedServer;
let issuer: JwtIssuer;
let secrets: readonly Canary[] = [];
let listening: Awaited<ReturnType<OwnDatabase['listen']>>;

const tidings = serviceForSuite({
  database: 'embedded',
  before: async () => {
    [own, issuer] = await Promise.all([openOwnDatabase(), jwtIssuer()]);
    mails = await quotingMailServer([
      { who: it.quoted, reply: it.providerReply },
      { who: it.deferredAddress, reply: it.providerReply, forNow: true },
    ]);
  },
  env: () => ({
    ...LOG_IN_DATABASE,
    ...own.env,
    ...issuer.env,
    LOG_LEVEL: 'trace',
    EMAIL_PROVIDERS: 'smtp',
    EMAIL_FROM: 'shop@example.com',
    SMTP_URL: `smtp://127.0.0.1:${String(mails.port)}`,
  }),
  after: async () => {
    await Promise.all([mails.close(), issuer.close(), own.close()]);
  },
});
const CHANNELS = ['log', 'live', 'consumers', 'actions', 'wait', 'moved', 'keys'].map((name) => `tidings_${name}`);
/** Of where something was found: what, how written, where and amid what. */
const told = (findings: readonly Finding[]): readonly string[] =>
  findings.map(({ what, form: how, place, around }) => `${what}, ${how}, in ${place}: …${around}…`).slice(0, 40);
const found: Finding[] = [];
let search: ReturnType<typeof searchFor>;
const look = (place: string, bytes: Buffer | string): void => {
  found.push(...search(place, Buffer.from(bytes)));
};

test('what a person is, has and is told goes through every path', { timeout: 400_000 }, async () => {
  await own.uncompressed();
  await own.toldInFull();
  listening = await own.listen(CHANNELS);
  await people(tidings, it);
  const sent = await single(tidings, it);
  await many(tidings, it);
  await control(tidings, it, sent);
  await templates(tidings, it);
  await refusals(tidings, it);
  await form(tidings, it);
  await commandLine(tidings, it);
  await byToken(tidings, it, await issuer.token(it.jwtSub));
  const made = await tidings.post('/v1/api-keys', { name: 'leaks', scopes: ['read'] });
  secrets = [
    { what: 'API key', value: made.body.key, guessable: false },
    { what: 'admin key', value: own.env['TIDINGS_ADMIN_KEY'] ?? '', guessable: false },
    { what: 'master key', value: Buffer.from(own.env['TIDINGS_MASTER_KEYS']?.split(':')[1] ?? '', 'base64'), guessable: false },
  ];
  expect(unsaid()).toStrictEqual([]);
  expect(mails.lines.some((line) => line.toLowerCase().includes(it.quoted.toLowerCase()))).toBe(true);
});

test('an event about a person that cannot be applied is parked', async () => {
  tidings.expectErrors('an event was parked', 'a request failed');
  // As a newer release would write it, in a stream that others of this one follow.
  await own.cluster.query(
    `begin;
     select pg_advisory_xact_lock(7235421907614328);
     insert into log.events (position, revision, bytes, id, stream, type, data, metadata)
     select (select max(position) + 1 from log.events), e.revision + 1, e.bytes, gen_random_uuid(), e.stream, e.type, e.data,
            (e.metadata::jsonb || '{"schemaVersion": 99}')::json
       from log.events e where e.stream = (select stream from log.events where type = 'RecipientRegistered' order by position limit 1)
      order by e.revision desc limit 1;
     commit`,
  );
  await tidings.patch(`/v1/recipients/${encodeURIComponent(it.recipientId)}`, { name: `${it.name}!` });
  await eventually('it is parked', async () => {
    const { body } = await tidings.get('/v1/projections/recipients/parked');
    return body.data?.length > 0 ? true : undefined;
  });
  await tidings.get('/v1/actions/parked');
});

test('and stands in no metric and no notice, in any form', { timeout: 400_000 }, async () => {
  search = searchFor([...it.list, ...secrets]);
  look('the metrics', (await tidings.get('/metrics')).body as string);
  look('the health', JSON.stringify((await tidings.get('/health/ready')).body));
  expect(listening.heard().length).toBeGreaterThan(20);
  look('notices', listening.heard().join('\n'));
  expect(told(found)).toStrictEqual([]);
});

testWith(DUMPS, 'nor in a dump, packed or not', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'tidings-dump-'));
  try {
    const all = dumps(own.cluster.url('superuser'), scratch);
    // What stands there in clear is found: the search sees the tables.
    const known = searchFor([{ what: 'a type', value: 'leak_single', guessable: false }]);
    expect(all.map(([name, bytes]) => [name, known(name, bytes).length > 0])).toStrictEqual([
      ['the plain dump', true],
      ['the custom dump, packed', false],
      ['the custom dump, unpacked', true],
    ]);
    for (const [name, bytes] of all) look(name, bytes);
    expect(told(found)).toStrictEqual([]);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
});

test(
  'nor, once all has been stopped, in the data directory, its write-ahead log, what was printed or what the database was ever told',
  { timeout: 400_000 },
  async () => {
    const program = tidings.program();
    await tidings.stop();
    await listening.close();
    await own.cluster.stop();
    look('stdout', program.stdout());
    look(
      'the log',
      program
        .log()
        .map((line) => JSON.stringify(line))
        .join('\n'),
    );
    let [bytes, wal, known, statements] = [0, 0, 0, 0];
    const seen = searchFor([{ what: 'a type', value: 'leak_single', guessable: false }]);
    for (const directory of [own.directory, tidings.dataDir])
      for (const [name, content] of filesBelow(directory)) {
        bytes += content.length;
        if (name === 'postgres.log') statements += seen(name, content).length;
        else if (name.includes('pg_wal')) wal += seen(name, content).length;
        else known += seen(name, content).length;
        look(name, content);
      }
    expect(existsSync(join(own.directory, 'data', 'PG_VERSION'))).toBe(true);
    expect([bytes > 30_000_000, wal > 0, known > 0, statements > 0]).toStrictEqual([true, true, true, true]);
    expect(told(found)).toStrictEqual([]);
  },
);
