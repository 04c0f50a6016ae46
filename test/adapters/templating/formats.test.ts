import { describe, expect, test } from 'vitest';
import { localeOr, zoneOr } from '../../../src/adapters/templating/formats.ts';
import { rendering } from '../../support/templates.ts';

const said = (expression: string, variables: object = {}, locale = 'en', timeZone = 'UTC') => {
  const result = rendering(`{{ ${expression} }}`, variables, { kind: 'text', locale, timeZone });
  // Releases of Intl's data differ in narrow and fixed blanks, and in a comma after the weekday.
  return typeof result === 'string' ? result.replace(/[\u00a0\u202f]/g, ' ').replace('day, ', 'day ') : result;
};

describe('dates and times', () => {
  const at = { at: '2026-12-01T23:30:00Z', day: '2026-12-01', wall: '2026-12-01T09:00', ms: 1_796_167_800_000 };
  const cases: readonly (readonly [string, string, string, string])[] = [
    ['at | date', 'en', 'UTC', 'Dec 1, 2026'],
    ['at | date("long")', 'de', 'UTC', '1. Dezember 2026'],
    ['at | date("long")', 'de-AT', 'Europe/Vienna', '2. Dezember 2026'],
    ['at | date("full")', 'en-GB', 'America/New_York', 'Tuesday 1 December 2026'],
    ['at | time("short")', 'de', 'Europe/Vienna', '00:30'],
    ['at | time("short")', 'en', 'America/New_York', '6:30 PM'],
    ['at | datetime("short")', 'de', 'Europe/Vienna', '02.12.26, 00:30'],
    ['ms | datetime("short")', 'de', 'UTC', '01.12.26, 23:30'],
    ['day | date', 'en', 'America/New_York', 'Dec 1, 2026'],
    ['wall | time("short")', 'de', 'Asia/Tokyo', '09:00'],
    ['at | date("nonsense")', 'en', 'UTC', 'Dec 1, 2026'],
    ['"soon" | date', 'en', 'UTC', 'soon'],
    ['"2026-99-99" | date', 'en', 'UTC', '2026-99-99'],
    ['1e400 | date', 'en', 'UTC', ''],
    ['missing | date', 'en', 'UTC', ''],
  ];
  test.each(cases)('%s in %s, %s', (expression, locale, zone, expected) => {
    expect(said(expression, at, locale, zone)).toBe(expected);
  });
});

describe('numbers and money', () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ['1234567.891 | number', 'en', '1,234,567.891'],
    ['1234567.891 | number(2)', 'de', '1.234.567,89'],
    ['5 | number(2)', 'de-AT', '5,00'],
    ['0.256 | percent', 'en', '26%'],
    ['0.256 | percent(1)', 'de', '25,6 %'],
    ['19.9 | currency("EUR")', 'de', '19,90 €'],
    ['19.9 | currency("USD")', 'en', '$19.90'],
    ['1500 | currency("JPY")', 'en', '¥1,500'],
    ['money | currency', 'de', '12,50 €'],
    ['money | currency("USD")', 'en', '$12.50'],
    ['5 | currency("no such")', 'en', '5'],
    ['"free" | currency("EUR")', 'en', 'free'],
    ['"abc" | number', 'en', 'abc'],
    ['missing | number', 'en', ''],
  ];
  test.each(cases)('%s in %s', (expression, locale, expected) => {
    expect(said(expression, { money: { micros: 12_500_000, currency: 'EUR' } }, locale)).toBe(expected);
  });
});

test('a language or a zone that does not exist fails no rendering', () => {
  expect([localeOr('de_at'), localeOr('not a tag'), localeOr(undefined)]).toStrictEqual(['de-AT', 'en', 'en']);
  expect([zoneOr('Europe/Vienna'), zoneOr('Mars/Base'), zoneOr(undefined)]).toStrictEqual(['Europe/Vienna', 'UTC', 'UTC']);
});
