import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { keySecrets } from '../../src/adapters/crypto/keySecrets.ts';
import { tenantCommands } from '../../src/commands/tenants.ts';
import { SCOPES } from '../../src/domain/tenant/events.ts';
import { DEFAULT_SETTINGS } from '../../src/domain/tenant/settings.ts';
import { DEFAULT_TENANT } from '../../src/domain/tenant/tenant.ts';
import type { TenantId } from '../../src/domain/values/ids.ts';
import type { Instant } from '../../src/domain/values/instant.ts';
import { tenantsProjection } from '../../src/projections/tenants/projection.ts';
import { apiKeysOf, grantOf, tenantOf } from '../../src/projections/tenants/queries.ts';
import { ACME, caller, openHouse, START, type House } from '../support/house.ts';
import { bothWays, openReadModel, V1, type ReadModel } from '../support/readModel.ts';

let model: ReadModel;
let house: House;
let keys: readonly { readonly id: string; readonly key?: string }[];
const operator = { ...caller({ tenant: DEFAULT_TENANT }), scopes: SCOPES };
beforeAll(async () => {
  model = await openReadModel(tenantsProjection);
});
afterAll(() => model.close());
beforeEach(async () => {
  await model.clear();
  house = await openHouse();
  const tenants = tenantCommands({ ...house, keySecrets });
  await tenants.bootstrap('operators-own-key');
  await tenants.createTenant(operator, { id: ACME, name: 'Acme' });
  const made = [
    await tenants.createApiKey(operator, { name: 'one', scopes: ['send'], tenantId: ACME }),
    await tenants.createApiKey(operator, {
      name: 'two',
      scopes: ['read', 'pii'],
      mode: 'test',
      tenantId: ACME,
      expiresAt: '2027-01-01T00:00:00.000Z' as Instant,
    }),
  ];
  keys = made.map((it) => {
    if ('rejected' in it) throw new Error(it.rejected);
    return it;
  });
  await tenants.revokeApiKey(caller(), keys[0]?.id ?? '');
  await tenants.changeSettings(caller(), { locale: 'de' });
  await tenants.changeSettings(caller(), { sender: { name: 'Acme' } });
});

test('each event twice comes to the same rows as one batch, and no key stands in them', async () => {
  const { once, again, singly } = await bothWays(model, await house.recorded());
  expect(again).toStrictEqual(once);
  expect(singly).toStrictEqual(once);
  expect([once['tenants']?.length, once['api_keys']?.length]).toStrictEqual([2, 3]);
  for (const { key = '' } of keys) expect(JSON.stringify(once)).not.toContain(key.slice(-43));
});

describe('queries', () => {
  beforeEach(async () => model.apply(await house.recorded()));

  test('a tenant has the newest settings; one that never changed them has the defaults', async () => {
    expect(await model.asTenant(ACME, (tx) => tenantOf(tx, V1, ACME))).toStrictEqual({
      name: 'Acme',
      createdAt: START,
      settings: { sender: { name: 'Acme' }, locale: 'de', branding: {}, unknownTypes: 'allow' },
      version: 2,
    });
    expect(await model.asTenant(DEFAULT_TENANT, (tx) => tenantOf(tx, V1, DEFAULT_TENANT))).toMatchObject({
      settings: DEFAULT_SETTINGS,
      version: 0,
    });
    expect(await model.asTenant('nobody' as TenantId, (tx) => tenantOf(tx, V1, ACME))).toBe(undefined);
  });

  test('a key is found by its hash, whoever it belongs to, until it is revoked', async () => {
    const find = (key: string) => model.asWorker((tx) => grantOf(tx, V1, keySecrets.hash(key)));
    expect(await find(keys[1]?.key ?? '')).toStrictEqual({
      id: keys[1]?.id,
      tenant: 'acme',
      scopes: ['read', 'pii'],
      mode: 'test',
      expiresAt: '2027-01-01T00:00:00.000Z',
    });
    expect(await find('operators-own-key')).toMatchObject({ tenant: 'default', scopes: SCOPES });
    expect(await find(keys[0]?.key ?? '')).toBe(undefined);
    expect(await find('some other key')).toBe(undefined);
  });

  test('keys are listed newest first, revoked ones too, and never with their hash', async () => {
    const page = (place?: string) =>
      model.asTenant(ACME, (tx) => apiKeysOf(tx, V1, ACME, { limit: 1, ...(place !== undefined && { place }) }));
    const first = await page();
    const second = await page(first.next ?? '');
    expect([...first.rows, ...second.rows].map(({ name, revokedAt }) => [name, revokedAt])).toStrictEqual([
      ['two', null],
      ['one', START],
    ]);
    expect(second.next).toBe(null);
    expect(Object.keys(first.rows[0] ?? {}).toSorted()).toStrictEqual([
      'createdAt',
      'expiresAt',
      'id',
      'mode',
      'name',
      'prefix',
      'revokedAt',
      'scopes',
    ]);
  });
});
