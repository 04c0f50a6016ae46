import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { templateCommands } from '../../src/commands/templates.ts';
import type { TenantId } from '../../src/domain/values/ids.ts';
import { templatesProjection } from '../../src/projections/templates/projection.ts';
import { templateOf, templatesPage, versionOf, versionsPage } from '../../src/projections/templates/queries.ts';
import { ACME, caller, openHouse, START, type House } from '../support/house.ts';
import { bothWays, openReadModel, V1, type ReadModel } from '../support/readModel.ts';

let model: ReadModel;
let house: House;
const saying = (text: string) => ({ locales: { en: { sms: { text } } }, fallback: 'en' });
beforeAll(async () => {
  model = await openReadModel(templatesProjection);
});
afterAll(() => model.close());
beforeEach(async () => {
  await model.clear();
  house = await openHouse();
  const templates = templateCommands({ ...house, check: () => [] });
  await templates.draft(caller(), 'welcome', saying('one'));
  await templates.publish(caller(), 'welcome');
  await templates.draft(caller(), 'welcome', saying('two'));
  await templates.publish(caller(), 'welcome');
  await templates.rollBack(caller(), 'welcome', 1);
  await templates.draft(caller(), 'welcome', saying('three'));
  await templates.draft(caller(), 'bye', saying('bye'));
});

test('each event twice comes to the same rows as one batch', async () => {
  const { once, again, singly } = await bothWays(model, await house.recorded());
  expect(again).toStrictEqual(once);
  expect(singly).toStrictEqual(once);
  expect([once['templates']?.length, once['template_versions']?.length]).toStrictEqual([2, 2]);
});

test('a template is its newest draft and the version that is sent', async () => {
  await model.apply(await house.recorded());
  expect(await model.asTenant(ACME, (tx) => templateOf(tx, V1, ACME, 'welcome'))).toStrictEqual({
    key: 'welcome',
    draft: 3,
    content: saying('three'),
    draftedAt: START,
    current: 1,
    latest: 2,
  });
  const version = (number?: number) =>
    model.asTenant(ACME, (tx) => versionOf(tx, V1, { tenant: ACME, key: 'welcome', ...(number !== undefined && { version: number }) }));
  expect(await version()).toStrictEqual({ version: 1, draft: 1, content: saying('one'), publishedAt: START });
  expect(await version(2)).toMatchObject({ version: 2, content: saying('two') });
  expect(await version(3)).toBe(undefined);
  expect(await model.asTenant(ACME, (tx) => versionOf(tx, V1, { tenant: ACME, key: 'bye' }))).toBe(undefined);
});

test('a character that Postgres does not take keeps no template from being shown', async () => {
  const templates = templateCommands({ ...house, check: () => [] });
  await templates.draft(caller(), 'odd', saying('a\u0000b'));
  await model.apply(await house.recorded());
  expect((await model.asTenant(ACME, (tx) => templateOf(tx, V1, ACME, 'odd')))?.content).toStrictEqual(saying('a\ufffdb'));
});

test('templates and versions are listed newest first, to their tenant alone', async () => {
  await model.apply(await house.recorded());
  const listed = await model.asTenant(ACME, (tx) => templatesPage(tx, V1, ACME, { limit: 10 }));
  expect(listed.rows.map(({ key, current }) => [key, current])).toStrictEqual([
    ['bye', null],
    ['welcome', 1],
  ]);
  const versions = (place?: string) =>
    model.asTenant(ACME, (tx) =>
      versionsPage(tx, V1, { tenant: ACME, key: 'welcome' }, { limit: 1, ...(place !== undefined && { place }) }),
    );
  const first = await versions();
  const second = await versions(first.next ?? '');
  expect([...first.rows, ...second.rows].map(({ version }) => version)).toStrictEqual([2, 1]);
  expect(second.next).toBe(null);
  const other = await model.asTenant('beta' as TenantId, (tx) => templatesPage(tx, V1, ACME, { limit: 10 }));
  expect(other.rows).toStrictEqual([]);
});
