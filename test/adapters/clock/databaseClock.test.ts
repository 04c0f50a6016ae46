import { describe, expect, test } from 'vitest';
import { databaseClock } from '../../../src/adapters/clock/databaseClock.ts';
import { timeOrderedIds } from '../../../src/adapters/clock/ids.ts';

const NOON = Date.parse('2026-06-01T12:00:00.000Z');

describe('the clock', () => {
  test('counts on from the reading, which it dates at the middle of its round trip', async () => {
    let machine = 1_000;
    const read = async () => {
      machine += 40;
      return NOON;
    };
    const clock = await databaseClock(read, { monotonicMs: () => machine });
    expect(clock.now()).toBe('2026-06-01T12:00:00.020Z');
    machine += 500;
    expect(clock.now()).toBe('2026-06-01T12:00:00.520Z');
    clock.close();
  });

  test('takes the next reading, unless its answer came too late to be of use', async () => {
    let machine = 0;
    let delay = 0;
    let database = NOON;
    const read = async () => {
      machine += delay;
      return database;
    };
    const clock = await databaseClock(read, { monotonicMs: () => machine });
    database += 3_600_000;
    delay = 2_000;
    await clock.read();
    expect(clock.now()).toBe('2026-06-01T12:00:02.000Z');
    delay = 0;
    await clock.read();
    expect(clock.now()).toBe('2026-06-01T13:00:00.000Z');
    clock.close();
  });

  test('goes on by its last reading when the database is away', async () => {
    let machine = 0;
    let away = false;
    const read = async () => {
      if (away) throw new Error('away');
      return NOON;
    };
    const clock = await databaseClock(read, { monotonicMs: () => machine });
    away = true;
    await expect(clock.read()).rejects.toThrow('away');
    machine += 1_000;
    expect(clock.now()).toBe('2026-06-01T12:00:01.000Z');
    clock.close();
  });

  test('does not start without a reading', async () => {
    await expect(databaseClock(async () => Number.NaN)).rejects.toMatchObject({ kind: 'unavailable' });
  });
});

describe('ids', () => {
  test('are in order, also within a millisecond and when the clock goes back', () => {
    let now = NOON;
    const ids = timeOrderedIds({ epochMs: () => now });
    const made = Array.from({ length: 1_000 }, () => ids.uuid());
    now -= 5_000;
    made.push(ids.uuid());
    now += 6_000;
    made.push(ids.uuid());
    expect(made.toSorted()).toStrictEqual(made);
    expect(new Set(made).size).toBe(1_002);
    expect(made[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });
});
