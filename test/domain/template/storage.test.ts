import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
import { templateStorage } from '../../../src/domain/template/storage.ts';

/** Stored forms as they were written; they stay readable for ever. */
const content = {
  email: { subject: 's', preheader: 'p', html: 'h', text: 't', from: 'f', replyTo: 'r', headers: { 'X-A': 'a' } },
  sms: { text: 't' },
  push: { title: 't', body: 'b', url: 'u', data: { any: [1, null, { x: true }] } },
  in_app: { title: 't', body: 'b', url: 'u', actions: [{ label: 'l', url: 'u' }] },
  webhook: { body: [1] },
  wallet: { any: 'thing' },
};
const instant = '2026-01-01T00:00:00.000Z';
const samples: readonly (readonly [keyof typeof templateStorage, object])[] = [
  ['TemplateDrafted', { key: 'k', draft: 1, content: { locales: { en: content }, fallback: 'en', layout: 'l', variablesSchema: { type: 'object' } }, draftedAt: instant }],
  ['TemplateDrafted', { key: 'k', draft: 2, content: { locales: { en: { sms: { text: 't' } } }, fallback: 'en' }, draftedAt: instant }],
  ['VersionPublished', { key: 'k', version: 1, draft: 1, variablesSchema: {}, locales: { en: content }, fallback: 'en', publishedAt: instant }],
  ['VersionRolledBack', { key: 'k', version: 1, from: 2, rolledBackAt: instant }],
]; // prettier-ignore

test.each(samples)('%s is stored as its schema says, and nothing else is', (type, data) => {
  const validate = new Ajv2020({ strict: false }).compile(templateStorage[type].schema);
  expect([validate(data), validate.errors]).toStrictEqual([true, null]);
  expect(validate({ ...data, more: 1 })).toBe(false);
});
