import { describe, expect, test } from 'vitest';
import { dueFor, instantOfWallTime, planAtOf } from '../../../src/domain/policy/wallTime.ts';
import type { Instant } from '../../../src/domain/values/instant.ts';
import { plusMs } from '../../../src/domain/values/instant.ts';

const HOUR = 3_600_000;
/** How a zone's clocks show an instant, as the runtime's own calendar has it. */
const shown = (instant: Instant, timeZone: string): string => {
  const parts = new Intl.DateTimeFormat('en-CA', {
    timeZone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  }).formatToParts(new Date(instant));
  const of = (type: string): string => parts.find((part) => part.type === type)?.value ?? '';
  return `${of('year')}-${of('month')}-${of('day')}T${of('hour')}:${of('minute')}`;
};

describe('a wall time as an instant', () => {
  test.each([
    ['2026-12-01T09:00', 'Europe/Vienna', '2026-12-01T08:00:00.000Z'],
    ['2026-07-01T09:00', 'Europe/Vienna', '2026-07-01T07:00:00.000Z'],
    ['2026-12-01T09:00', 'America/New_York', '2026-12-01T14:00:00.000Z'],
    ['2026-12-01T09:00', 'Asia/Kolkata', '2026-12-01T03:30:00.000Z'],
    ['2026-12-01T09:00', 'Pacific/Kiritimati', '2026-11-30T19:00:00.000Z'],
    ['2026-12-01T09:00', 'Etc/GMT+12', '2026-12-01T21:00:00.000Z'],
    ['2026-12-01T09:00:30', 'UTC', '2026-12-01T09:00:30.000Z'],
  ])('%s in %s', (local, zone, instant) => {
    expect(instantOfWallTime(local, zone)).toBe(instant);
  });

  test.each([
    // The clocks jump from 02:00 to 03:00, and from 02:00 to 02:30.
    ['2026-03-29T02:00', 'Europe/Vienna', '2026-03-29T01:00:00.000Z', '2026-03-29T03:00'],
    ['2026-03-29T02:30', 'Europe/Vienna', '2026-03-29T01:00:00.000Z', '2026-03-29T03:00'],
    ['2026-03-29T02:59', 'Europe/Vienna', '2026-03-29T01:00:00.000Z', '2026-03-29T03:00'],
    ['2026-03-08T02:30', 'America/New_York', '2026-03-08T07:00:00.000Z', '2026-03-08T03:00'],
    ['2026-10-04T02:15', 'Australia/Lord_Howe', '2026-10-03T15:30:00.000Z', '2026-10-04T02:30'],
    // Midnight itself is skipped.
    ['2026-09-06T00:30', 'America/Santiago', '2026-09-06T04:00:00.000Z', '2026-09-06T01:00'],
    // Samoa skipped a whole day when it changed the side of the date line.
    ['2011-12-30T12:00', 'Pacific/Apia', '2011-12-30T10:00:00.000Z', '2011-12-31T00:00'],
  ])('%s does not exist in %s: the first valid instant after it', (local, zone, instant, wall) => {
    expect(instantOfWallTime(local, zone)).toBe(instant);
    expect(shown(instant as Instant, zone)).toBe(wall);
  });

  test.each([
    ['2026-10-25T02:00', 'Europe/Vienna', '2026-10-25T00:00:00.000Z'],
    ['2026-10-25T02:30', 'Europe/Vienna', '2026-10-25T00:30:00.000Z'],
    ['2026-10-25T02:59', 'Europe/Vienna', '2026-10-25T00:59:00.000Z'],
    ['2026-11-01T01:30', 'America/New_York', '2026-11-01T05:30:00.000Z'],
    ['2026-04-05T01:45', 'Australia/Lord_Howe', '2026-04-04T14:45:00.000Z'],
  ])('%s occurs twice in %s: the first of them', (local, zone, instant) => {
    expect(instantOfWallTime(local, zone)).toBe(instant);
  });

  test('just before a gap and just after an overlap nothing moves', () => {
    expect(instantOfWallTime('2026-03-29T01:59', 'Europe/Vienna')).toBe('2026-03-29T00:59:00.000Z');
    expect(instantOfWallTime('2026-03-29T03:00', 'Europe/Vienna')).toBe('2026-03-29T01:00:00.000Z');
    expect(instantOfWallTime('2026-10-25T03:00', 'Europe/Vienna')).toBe('2026-10-25T02:00:00.000Z');
  });

  test('every hour of a year of every zone is shown by its clocks as it was written, save in a gap', { timeout: 400_000 }, () => {
    const zones = Intl.supportedValuesOf('timeZone').filter((_, place) => place % 7 === 0);
    for (const zone of zones) {
      for (let day = 0; day < 365; day += 5) {
        const local = plusMs('2026-01-01T00:30:00.000Z' as Instant, day * 24 * HOUR + (day % 24) * HOUR).slice(0, 16);
        const instant = instantOfWallTime(local, zone);
        expect(shown(instant, zone) >= local, `${local} ${zone}`).toBe(true);
        if (shown(instant, zone) !== local) expect(instant.slice(14), `${local} ${zone}`).toMatch(/^[034][05]:00\.000Z$/);
      }
    }
  });

  test('what exists nowhere is an error of the caller', () => {
    expect(() => instantOfWallTime('2026-12-01T09:00', 'Europe/Atlantis')).toThrow(RangeError);
    expect(() => instantOfWallTime('2026-13-01T09:00', 'UTC')).toThrow(RangeError);
  });
});

describe('when planning begins', () => {
  const now = '2026-11-21T10:00:00.000Z' as Instant;
  test('at once, at the instant, or at the wall time', () => {
    expect(planAtOf(undefined, now)).toBe(now);
    expect(planAtOf({ at: '2026-12-01T09:00:00.000Z' as Instant }, now)).toBe('2026-12-01T09:00:00.000Z');
    expect(planAtOf({ local: '2026-12-01T09:00', timeZone: 'Europe/Vienna' }, now)).toBe('2026-12-01T08:00:00.000Z');
  });
  test('for everyone in their own zone when the first on Earth could be due', () => {
    expect(planAtOf({ local: '2026-12-01T09:00', timeZone: 'recipient' }, now)).toBe('2026-11-30T19:00:00.000Z');
    expect(planAtOf({ local: '2026-12-01T09:00', timeZone: 'recipient' }, now)).toBe(
      instantOfWallTime('2026-12-01T09:00', 'Pacific/Kiritimati'),
    );
  });
  test('never in the past', () => {
    expect(planAtOf({ at: '2020-01-01T00:00:00.000Z' as Instant }, now)).toBe(now);
    expect(planAtOf({ local: '2026-11-21T12:00', timeZone: 'recipient' }, now)).toBe(now);
  });
});

describe('when it may go to a person', () => {
  const local = '2026-12-01T09:00';
  test('a local time of the recipients is in their zone, of one zone in that', () => {
    expect(dueFor({ local, timeZone: 'recipient' }, 'America/New_York')).toBe('2026-12-01T14:00:00.000Z');
    expect(dueFor({ local, timeZone: 'Europe/Vienna' }, 'America/New_York')).toBe('2026-12-01T08:00:00.000Z');
    expect(dueFor({ at: '2026-12-01T09:00:00.000Z' as Instant }, 'America/New_York')).toBe('2026-12-01T09:00:00.000Z');
    expect(dueFor(undefined, 'America/New_York')).toBe(undefined);
  });
  test('in a zone that this runtime does not know it waits for the last one on Earth, and does not throw', () => {
    expect(dueFor({ local, timeZone: 'recipient' }, 'Europe/Atlantis')).toBe('2026-12-01T21:00:00.000Z');
    expect(dueFor({ local, timeZone: 'Mars/Olympus' }, 'UTC')).toBe('2026-12-01T21:00:00.000Z');
  });
});
