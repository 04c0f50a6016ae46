import { beforeAll, describe, expect, test } from 'vitest';
import { destroyPeriods, destroySubjects } from '../../src/adapters/crypto/destroy.ts';
import { newMasterKey, parseMasterKeys } from '../../src/adapters/crypto/masterKeys.ts';
import { rotateKeys } from '../../src/adapters/crypto/rotate.ts';
import { openPool, type Pool } from '../../src/adapters/postgres/pool.ts';
import type { SubjectId, TenantId } from '../../src/domain/values/ids.ts';
import { LOG_IN_DATABASE } from '../support/eventStoreEnv.ts';
import { message, serviceForSuite } from '../support/service.ts';
import type { ScriptedServer } from '../support/smtpServers.ts';
import { attack, type Loot, type Taken } from './attacker.ts';
import type { Canary } from './canary.ts';
import { personalCanaries, type Canaries } from './canaries.ts';
import { filesBelow, openOwnDatabase, rowsOf, type OwnDatabase } from './ownDatabase.ts';
import { quotingMailServer } from './quotingMailServer.ts';
import { searchFor } from './search.ts';

const tenant = 'default' as TenantId;
const [erased, neighbour] = [personalCanaries(), personalCanaries()];
/** What one of them has or is told, that is nobody else's. */
const OWN = [
  'recipientId',
  'email',
  'phone',
  'name',
  'attribute',
  'tag',
  'deviceToken',
  'deviceId',
  'endpoint',
  'variable',
  'ownVariable',
  'content',
  'metadata',
  'ownFile',
  'providerReply',
] as const;
const ofPerson = (it: Canaries, who: string): readonly Canary[] =>
  it.list.flatMap((canary) =>
    OWN.some((what) => what === canary.what) ? [{ ...canary, what: `${who}: ${canary.what}`, guessable: false }] : [],
  );
const search = searchFor([...ofPerson(erased, 'erased'), ...ofPerson(neighbour, 'neighbour')]);
const ALL = (who: string): readonly string[] => OWN.map((what) => `${who}: ${what}`).sort();

let own: OwnDatabase;
let mails: ScriptedServer;

const subjects: SubjectId[] = [];
const tidings = serviceForSuite({
  database: 'embedded',
  before: async () => {
    own = await openOwnDatabase({ durable: true });
    mails = await quotingMailServer([erased, neighbour].map(({ email, providerReply }) => ({ who: email, reply: providerReply })));
  },
  env: () => ({
    ...LOG_IN_DATABASE,
    ...own.env,
    EMAIL_PROVIDERS: 'smtp',
    EMAIL_FROM: 'shop@example.com',
    SMTP_URL: `smtp://127.0.0.1:${String(mails.port)}`,
  }),
  after: async () => {
    await mails.close();
    await own.close();
  },
});

/** A person of whom everything is known, and who is told something that is nobody else's. */
async function introduced(it: Canaries): Promise<SubjectId> {
  const person = `/v1/recipients/${encodeURIComponent(it.recipientId)}`;
  const profile = { email: it.email, phone: it.phone, name: it.name, tags: [it.tag], attributes: { pet: it.attribute } };
  expect((await tidings.put(person, profile)).status).toBe(201);
  expect((await tidings.put(`${person}/devices/${it.deviceId}`, { platform: 'ios', token: it.deviceToken })).status).toBe(200);
  expect((await tidings.put(`${person}/endpoints/own`, { channel: 'webhook', address: it.endpoint })).status).toBe(200);
  const attachments = [{ filename: 'a.bin', contentType: 'application/octet-stream', content: it.files.ownFile.toString('base64') }];
  const { id } = await tidings.send(
    message([{ recipientId: it.recipientId, variables: { own: it.ownVariable }, attachments }], {
      content: { email: { subject: it.content, text: '{{ v }} {{ own }}' }, sms: { text: `${it.content} {{ own }}` } },
      variables: { v: it.variable },
      context: { metadata: { note: it.metadata } },
    }),
  );
  expect((await tidings.settled(id)).map(({ status }) => status).sort()).toStrictEqual(['captured', 'failed']);
  const [row] = await own.cluster.query<{ subject: SubjectId }>(`select subject from deliveries_v1 where notification = $1 limit 1`, [id]);
  if (row === undefined) throw new Error('there is no such delivery');
  return row.subject;
}

/** The attacker takes the files of a server that stands still, and reads its tables. */
async function taken(masters: string): Promise<Taken & { readonly recovered: readonly string[] }> {
  const rows = await rowsOf(own.cluster);
  await own.cluster.stop();
  const loot: Loot = { files: [...filesBelow(own.directory)], rows, masters };
  await own.cluster.start();
  const result = attack(loot, { tenant, subjects, periods: [new Date().toISOString().slice(0, 7)] });
  return { ...result, recovered: [...new Set(search('the attack', result.plaintexts).map(({ what }) => what))].sort() };
}
/** As a command of the house: with a pool of its own, since the server has been away. */
async function withKeys(work: (keys: Pool) => Promise<unknown>): Promise<void> {
  const pool = await openPool({ url: own.env['DATABASE_URL'] ?? '', role: 'tidings_worker', max: 2 });
  await work(pool).finally(() => pool.end());
}

describe('whoever takes the disk and all keys that there still are', () => {
  let masters = '';
  beforeAll(async () => {
    subjects.push(await introduced(erased), await introduced(neighbour));
    masters = own.env['TIDINGS_MASTER_KEYS'] ?? '';
    await tidings.stop();
  });

  test('reads everything, as long as no key was destroyed', async () => {
    const { recovered, subjectKeys, periodKeys } = await taken(masters);
    expect({ recovered, subjectKeys, periodKeys }).toStrictEqual({
      recovered: [...ALL('erased'), ...ALL('neighbour')],
      subjectKeys: 2,
      // Nothing of the class `evidence` was written.
      periodKeys: 3,
    });
  });

  test('finds a destroyed key in deleted rows and the write-ahead log, while the master key that wrapped it is there', async () => {
    await withKeys((keys) => destroySubjects(keys, tenant, subjects.slice(0, 1)));
    expect((await taken(masters)).subjectKeys).toBe(2);
  });

  test('reads nothing of the person any more once the master keys have been rotated, and of others what there was', async () => {
    const next = newMasterKey('next');
    await withKeys(async (keys) => {
      expect(await rotateKeys(keys, parseMasterKeys(`${next},${masters}`))).toStrictEqual({ rewrapped: expect.any(Number), unreadable: 0 });
    });
    masters = next;
    const { recovered, subjectKeys } = await taken(masters);
    expect({ recovered, subjectKeys }).toStrictEqual({ recovered: ALL('neighbour'), subjectKeys: 1 });
  });

  test('reads nothing that was said in a month whose key retention has destroyed', async () => {
    const period = new Date().toISOString().slice(0, 7);
    const last = newMasterKey('last');
    await withKeys(async (keys) => {
      await destroyPeriods(keys, [{ tenant, class: 'content', period }]);
      await rotateKeys(keys, parseMasterKeys(`${last},${masters}`));
    });
    const { recovered, periodKeys } = await taken(last);
    const content = ['content', 'metadata', 'ownFile', 'ownVariable', 'variable'].map((what) => `neighbour: ${what}`);
    expect({ recovered, periodKeys }).toStrictEqual({
      recovered: ALL('neighbour').filter((what) => !content.includes(what)),
      periodKeys: 2,
    });
  });
});
