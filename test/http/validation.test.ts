import { expect, test } from 'vitest';
import { MessageRequest } from '../../src/http/schemas/notification.ts';
import { createChecks } from '../../src/http/validation.ts';
import { Type } from 'typebox';

const passing = (format: string, texts: readonly string[]): readonly string[] => {
  const check = createChecks().body(Type.String({ format }));
  return texts.filter((text) => check(text).ok);
};

test('a date and time is one of RFC 3339 that can be reckoned with', () => {
  const good = ['2026-12-01T09:00:00Z', '2026-12-01t09:00:00.123+05:30', '1000-01-01T00:00:00Z', '8999-12-31T23:59:59.999Z'];
  const bad = [
    '0000-01-01T00:00:00Z',
    '0001-01-01T00:00:00+14:00',
    '9999-12-31T23:59:59-12:00',
    '9000-01-01T00:00:00Z',
    '2026-12-01T24:00:00Z',
    '2026-02-30T00:00:00Z',
    '2026-12-01T09:00:60Z',
    '2026-12-01T09:00:00',
    '2026-12-01',
  ];
  expect(passing('date-time', [...good, ...bad])).toStrictEqual(good);
});

test('a local time is a wall time of a day that there is', () => {
  const good = ['2026-12-01T09:00', '2026-12-01T23:59:59', '2026-03-29T02:30'];
  const bad = ['2026-12-01T24:00', '9999-12-31T23:59', '0000-01-01T00:00', '2026-02-30T10:00', '2026-12-01T09:60', '2026-12-01T09:00Z'];
  expect(passing('local-date-time', [...good, ...bad])).toStrictEqual(good);
});

test('a duration is at most a century', () => {
  expect(passing('duration', ['PT2H', 'P36525D', 'P36525DT1S', 'P999999W', 'PT999999999H', 'P1M'])).toStrictEqual(['PT2H', 'P36525D']);
});

test('a number in a parameter is finite, so that it is compared with its limits', () => {
  const check = createChecks().parameters(Type.Object({ limit: Type.Integer({ minimum: 1, maximum: 200 }) }));
  expect(['1', '200', '201', '1e400', '-1e400'].map((limit) => check({ limit }).ok)).toStrictEqual([true, true, false, false, false]);
  expect(check({ limit: '1e400' })).toStrictEqual({
    ok: false,
    errors: [{ path: '/limit', message: 'must be a number that can be reckoned with' }],
  });
});

test('a text in a parameter holds no U+0000, which no text in Postgres may', () => {
  const check = createChecks().parameters(Type.Object({ actor: Type.Optional(Type.String()) }));
  expect(check({ actor: 'a\0b' })).toStrictEqual({ ok: false, errors: [{ path: '/actor', message: 'must not hold U+0000' }] });
  expect(check({ actor: 'a\u0001b' }).ok).toBe(true);
});

const saidOf = (value: unknown): readonly string[] => {
  const checked = createChecks().body(MessageRequest)(value);
  return checked.ok ? [] : checked.errors.map(({ path, message }) => `${path} ${message}`);
};

test.each([{ body: null }, { body: [] }, { body: 'text' }, { body: 5 }])(
  '$body is no object: a body is told that, and nothing else',
  ({ body }) => {
    expect(saidOf(body)).toStrictEqual([' must be object']);
  },
);

test('a member of the wrong type is told that alone', () => {
  expect(saidOf({ type: 'x', attachments: [null], schedule: 5 })).toStrictEqual([
    '/schedule must be object',
    '/attachments/0 must be object',
  ]);
});

test('an instant that is well-formed and out of reach is told so', () => {
  const at = (schedule: object): readonly string[] => saidOf({ type: 'x', schedule });
  expect(at({ at: '9999-12-01T09:00:00Z' })).toStrictEqual(['/schedule/at must lie between the years 1000 and 8999']);
  expect(at({ local: '0001-01-01T09:00', timeZone: 'recipient' })).toStrictEqual([
    '/schedule/local must lie between the years 1000 and 8999',
  ]);
  expect(at({ at: '2026-02-30T09:00:00Z' })).toStrictEqual([
    '/schedule/at must be a date and time of RFC 3339, like 2026-12-01T09:00:00.000Z',
  ]);
});
