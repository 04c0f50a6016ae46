import { beforeEach, expect, test } from 'vitest';
import { checkVariablesSchema } from '../../src/adapters/templating/variablesSchema.ts';
import { catalogueCommands } from '../../src/commands/catalogue.ts';
import { caller, openHouse, type House } from '../support/house.ts';

let house: House;
let catalogue: ReturnType<typeof catalogueCommands>;
beforeEach(async () => {
  house = await openHouse();
  catalogue = catalogueCommands({ ...house, checkSchema: checkVariablesSchema });
});

test('categories and types are declared and changed; the answer is the entry as it stands', async () => {
  expect(await catalogue.putCategory(caller(), { key: 'offers' }, { class: 'marketing' })).toMatchObject({
    entry: { class: 'marketing', title: {}, canOptOut: true },
    version: 1,
    created: true,
  });
  expect(await catalogue.putType(caller(), { key: 'spring' }, { category: 'offers', priority: 'low' })).toMatchObject({
    version: 1,
    created: true,
  });
  const changed = await catalogue.patchType(caller(), { key: 'spring', ifVersion: 1 }, { priority: null });
  expect(changed).toStrictEqual({
    entry: { category: 'offers' },
    version: 2,
    created: false,
    position: (await house.recorded()).at(-1)?.position,
  });
  expect(await catalogue.patchCategory(caller(), { key: 'security' }, { title: { de: 'Sicherheit' } })).toMatchObject({
    entry: { title: { en: 'Security', de: 'Sicherheit' } },
    version: 1,
    created: false,
  });
});

test('an entry that stays as it is keeps its version', async () => {
  await catalogue.putType(caller(), { key: 'spring' }, { category: 'account' });
  expect(await catalogue.putType(caller(), { key: 'spring' }, { category: 'account' })).toMatchObject({ version: 1, created: false });
  expect(await house.events()).toHaveLength(1);
});

test('a schema of variables that nobody could check is refused before anything is recorded', async () => {
  const variablesSchema = { type: 'object', properties: { name: { type: 'string', pattern: '(a+)+$' } } };
  expect(await catalogue.putType(caller(), { key: 'spring' }, { category: 'account', variablesSchema })).toMatchObject({
    rejected: 'invalid_schema',
    path: expect.stringMatching(/^\/variablesSchema\//) as string,
  });
  expect(await house.events()).toStrictEqual([]);
});
