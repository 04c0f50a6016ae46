import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { catalogueCommands } from '../../src/commands/catalogue.ts';
import type { TenantId } from '../../src/domain/values/ids.ts';
import { catalogueProjection } from '../../src/projections/catalogue/projection.ts';
import { catalogueOf, categoryOf, typeOf } from '../../src/projections/catalogue/queries.ts';
import { ACME, caller, openHouse, type House } from '../support/house.ts';
import { bothWays, openReadModel, V1, type ReadModel } from '../support/readModel.ts';

let model: ReadModel;
let house: House;
beforeAll(async () => {
  model = await openReadModel(catalogueProjection);
});
afterAll(() => model.close());
beforeEach(async () => {
  await model.clear();
  house = await openHouse();
  const catalogue = catalogueCommands({ ...house, checkSchema: () => [] });
  await catalogue.putCategory(caller(), { key: 'offers' }, { class: 'marketing' });
  await catalogue.patchCategory(caller(), { key: 'security' }, { title: { de: 'Sicherheit' } });
  await catalogue.putType(caller(), { key: 'offers' }, { category: 'offers', channels: ['email'] });
  await catalogue.patchType(caller(), { key: 'offers' }, { priority: 'low' });
  await catalogue.putType(caller({ tenant: 'beta' as TenantId }), { key: 'offers' }, { category: 'account' });
});

test('each event twice comes to the same rows as one batch', async () => {
  const { once, again, singly } = await bothWays(model, await house.recorded());
  expect(again).toStrictEqual(once);
  expect(singly).toStrictEqual(once);
  expect(once['catalogue_entries']).toHaveLength(4);
});

test('a catalogue is what was declared and what is built in', async () => {
  await model.apply(await house.recorded());
  const { categories, types } = await model.asTenant(ACME, (tx) => catalogueOf(tx, V1, ACME));
  expect(Object.fromEntries([...categories].map(([key, { version }]) => [key, version]))).toStrictEqual({
    transactional: 0,
    security: 1,
    account: 0,
    marketing: 0,
    offers: 1,
  });
  expect(Object.fromEntries(types)).toStrictEqual({
    offers: { version: 2, entry: { category: 'offers', channels: ['email'], priority: 'low' } },
  });
});

test('single entries are read, built in ones too, and only by their tenant', async () => {
  await model.apply(await house.recorded());
  const read = await model.asTenant(ACME, async (tx) => [
    await categoryOf(tx, V1, ACME, 'security'),
    await categoryOf(tx, V1, ACME, 'marketing'),
    await categoryOf(tx, V1, ACME, 'none'),
    await typeOf(tx, V1, ACME, 'none'),
  ]);
  expect(read).toStrictEqual([
    { version: 1, entry: { class: 'security', title: { en: 'Security', de: 'Sicherheit' }, canOptOut: false } },
    { version: 0, entry: { class: 'marketing', title: { en: 'Marketing' }, canOptOut: true } },
    undefined,
    undefined,
  ]);
  expect(await model.asTenant('beta' as TenantId, (tx) => typeOf(tx, V1, ACME, 'offers'))).toBe(undefined);
});
