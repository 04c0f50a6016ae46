import { beforeEach, expect, test } from 'vitest';
import { checkTemplate } from '../../src/adapters/templating/checkTemplate.ts';
import { templateCommands } from '../../src/commands/templates.ts';
import { caller, openHouse, type House } from '../support/house.ts';

let house: House;
let templates: ReturnType<typeof templateCommands>;
beforeEach(async () => {
  house = await openHouse();
  templates = templateCommands({ ...house, check: checkTemplate });
});
const saying = (text: string) => ({ locales: { en: { sms: { text } } }, fallback: 'en' });

test('a draft is checked as it stands, published, published again and rolled back', async () => {
  expect(await templates.draft(caller(), 'welcome', saying('Hi {{ name }}'))).toMatchObject({ draft: 1, created: true });
  expect(await templates.publish(caller(), 'welcome')).toMatchObject({ current: 1, latest: 1, draft: 1 });
  expect(await templates.draft(caller(), 'welcome', saying('Hello {{ name }}'), 1)).toMatchObject({ draft: 2, created: false });
  expect(await templates.publish(caller(), 'welcome')).toMatchObject({ current: 2, latest: 2, draft: 2 });
  expect(await templates.rollBack(caller(), 'welcome', 1)).toMatchObject({ current: 1, latest: 2 });
  expect((await house.recorded()).map(({ stream, event }) => `${stream} ${event.type}`)).toStrictEqual([
    'template-acme_welcome TemplateDrafted',
    'template-acme_welcome VersionPublished',
    'template-acme_welcome TemplateDrafted',
    'template-acme_welcome VersionPublished',
    'template-acme_welcome VersionRolledBack',
  ]);
});

test('a draft that does not compile is kept and not published', async () => {
  expect(await templates.draft(caller(), 'welcome', saying('Hi {{ name'))).toMatchObject({ draft: 1 });
  expect(await templates.publish(caller(), 'welcome')).toMatchObject({ rejected: 'template_invalid', path: '/locales/en/sms/text' });
  expect(await house.events()).toHaveLength(1);
});

test('what is not there is said to be missing', async () => {
  expect(await templates.publish(caller(), 'welcome')).toMatchObject({ rejected: 'template_not_found' });
  expect(await templates.rollBack(caller(), 'welcome', 1)).toMatchObject({ rejected: 'template_not_found' });
});

test('a repeated publication under the same idempotency key makes one version', async () => {
  await templates.draft(caller(), 'welcome', saying('Hi'));
  const first = await templates.publish(caller({ idempotencyKey: 'release 7' }), 'welcome');
  await templates.draft(caller(), 'welcome', saying('Hello'));
  expect(await templates.publish(caller({ idempotencyKey: 'release 7' }), 'welcome')).toStrictEqual(first);
  expect(await house.events()).toHaveLength(3);
});
