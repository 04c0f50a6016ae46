import { describe, expect, test } from 'vitest';
import { catalogue, MAX_ENTRIES } from '../../../src/domain/catalogue/catalogue.ts';
import { BUILT_IN_CATEGORIES } from '../../../src/domain/catalogue/category.ts';
import type { CategoryDeclared, TypeDeclared } from '../../../src/domain/catalogue/events.ts';
import type { Instant } from '../../../src/domain/values/instant.ts';
import { scenario } from '../../support/given.ts';

const NOW = '2026-11-21T10:00:00.000Z' as Instant;
const LATER = '2026-11-21T11:00:00.000Z' as Instant;
const offers: CategoryDeclared = {
  type: 'CategoryDeclared',
  data: {
    key: 'offers',
    version: 1,
    category: { class: 'marketing', title: { en: 'Offers', de: 'Angebote' }, canOptOut: true },
    declaredAt: NOW,
  },
};
const shipped: TypeDeclared = {
  type: 'TypeDeclared',
  data: { key: 'order_shipped', version: 1, messageType: { category: 'transactional', priority: 'high' }, declaredAt: NOW },
};
const { given, when } = scenario(catalogue);

describe('categories', () => {
  test('one per class is built in, of the same name; only security cannot be left', () => {
    expect([...BUILT_IN_CATEGORIES].map(([key, it]) => [key, it.class, it.canOptOut])).toStrictEqual([
      ['transactional', 'transactional', true],
      ['security', 'security', false],
      ['account', 'account', true],
      ['marketing', 'marketing', true],
    ]);
  });
  test('one is declared, with what was left out filled in', () => {
    when({ type: 'PutCategory', data: { key: 'orders', category: { class: 'transactional' }, now: LATER } }).then({
      type: 'CategoryDeclared',
      data: { key: 'orders', version: 1, category: { class: 'transactional', title: {}, canOptOut: true }, declaredAt: LATER },
    });
  });
  test('a built-in one can be named otherwise; its first change is version 1', () => {
    when({ type: 'PatchCategory', data: { key: 'account', patch: { title: { de: 'Konto' } }, now: LATER } }).then({
      type: 'CategoryChanged',
      data: {
        key: 'account',
        version: 1,
        category: { class: 'account', title: { en: 'Account', de: 'Konto' }, canOptOut: true },
        changedAt: LATER,
      },
    });
  });
  test('the same again changes nothing, whatever the order of its members', () => {
    given(offers)
      .when({
        type: 'PutCategory',
        data: { key: 'offers', category: { canOptOut: true, title: { de: 'Angebote', en: 'Offers' }, class: 'marketing' }, now: LATER },
      })
      .thenNothing();
  });
  test('a class never changes, by PUT, by PATCH, or of a built-in one', () => {
    const put = { type: 'PutCategory', data: { key: 'offers', category: { class: 'transactional' }, now: LATER } } as const;
    given(offers).when(put).thenRejected('category_class_fixed', '/class');
    const patch = { type: 'PatchCategory', data: { key: 'offers', patch: { class: 'account' }, now: LATER } } as const;
    given(offers).when(patch).thenRejected('category_class_fixed', '/class');
    when({ type: 'PutCategory', data: { key: 'marketing', category: { class: 'account' }, now: LATER } }).thenRejected(
      'category_class_fixed',
    );
  });
  test('a new one needs a class', () => {
    when({ type: 'PatchCategory', data: { key: 'news', patch: { canOptOut: true }, now: LATER } }).thenRejected('class_required', '/class');
  });
  test('marketing can always be left', () => {
    const put = { type: 'PutCategory', data: { key: 'news', category: { class: 'marketing', canOptOut: false }, now: LATER } } as const;
    when(put).thenRejected('marketing_needs_opt_out', '/canOptOut');
  });
  test('null takes a title or a frequency away, and canOptOut back to its default', () => {
    given(offers, {
      type: 'CategoryChanged',
      data: {
        key: 'offers',
        version: 2,
        category: { class: 'marketing', title: { en: 'Offers', de: 'Angebote' }, canOptOut: true, defaultFrequency: 'weekly' },
        changedAt: NOW,
      },
    })
      .when({
        type: 'PatchCategory',
        data: { key: 'offers', patch: { title: { en: null }, defaultFrequency: null, canOptOut: null }, ifVersion: 2, now: LATER },
      })
      .then({
        type: 'CategoryChanged',
        data: {
          key: 'offers',
          version: 3,
          category: { class: 'marketing', title: { de: 'Angebote' }, canOptOut: true },
          changedAt: LATER,
        },
      });
  });
  test('a lost race is refused', () => {
    const put = { type: 'PutCategory', data: { key: 'offers', category: { class: 'marketing' }, ifVersion: 0, now: LATER } } as const;
    given(offers).when(put).thenRejected('precondition_failed');
  });
});

describe('types', () => {
  test('one is declared with all that its rights are', () => {
    const messageType = {
      category: 'offers',
      template: 'offer',
      channels: ['email', 'push'],
      routing: { method: 'first', until: 'delivered', waitMs: 60_000 },
      priority: 'low',
      expiresAfterMs: 3_600_000,
      variablesSchema: { type: 'object' },
      canOptOut: true,
      unknownOutcome: 'hold',
    } as const;
    given(offers)
      .when({ type: 'PutType', data: { key: 'spring', messageType, now: LATER } })
      .then({ type: 'TypeDeclared', data: { key: 'spring', version: 1, messageType, declaredAt: LATER } });
  });
  test('its category has to be there', () => {
    when({ type: 'PutType', data: { key: 'spring', messageType: { category: 'offers' }, now: LATER } }).thenRejected(
      'unknown_category',
      '/category',
    );
    when({ type: 'PatchType', data: { key: 'spring', patch: { priority: 'low' }, now: LATER } }).thenRejected(
      'category_required',
      '/category',
    );
  });
  test('a type of a marketing category can always be left', () => {
    const put = { type: 'PutType', data: { key: 'spring', messageType: { category: 'offers', canOptOut: false }, now: LATER } } as const;
    given(offers).when(put).thenRejected('marketing_needs_opt_out', '/canOptOut');
  });
  test('a patch keeps, replaces and removes', () => {
    given(shipped)
      .when({ type: 'PatchType', data: { key: 'order_shipped', patch: { priority: null, channels: ['sms'] }, now: LATER } })
      .then({
        type: 'TypeChanged',
        data: { key: 'order_shipped', version: 2, messageType: { category: 'transactional', channels: ['sms'] }, changedAt: LATER },
      });
    given(shipped)
      .when({ type: 'PatchType', data: { key: 'order_shipped', patch: { priority: 'high' }, now: LATER } })
      .thenNothing();
  });
});

test('a full catalogue takes no more, but lets what it has be changed', () => {
  const types = [...Array(MAX_ENTRIES - BUILT_IN_CATEGORIES.size).keys()].map((n): TypeDeclared => ({
    type: 'TypeDeclared',
    data: { key: `t${String(n)}`, version: 1, messageType: { category: 'account' }, declaredAt: NOW },
  }));
  const full = given(...types);
  full
    .when({ type: 'PutType', data: { key: 'one_more', messageType: { category: 'account' }, now: LATER } })
    .thenRejected('catalogue_full');
  full.when({ type: 'PutType', data: { key: 't0', messageType: { category: 'security' }, now: LATER } }).then({
    type: 'TypeChanged',
    data: { key: 't0', version: 2, messageType: { category: 'security' }, changedAt: LATER },
  });
});
