import { describe, expect, test } from 'vitest';
import { settleTerms, type Known, type TypeRules, type Wanted } from '../../../src/domain/policy/terms.ts';
import type { MessageClass } from '../../../src/domain/values/channel.ts';
import type { Instant } from '../../../src/domain/values/instant.ts';

const now = '2026-11-21T10:00:00.000Z' as Instant;
const later = '2026-11-21T11:00:00.000Z' as Instant;
const CLASSES: Readonly<Record<string, MessageClass>> = { orders: 'transactional', offers: 'marketing' };
const known = (type?: Partial<TypeRules>, more: Partial<Known> = {}): Known => ({
  type: type && { category: 'orders', ...type },
  categoryClass: (key) => CLASSES[key],
  unknownTypes: 'allow',
  contentChannels: ['email', 'sms'],
  now,
  ...more,
});
const settle = (wanted: Partial<Wanted>, of: Known) => settleTerms({ type: 'order_shipped', ...wanted }, of);
const codes = (wanted: Partial<Wanted>, of: Known) => {
  const terms = settle(wanted, of);
  return 'type' in terms ? terms : terms.map(({ rejected, path }) => [rejected, path]);
};
const DEFAULTS = {
  type: 'order_shipped',
  category: 'orders',
  class: 'transactional',
  priority: 'normal',
  channels: ['email', 'sms'],
  channelsNamed: false,
  routing: { method: 'all' },
  unknownOutcome: 'retry',
};

test('what nobody says has its default', () => {
  expect(settle({}, known({}))).toStrictEqual(DEFAULTS);
  expect(settle({ category: 'orders' }, known())).toStrictEqual(DEFAULTS);
});

test('the type says it for the request', () => {
  const type: TypeRules = {
    category: 'offers',
    channels: ['sms'],
    routing: { method: 'first', until: 'delivered', waitMs: 5 },
    priority: 'low',
    expiresAfterMs: 60_000,
    unknownOutcome: 'hold',
  };
  expect(settle({}, known(type))).toStrictEqual({
    type: 'order_shipped',
    category: 'offers',
    class: 'marketing',
    priority: 'low',
    channels: ['sms'],
    channelsNamed: true,
    routing: { method: 'first', until: 'delivered', waitMs: 5 },
    expiresAfterMs: 60_000,
    unknownOutcome: 'hold',
  });
});

describe('the category', () => {
  test('must be named where the type is not declared', () => {
    expect(codes({}, known())).toStrictEqual([['category_required', '/category']]);
  });
  test('must be one that the catalogue holds', () => {
    expect(codes({ category: 'gossip' }, known())).toStrictEqual([['unknown_category', '/category']]);
  });
  test('may be repeated, and never be another than the type says', () => {
    expect(settle({ category: 'orders' }, known({}))).toStrictEqual(DEFAULTS);
    expect(codes({ category: 'offers' }, known({}))).toStrictEqual([['category_conflict', '/category']]);
  });
  test('does not help where undeclared types are refused', () => {
    expect(codes({ category: 'orders' }, known(undefined, { unknownTypes: 'reject' }))).toStrictEqual([['unknown_type', '/type']]);
    expect(settle({}, known({}, { unknownTypes: 'reject' }))).toStrictEqual(DEFAULTS);
  });
});

describe('the channels', () => {
  const channelsOf = (wanted: Partial<Wanted>, of: Known) => {
    const terms = settle(wanted, of);
    return 'type' in terms ? [terms.channels, terms.channelsNamed] : codes(wanted, of);
  };
  test('are those of the content, unless somebody names them', () => {
    expect(channelsOf({}, known({}, { contentChannels: ['sms'] }))).toStrictEqual([['sms'], false]);
    expect(channelsOf({}, known({ channels: ['email'] }))).toStrictEqual([['email'], true]);
    expect(channelsOf({ channels: ['sms', 'email'] }, known({}))).toStrictEqual([['sms', 'email'], true]);
  });
  test('a request may take fewer of the type’s and order them, never add one', () => {
    expect(channelsOf({ channels: ['sms'] }, known({ channels: ['email', 'sms'] }))).toStrictEqual([['sms'], true]);
    expect(channelsOf({ channels: ['email', 'sms'] }, known({ channels: ['email'] }))).toStrictEqual([['category_conflict', '/channels']]);
  });
  test('without content there is nothing to say', () => {
    expect(channelsOf({}, known({}, { contentChannels: [] }))).toStrictEqual([['content_required', '/content']]);
    expect(channelsOf({ channels: ['push'] }, known({}))).toStrictEqual([['content_required', '/content/push']]);
    expect(channelsOf({}, known({ channels: ['push'] }))).toStrictEqual([['content_required', '/content/push']]);
  });
});

describe('the priority', () => {
  const table = (['critical', 'high', 'normal', 'low'] as const).map((most) =>
    (['critical', 'high', 'normal', 'low'] as const).map((wanted) => {
      const terms = settle({ priority: wanted }, known({ priority: most }));
      return 'type' in terms ? terms.priority : terms.map(({ rejected, path }) => `${rejected} ${String(path)}`).join();
    }),
  );
  const NO = 'category_conflict /priority';
  test('may be lowered and never raised', () => {
    expect(table).toStrictEqual([
      ['critical', 'high', 'normal', 'low'],
      [NO, 'high', 'normal', 'low'],
      [NO, NO, 'normal', 'low'],
      [NO, NO, NO, 'low'],
    ]);
  });
  test('is free where the type says nothing', () => {
    expect(settle({ priority: 'critical' }, known({}))).toStrictEqual({ ...DEFAULTS, priority: 'critical' });
  });
});

describe('the routing', () => {
  const routingOf = (routing: Wanted['routing'], type?: Partial<TypeRules>) => {
    const terms = settle({ ...(routing && { routing }) }, known(type ?? {}));
    return 'type' in terms ? terms.routing : terms;
  };
  test('is the request’s, else the type’s, else all', () => {
    expect(routingOf(undefined)).toStrictEqual({ method: 'all' });
    expect(routingOf(undefined, { routing: { method: 'first', until: 'accepted' } })).toStrictEqual({ method: 'first', until: 'accepted' });
    expect(routingOf({ method: 'all' }, { routing: { method: 'first', until: 'accepted' } })).toStrictEqual({ method: 'all' });
    expect(routingOf({ method: 'first', until: 'accepted' })).toStrictEqual({ method: 'first', until: 'accepted' });
  });
  test('waits as long as the request says, else the type, else ten minutes', () => {
    const wanted = { method: 'first', until: 'delivered' } as const;
    expect(routingOf({ ...wanted, waitMs: 7 }, { routing: { ...wanted, waitMs: 9 } })).toStrictEqual({ ...wanted, waitMs: 7 });
    expect(routingOf(wanted, { routing: { ...wanted, waitMs: 9 } })).toStrictEqual({ ...wanted, waitMs: 9 });
    expect(routingOf(wanted, { routing: { method: 'first', until: 'accepted' } })).toStrictEqual({ ...wanted, waitMs: 600_000 });
    expect(routingOf(wanted)).toStrictEqual({ ...wanted, waitMs: 600_000 });
  });
});

describe('the expiry', () => {
  const expiryOf = (wanted: Partial<Wanted>, type: Partial<TypeRules> = {}) => {
    const terms = settle(wanted, known(type));
    if (!('type' in terms)) return terms.map(({ rejected, path }) => [rejected, path]);
    return { at: terms.expiresAt, afterMs: terms.expiresAfterMs };
  };
  const EXPIRED = [['already_expired', '/expiresAt']];
  test('may be made shorter than the type says, never longer', () => {
    expect(expiryOf({ expires: { afterMs: 5 } }, { expiresAfterMs: 60_000 })).toStrictEqual({ at: undefined, afterMs: 5 });
    expect(expiryOf({ expires: { afterMs: 90_000 } }, { expiresAfterMs: 60_000 })).toStrictEqual({ at: undefined, afterMs: 60_000 });
    expect(expiryOf({ expires: { at: later } }, { expiresAfterMs: 60_000 })).toStrictEqual({ at: later, afterMs: 60_000 });
    expect(expiryOf({ expires: { at: later } })).toStrictEqual({ at: later, afterMs: undefined });
  });
  test('must lie after the moment from which it may go', () => {
    expect(expiryOf({ expires: { at: now } })).toStrictEqual(EXPIRED);
    expect(expiryOf({ expires: { afterMs: 0 } })).toStrictEqual([['already_expired', '/expiresAfter']]);
    expect(expiryOf({ expires: { at: later }, schedule: { at: later } })).toStrictEqual(EXPIRED);
    expect(expiryOf({ expires: { afterMs: 1 }, schedule: { at: later } })).toStrictEqual({ at: undefined, afterMs: 1 });
  });
});

test('the schedule is kept as it was written', () => {
  const schedule = { local: '2026-12-01T09:00', timeZone: 'recipient' };
  expect(settle({ schedule }, known({}))).toStrictEqual({ ...DEFAULTS, schedule });
});

test('everything that is wrong is told, not the first', () => {
  const wanted = { category: 'offers', channels: ['push'], priority: 'critical', expires: { at: now } } as const;
  expect(codes(wanted, known({ channels: ['email'], priority: 'low' }))).toStrictEqual([
    ['category_conflict', '/category'],
    ['category_conflict', '/channels'],
    ['category_conflict', '/priority'],
    ['already_expired', '/expiresAt'],
  ]);
});
