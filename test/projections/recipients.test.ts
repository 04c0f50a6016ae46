import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { recipientCommands } from '../../src/commands/recipients.ts';
import type { Sealed } from '../../src/domain/kernel/personal.ts';
import type { KeyedHash, SubjectId, TenantId } from '../../src/domain/values/ids.ts';
import { recipientsProjection } from '../../src/projections/recipients/projection.ts';
import { addressesOf, profilesOf, recipientOf, recipientsPage } from '../../src/projections/recipients/queries.ts';
import { ACME, caller, openHouse, START, type House } from '../support/house.ts';
import { bothWays, openReadModel, V1, type ReadModel } from '../support/readModel.ts';

const BETA = 'beta' as TenantId;
let model: ReadModel;
let house: House;
let recipients: ReturnType<typeof recipientCommands>;
beforeAll(async () => {
  model = await openReadModel(recipientsProjection);
});
afterAll(() => model.close());
beforeEach(async () => {
  await model.clear();
  house = await openHouse();
  recipients = recipientCommands(house);
});

const subjectOf = async (recipientId: string, tenant = ACME): Promise<SubjectId> =>
  (await house.subjects.find(tenant, [{ recipientId }]))[0] as SubjectId;
const put = (recipientId: string, profile: object, tenant = ACME) => recipients.change(caller({ tenant }), { recipientId, profile });
const opened = async (blobs: readonly Sealed[]): Promise<readonly unknown[]> =>
  (await house.vault.open(blobs)).map((it) => (it === 'erased' ? it : it.value));
async function hashOf(purpose: string, text: string): Promise<KeyedHash> {
  const [hash] = await house.indexes.hash(ACME, purpose, [text]);
  if (hash === undefined) throw new Error('no hash');
  return hash;
}

async function story(): Promise<void> {
  await put('u1', { email: 'a@example.com', tags: ['vip'] });
  await put('u2', { phone: '+436641234567', tags: ['vip', 'new'] });
  await put('u1', { email: 'b@example.com', name: 'Ana' });
  await recipients.putDevice(caller(), 'u1', { deviceId: 'phone', platform: 'ios', token: 't1' });
  await recipients.putDevice(caller(), 'u1', { deviceId: 'tablet', platform: 'web', token: 't2' });
  await recipients.putEndpoint(caller(), 'u1', { endpointId: 'hook', channel: 'webhook', address: 'https://example.com/1' });
  await recipients.putDevice(caller(), 'u2', { deviceId: 'phone', platform: 'ios', token: 't3' });
  await recipients.removeDevice(caller(), 'u2', 'phone');
  await recipients.removeDevice(caller(), 'u1', 'phone');
  await recipients.putDevice(caller(), 'u1', { deviceId: 'phone', platform: 'android', token: 't4' });
  await recipients.removeDevice(caller(), 'u1', 'tablet');
  await put('u1', { name: 'Bo' }, BETA);
}

test('each event twice comes to the same rows as one batch', async () => {
  await story();
  const { once, again, singly } = await bothWays(model, await house.recorded());
  expect(again).toStrictEqual(once);
  expect(singly).toStrictEqual(once);
  expect(once['recipients']).toHaveLength(3);
  expect(once['recipient_addresses']).toHaveLength(4);
  expect(JSON.stringify(once)).not.toMatch(/example\.com|6641234567|"t\d"|"Ana"/);
});

describe('queries', () => {
  beforeEach(async () => {
    await story();
    await model.apply(await house.recorded());
  });

  test('planning reads profiles and the newest address of each channel of many people at once', async () => {
    const [u1, u2] = [await subjectOf('u1'), await subjectOf('u2')];
    const nobody = 'N'.repeat(22) as SubjectId;
    const found = await model.asWorker((tx) => profilesOf(tx, V1, ACME, [u1, nobody, u2]));
    expect([...found.keys()].toSorted()).toStrictEqual([u1, u2].toSorted());
    const first = found.get(u1);
    if (first?.endpoints.push === undefined || first.endpoints.webhook === undefined) throw new Error('no addresses');
    expect(first.version).toBe(2);
    expect(await opened([first.profile, first.endpoints.push, first.endpoints.webhook])).toStrictEqual([
      { email: 'b@example.com', name: 'Ana', attributes: {}, tags: [] },
      { id: 'phone', address: 't4' },
      { id: 'hook', address: 'https://example.com/1' },
    ]);
    expect(found.get(u2)?.endpoints).toStrictEqual({});
  });

  test('one person is shown with devices and endpoints, newest first', async () => {
    const u1 = await subjectOf('u1');
    const view = await model.asTenant(ACME, (tx) => recipientOf(tx, V1, ACME, u1));
    expect(view).toStrictEqual({
      subject: u1,
      version: 2,
      profile: expect.objectContaining({ subject: u1, class: 'identity' }) as Sealed,
      registeredAt: START,
      changedAt: START,
    });
    const addresses = await model.asTenant(ACME, (tx) => addressesOf(tx, V1, ACME, u1));
    expect(addresses.map(({ channel, platform, addedAt }) => [channel, platform, addedAt])).toStrictEqual([
      ['push', 'android', START],
      ['webhook', null, START],
    ]);
  });

  test('people are found by address and tag, as they are now', async () => {
    const [u1, u2] = [await subjectOf('u1'), await subjectOf('u2')];
    const search = (filter: { email?: KeyedHash; phone?: KeyedHash; tag?: KeyedHash }) =>
      model.asTenant(ACME, async (tx) =>
        (await recipientsPage(tx, V1, { tenant: ACME, ...filter }, { limit: 10 })).rows.map(({ subject }) => subject),
      );
    expect(await search({ email: await hashOf('address', 'email:b@example.com') })).toStrictEqual([u1]);
    expect(await search({ email: await hashOf('address', 'email:a@example.com') })).toStrictEqual([]);
    expect(await search({ phone: await hashOf('address', 'sms:+436641234567') })).toStrictEqual([u2]);
    expect(await search({ tag: await hashOf('tag', 'vip') })).toStrictEqual([u2]);
    expect(await search({})).toStrictEqual([u2, u1]);
  });

  test('pages do not move when somebody registers between them', async () => {
    const page = (place?: string) =>
      model.asTenant(ACME, (tx) => recipientsPage(tx, V1, { tenant: ACME }, { limit: 1, ...(place !== undefined && { place }) }));
    const first = await page();
    await put('u3', { name: 'Cy' });
    await model.apply(await house.recorded());
    const second = await page(first.next ?? '');
    expect([...first.rows, ...second.rows].map(({ subject }) => subject)).toStrictEqual([await subjectOf('u2'), await subjectOf('u1')]);
    expect(second.next).toBe(null);
  });

  test('another tenant sees nothing of it, even when it asks for it', async () => {
    const u1 = await subjectOf('u1');
    expect(await model.asTenant(BETA, (tx) => recipientOf(tx, V1, ACME, u1))).toBe(undefined);
    expect(await model.asTenant(BETA, (tx) => addressesOf(tx, V1, ACME, u1))).toStrictEqual([]);
    const { rows } = await model.asTenant(BETA, (tx) => recipientsPage(tx, V1, { tenant: BETA }, { limit: 10 }));
    expect(rows.map(({ subject }) => subject)).toStrictEqual([await subjectOf('u1', BETA)]);
  });
});
