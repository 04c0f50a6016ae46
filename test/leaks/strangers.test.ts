import { beforeAll, describe, expect, test } from 'vitest';
import { EXAMPLES, makeWorld, type World } from '../support/exampleCalls.ts';
import { eventually, type Answer, type Client } from '../support/client.ts';
import { message, serviceForSuite } from '../support/service.ts';
import { readDocument } from '../support/servedDocument.ts';
import { exampleOf, inputsOf, sendAs, type Inputs } from './foreign.ts';

const tidings = serviceForSuite();
let world: World;
let operations: readonly Inputs[] = [];
/** Of another tenant, with all scopes. */
let stranger: Client;
/** What the owner has besides. */
const made = { upload: '', actor: '', failedBatch: '' };

const one = (more: object): object => message([{ email: 'x@example.com' }], more);
/** What the owner has under each filter that names something; where an operation needs another one, under `operation.name`. */
const FILTERS: Readonly<Record<string, () => string>> = {
  recipientId: () => 'ana',
  email: () => 'ana@example.com',
  phone: () => '+436641234567',
  tag: () => 'vip',
  to: () => 'ana@example.com',
  key: () => 'own-key',
  type: () => 'order_confirmation',
  category: () => 'transactional',
  source: () => 'own-shop',
  correlationId: () => 'own-correlation',
  notificationId: () => world.sent,
  batchId: () => world.batch,
  actor: () => made.actor,
  action: () => 'putTemplate',
  resource: () => 'templates/every',
  'listDeadLetters.recipientId': () => 'f1',
  'listDeadLetters.type': () => 'every_failing',
  'listDeadLetters.batchId': () => made.failedBatch,
};
/** Filters that name nothing of anybody's. `filename` is what the caller's own file is called. */
const PLAIN_FILTERS = ['after', 'channel', 'cursor', 'filename', 'limit', 'outcome', 'provider', 'since', 'status', 'until'];

const NOTHING_REDRIVEN = { deliveries: 0, notifications: 0, more: false };
/** Members of a body that name what must be there already. A stranger who names what is the owner's gets `stranger`: a status, or what was done. */
const MEMBERS: Readonly<Record<string, { readonly body: () => object; readonly stranger: number | object }>> = {
  'requestNotification.template': { body: () => one({ content: undefined, template: 'every', variables: { name: 'x' } }), stranger: 422 },
  'requestNotification.attachments': { body: () => one({ attachments: [{ id: made.upload }] }), stranger: 422 },
  'requestNotification.category': { body: () => one({ category: 'orders' }), stranger: 422 },
  'uploadBatch.template': { body: () => one({ content: undefined, template: 'every', variables: { name: 'x' } }), stranger: 422 },
  'uploadBatch.attachments': { body: () => one({ attachments: [{ id: made.upload }] }), stranger: 422 },
  'uploadBatch.category': { body: () => one({ category: 'orders' }), stranger: 422 },
  'putType.category': { body: () => ({ category: 'orders' }), stranger: 422 },
  // A type may name a template of the stranger's own that is still to come.
  'putType.template': { body: () => ({ category: 'transactional', template: 'every' }), stranger: 201 },
  'patchType.category': { body: () => ({ category: 'orders' }), stranger: 422 },
  'patchType.template': { body: () => ({ template: 'every' }), stranger: 200 },
  'requestNotification.type': { body: () => one({ type: 'order_shipped', category: undefined, content: undefined }), stranger: 422 },
  'cancelByKey.key': { body: () => ({ key: 'every-key' }), stranger: 404 },
  'cancelByKey.recipientIds': { body: () => ({ key: 'own-later-key', recipientIds: ['ana'] }), stranger: 404 },
  'redriveDeadLetters.type': { body: () => ({ type: 'every_failing' }), stranger: NOTHING_REDRIVEN },
  'redriveDeadLetters.batchId': { body: () => ({ batchId: made.failedBatch }), stranger: NOTHING_REDRIVEN },
  'createApiKey.tenantId': { body: () => ({ name: 'other', scopes: ['read'], tenantId: 'default' }), stranger: 404 },
  'createTenant.id': { body: () => ({ id: 'one-more', name: 'One more' }), stranger: 403 },
};
/** Members that say what is new, or name something below what the path names. A new one is put here or above. */
const PLAIN_MEMBERS = new Set(
  `address all attributes branding canOptOut channel channels class content context dedup defaultFrequency email expiresAfter expiresAt
   fallback layout locale locales mode name notifications phone platform postalAddress priority provider reason recipient recipients
   routing schedule scopes sender since tags timeZone title token unknownOutcome unknownTypes until variables variablesSchema version`.split(
    /\s+/,
  ),
);
const PLAIN = new Set([
  'requestNotification.type',
  'requestNotification.key',
  'uploadBatch.type',
  'uploadBatch.key',
  'previewTemplate.recipientId',
]);

beforeAll(async () => {
  operations = inputsOf(await readDocument(tidings));
  world = await makeWorld(tidings);
  await tidings.patch('/v1/recipients/ana', { phone: '+436641234567' });
  const named = { key: 'own-key', context: { source: 'own-shop', correlationId: 'own-correlation' } };
  for (const more of [named, {}]) await tidings.settled((await tidings.send(message(['ana'], more))).id);
  await tidings.send(message(['ana', 'bo'], { key: 'own-later-key', schedule: { at: '2099-01-01T00:00:00Z' } }));
  await tidings.put('/v1/recipients/bo', { name: 'Bo' });
  await tidings.put('/v1/templates/second', { locales: { en: { sms: { text: 'Hi' } } }, fallback: 'en' });
  made.upload = (await tidings.post('/v1/attachments?filename=own.txt', 'own', { 'Content-Type': 'text/plain' })).body.id;
  const failing = await tidings.post('/v1/batches', message([{ email: 'bounce@simulator.tidings' }]));
  made.failedBatch = failing.body.id;
  await eventually('the batch has failed', async () => {
    const { body } = await tidings.get(`/v1/dead-letters?batchId=${made.failedBatch}`);
    return body.data.length > 0 ? true : undefined;
  });
  made.actor = (await tidings.get('/v1/compliance/audit')).body.data[0].actor.id;
  await tidings.post('/v1/tenants', { id: 'strangers', name: 'Strangers' });
  const scopes = ['send', 'read', 'pii', 'manage', 'compliance', 'admin'];
  stranger = tidings.as((await tidings.post('/v1/api-keys', { name: 'stranger', scopes, tenantId: 'strangers' })).body.key);
});

/** What the owner sees of all that is the owner's. */
async function ownersView(): Promise<readonly (readonly [string, unknown])[]> {
  const shown = operations.filter(({ id, method, isPublic }) => method === 'get' && !isPublic && id !== 'listProjections');
  const seen: [string, unknown][] = [];
  for (const { id } of shown) {
    const { status, body } = await sendAs(tidings, await exampleOf(id, world));
    seen.push([id, status === 404 ? 404 : body]);
  }
  return seen;
}
const pathOf = async (id: string): Promise<string> => (await exampleOf(id, world)).path.split('?')[0] ?? '';
/** What a list or an explanation holds. */
const held = ({ status, body }: Answer): unknown => (status === 200 ? body.data.length > 0 : status);

describe('what is another tenant’s', () => {
  test('can be named in no more ways than are tried here', () => {
    const filters = operations.flatMap(({ id, inQuery }) => inQuery.map((name) => ({ id, name })));
    const members = operations.flatMap(({ id, inBody }) => inBody.map((name) => ({ id, name })));
    const unknown = [
      ...filters.filter(({ name }) => FILTERS[name] === undefined && !PLAIN_FILTERS.includes(name)),
      ...members.filter(
        ({ id, name }) => MEMBERS[`${id}.${name}`] === undefined && !PLAIN.has(`${id}.${name}`) && !PLAIN_MEMBERS.has(name),
      ),
    ];
    expect(unknown).toStrictEqual([]);
    expect(operations.filter(({ id }) => EXAMPLES[id] === undefined)).toStrictEqual([]);
  });

  test('is in no list, filtered or not, where its owner finds it', { timeout: 400_000 }, async () => {
    const tried = operations.flatMap(({ id, inQuery, inPath }) =>
      inQuery.flatMap((name) => (inPath.length > 0 || PLAIN_FILTERS.includes(name) ? [] : [{ id, name }])),
    );
    expect(tried.length).toBeGreaterThan(20);
    const answers: (readonly [string, unknown, unknown])[] = [];
    const lists = ['notifications', 'deliveries', 'dead-letters', 'batches', 'recipients', 'templates', 'types', 'captured'];
    for (const list of lists) answers.push([list, held(await tidings.get(`/v1/${list}`)), held(await stranger.get(`/v1/${list}`))]);
    for (const { id, name } of tried) {
      const value = (FILTERS[`${id}.${name}`] ?? FILTERS[name])?.() ?? '';
      const who = id === 'explain' && name === 'type' ? '&recipientId=ana' : '';
      const path = `${await pathOf(id)}?${name}=${encodeURIComponent(value)}${who}`;
      answers.push([`${id} ${name}`, held(await tidings.get(path)), held(await stranger.get(path))]);
    }
    expect(answers.filter(([, owner, other]) => owner !== true || (other !== false && other !== 404))).toStrictEqual([]);
  });

  test('is not there, under any path, filter or member; and whoever asked has changed nothing of it', { timeout: 400_000 }, async () => {
    const before = await ownersView();
    const answers: (readonly [string, unknown])[] = [];
    // What a PUT or PATCH names is made there, in the stranger's own tenant.
    const named = operations.filter(({ inPath, method }) => inPath.length > 0 && method !== 'put' && method !== 'patch');
    for (const { id } of named) answers.push([id, (await sendAs(stranger, await exampleOf(id, world))).status]);
    expect(named.length).toBeGreaterThan(30);
    // The read models are the instance's, which only the tenant default administers.
    const instance = answers.filter(([, status]) => status === 403).map(([id]) => id);
    expect(instance.sort()).toStrictEqual([
      'listParkedEvents',
      'rebuildProjection',
      'retryParkedAction',
      'retryParkedEvent',
      'skipParkedEvent',
    ]);
    expect(answers.filter(([, status]) => status !== 404 && status !== 403)).toStrictEqual([]);

    for (const [place, { body, stranger: expected }] of Object.entries(MEMBERS)) {
      const call = await exampleOf(place.split('.')[0] ?? '', world);
      const answer = await stranger.request(call.method, call.path, body());
      expect([place, typeof expected === 'number' ? answer.status : answer.body]).toStrictEqual([place, expected]);
    }
    for (const { id } of operations.filter(({ method }) => method === 'put' || method === 'patch'))
      await sendAs(stranger, await exampleOf(id, world));
    await stranger.delete('/v1/captured');
    expect(await ownersView()).toStrictEqual(before);
  });

  test('has cursors that are good for its owner and for that list alone', { timeout: 400_000 }, async () => {
    const lists = operations.filter(({ inQuery }) => inQuery.includes('cursor'));
    const answers: (readonly [string, readonly number[]])[] = [];
    for (const { id } of lists) {
      const path = await pathOf(id);
      const { status, body } = await tidings.get(`${path}?limit=1`);
      if (status !== 200 || body.nextCursor === null) continue;
      const next = `limit=1&cursor=${String(body.nextCursor)}`;
      const elsewhere = `${id === 'listBatches' ? '/v1/notifications' : '/v1/batches'}?${next}`;
      const asked = [tidings.get(`${path}?${next}`), stranger.get(`${path}?${next}`), tidings.get(elsewhere)];
      answers.push([id, (await Promise.all(asked)).map((it) => it.status)]);
    }
    expect(answers.map(([id]) => id).sort()).toStrictEqual([
      'getTimeline',
      'listApiKeys',
      'listAudit',
      'listBatches',
      'listCaptured',
      'listCategories',
      'listDeadLetters',
      'listDeliveries',
      'listNotifications',
      'listProjections',
      'listRecipients',
      'listTemplateVersions',
      'listTemplates',
    ]);
    // How the instance is, only its administrators may ask.
    const refused = (id: string): string => (id === 'listProjections' ? '200,403,400' : '200,400,400');
    expect(answers.filter(([id, statuses]) => statuses.join() !== refused(id))).toStrictEqual([]);
  });

  test('shows nothing to whom a position is given: it says how far to wait, and not whose', async () => {
    const { position } = await tidings.send(message(['ana']));
    const [owner, other] = [
      await tidings.get(`/v1/notifications?after=${position}`),
      await stranger.get(`/v1/notifications?after=${position}`),
    ];
    expect([owner.status, owner.body.data.length > 0, other.status]).toStrictEqual([200, true, 200]);
    const ids = new Set<unknown>(owner.body.data.map(({ id }: any) => id));
    expect(other.body.data.filter(({ id }: any) => ids.has(id))).toStrictEqual([]);
  });

  test('opens no page of the outbox, which it opens for its owner', async () => {
    const enter = async (key: string): Promise<string> => {
      const entered = await fetch(`${tidings.url}/outbox/enter`, {
        method: 'POST',
        redirect: 'manual',
        body: new URLSearchParams({ key }),
      });
      return entered.headers.get('set-cookie')?.split(';')[0] ?? '';
    };
    const open = (path: string, cookie: string) => fetch(`${tidings.url}${path}`, { headers: { cookie } });
    const cookie = await enter(tidings.key);
    const page = await (await open('/outbox', cookie)).text();
    const pages = [...new Set(page.match(/\/outbox\/mails\/[^"]+/g))];
    const made = await stranger.post('/v1/api-keys', { name: 'outbox', scopes: ['pii', 'read', 'send'] });
    const others = await enter(made.body.key);
    const statuses = await Promise.all(pages.map(async (path) => [(await open(path, cookie)).status, (await open(path, others)).status]));
    expect([statuses.length > 0, [...new Set(statuses.map(String))]]).toStrictEqual([true, ['200,404']]);
  });

  test('is there for its owner: every call that a stranger was refused is carried out', { timeout: 400_000 }, async () => {
    for (const [place, { body }] of Object.entries(MEMBERS)) {
      const call = await exampleOf(place.split('.')[0] ?? '', world);
      const { status } = await tidings.request(call.method, call.path, body());
      expect([place, Math.floor(status / 100)]).toStrictEqual([place, 2]);
    }
    const answers: (readonly [string, number])[] = [];
    // In the order of the examples: what takes something away comes last.
    for (const [id, { refused }] of Object.entries(EXAMPLES))
      if (refused === undefined && operations.some((it) => it.id === id && it.inPath.length > 0))
        answers.push([id, (await sendAs(tidings, await exampleOf(id, world))).status]);
    expect(answers.filter(([, status]) => status < 200 || status > 299)).toStrictEqual([]);
  });
});
