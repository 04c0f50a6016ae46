import { describe, expect, test } from 'vitest';
import type { Draft, TemplateEvent } from '../../../src/domain/template/events.ts';
import { template, type TemplateCommand } from '../../../src/domain/template/template.ts';
import { instantOf } from '../../../src/domain/values/instant.ts';
import { scenario } from '../../support/given.ts';

const { given, when } = scenario(template);
const [earlier, now] = [instantOf(0), instantOf(1000)];
const key = 'welcome';

const content: Draft = {
  locales: { en: { sms: { text: 'Hi' } }, 'de-AT': { email: { subject: 'Servus', html: '<p>x</p>' } } },
  fallback: 'en',
};
const other: Draft = { ...content, locales: { en: { sms: { text: 'Hello' } } } };

const drafted = (draft: number, it: Draft = content): TemplateEvent => ({
  type: 'TemplateDrafted',
  data: { key, draft, content: it, draftedAt: earlier },
});
const published = (version: number, draft: number, { locales, fallback }: Draft = content): TemplateEvent => ({
  type: 'VersionPublished',
  data: { key, version, draft, locales, fallback, publishedAt: earlier },
});
const rolledBack = (version: number, from: number): TemplateEvent => ({
  type: 'VersionRolledBack',
  data: { key, version, from, rolledBackAt: earlier },
});

const draft = (it: Draft, ifVersion?: number | 'any'): TemplateCommand => ({
  type: 'DraftTemplate',
  data: { key, now, content: it, ...(ifVersion === undefined ? {} : { ifVersion }) },
});
const publish = (of: number, ...paths: readonly string[]): TemplateCommand => ({
  type: 'PublishVersion',
  data: { key, now, draft: of, problems: paths.map((path) => ({ path, line: 2, column: 3, code: 'syntax' })) },
});
const rollBack = (version: number): TemplateCommand => ({ type: 'RollBackVersion', data: { key, now, version } });

describe('drafting', () => {
  test('the first draft is number one', () => {
    when(draft(content)).then({ type: 'TemplateDrafted', data: { key, draft: 1, content, draftedAt: now } });
  });
  test('another draft takes the place of the one before', () => {
    given(drafted(1))
      .when(draft(other))
      .then({ type: 'TemplateDrafted', data: { key, draft: 2, content: other, draftedAt: now } });
  });
  test('the same draft again changes nothing, whatever the order of its members', () => {
    given(drafted(1))
      .when(draft({ fallback: content.fallback, locales: content.locales }))
      .thenNothing();
  });
  test('a lost race is told', () => {
    given(drafted(1), drafted(2, other)).when(draft(content, 1)).thenRejected('precondition_failed');
    given(drafted(1))
      .when(draft(other, 1))
      .then({ type: 'TemplateDrafted', data: { key, draft: 2, content: other, draftedAt: now } });
    when(draft(content, 'any')).thenRejected('precondition_failed');
  });
  test('the fallback is one of the locales', () => {
    when(draft({ ...content, fallback: 'fr' })).thenRejected('fallback_missing', '/fallback');
    when(draft({ ...content, fallback: 'constructor' })).thenRejected('fallback_missing', '/fallback');
  });
  test.each(['de-at', 'DE', 'english language', 'de_AT', ''])('%j is no name of a locale', (locale) => {
    when(draft({ locales: { [locale]: {}, en: {} }, fallback: 'en' })).thenRejected('invalid_locale', '/locales');
  });
  test('a layout has one place for the content', () => {
    when(draft({ ...content, layout: '<html></html>' })).thenRejected('invalid_layout', '/layout');
    when(draft({ ...content, layout: '{{ content }}{{content}}' })).thenRejected('invalid_layout', '/layout');
  });
});

describe('publishing', () => {
  test('the draft becomes version one', () => {
    given(drafted(1))
      .when(publish(1))
      .then({ type: 'VersionPublished', data: { key, version: 1, draft: 1, locales: content.locales, fallback: 'en', publishedAt: now } });
  });
  test('versions count on, also after a rollback', () => {
    given(drafted(1), published(1, 1), drafted(2, other), published(2, 2, other), rolledBack(1, 2), drafted(3))
      .when(publish(3))
      .then({
        type: 'VersionPublished',
        data: { key, version: 3, draft: 3, locales: content.locales, fallback: 'en', publishedAt: now },
      });
  });
  test('a draft that is current already is not published again', () => {
    given(drafted(1), published(1, 1)).when(publish(1)).thenNothing();
  });
  test('a draft from whose version one rolled back is published anew', () => {
    given(drafted(1, other), published(1, 1, other), drafted(2), published(2, 2), rolledBack(1, 2))
      .when(publish(2))
      .then({
        type: 'VersionPublished',
        data: { key, version: 3, draft: 2, locales: content.locales, fallback: 'en', publishedAt: now },
      });
  });
  test('a version carries its schema, and its layout around every e-mail', () => {
    const full: Draft = { ...content, layout: '<body>{{- content -}}</body>', variablesSchema: { type: 'object' } };
    given(drafted(1, full))
      .when(publish(1))
      .then({
        type: 'VersionPublished',
        data: {
          key,
          version: 1,
          draft: 1,
          variablesSchema: { type: 'object' },
          locales: { en: { sms: { text: 'Hi' } }, 'de-AT': { email: { subject: 'Servus', html: '<body><p>x</p></body>' } } },
          fallback: 'en',
          publishedAt: now,
        },
      });
  });
  test('a layout does not read what it holds as a pattern', () => {
    const dollar: Draft = { locales: { en: { email: { subject: 's', html: "$& $1 $'" } } }, fallback: 'en', layout: '[{{ content }}]' };
    const decision = given(drafted(1, dollar)).when(publish(1)).decision();
    expect(decision).toMatchObject([{ data: { locales: { en: { email: { html: "[$& $1 $']" } } } } }]);
  });
  test('a draft with problems is refused, with the places', () => {
    const decision = given(drafted(1))
      .when(publish(1, '/locales/en/sms/text', '/layout'))
      .decision();
    expect(decision).toStrictEqual({
      rejected: 'template_invalid',
      detail: 'correct the draft: /locales/en/sms/text 2:3 syntax, /layout 2:3 syntax',
      path: '/locales/en/sms/text',
    });
  });
  test('a draft that was saved while another was checked is not published', () => {
    given(drafted(1), drafted(2, other)).when(publish(1)).thenRejected('draft_changed');
  });
  test('without a draft there is nothing to publish', () => {
    when(publish(1)).thenRejected('template_not_found');
  });
});

describe('rolling back', () => {
  const two = [drafted(1), published(1, 1), drafted(2, other), published(2, 2, other)] as const;
  test('an older version is current again', () => {
    given(...two)
      .when(rollBack(1))
      .then({ type: 'VersionRolledBack', data: { key, version: 1, from: 2, rolledBackAt: now } });
  });
  test('and the newer one can be too', () => {
    given(...two, rolledBack(1, 2))
      .when(rollBack(2))
      .then({ type: 'VersionRolledBack', data: { key, version: 2, from: 1, rolledBackAt: now } });
  });
  test('to what is current changes nothing', () => {
    given(...two)
      .when(rollBack(2))
      .thenNothing();
  });
  test.each([0, 3, 1.5, -1, Number.NaN])('version %d does not exist', (version) => {
    given(...two)
      .when(rollBack(version))
      .thenRejected('version_not_found', '/version');
  });
  test('of what was never published is refused', () => {
    given(drafted(1)).when(rollBack(1)).thenRejected('template_not_found');
  });
});
