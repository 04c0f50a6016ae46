import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { openListener } from '../../src/adapters/postgres/notify.ts';
import type { Recorded } from '../../src/domain/kernel/metadata.ts';
import {
  freeLeases,
  LeaseLost,
  moveCheckpoint,
  rateAfter,
  renewLease,
  stopForGood,
  takeLease,
  type Lease,
} from '../../src/consumers/lease.ts';
import { positionAt } from '../support/memoryFeed.ts';
import { happened, openBench, tally, until, type Bench } from '../support/consumers.ts';

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(async () => {
  await bench.close();
});
/** So long that none runs out by itself between two calls. */
const LEASE_MS = 60_000;
const key = { name: 'tally', suffix: '_v1' };
/** Of whom nothing is known but the time. */
const unseen = { presence: undefined };
const total = async (): Promise<number> =>
  (await bench.rows<{ n: number }>('select coalesce(sum(total), 0)::int as n from tally_v1'))[0]!.n;
const holderOf = async (): Promise<string | null> =>
  (await bench.rows<{ holder: string | null }>('select holder from consumers'))[0]!.holder;

describe('a lease', () => {
  beforeEach(async () => {
    await bench.moveClock(0);
    await bench.rows(`insert into consumers (name, suffix, version, state, facts, tables) values ('tally', '_v1', 1, 'live', false, '{}')`);
  });
  const take = (holder: string): Promise<Lease | undefined> => takeLease(bench.db, key, { holder, ...unseen }, LEASE_MS);
  const move = (lease: Lease): Promise<void> =>
    moveCheckpoint(bench.db, lease, { from: 'start', to: positionAt(1), applied: 1, caughtUp: false, leaseMs: LEASE_MS, awaited: false });

  test('has one holder until it runs out', async () => {
    expect([(await take('a'))?.epoch, (await take('b'))?.epoch]).toStrictEqual([1, undefined]);
    await bench.moveClock(LEASE_MS + 1);
    expect((await take('b'))?.epoch).toBe(2);
  });

  test('renewed, does not run out', async () => {
    const lease = await take('a');
    await bench.moveClock(LEASE_MS - 10_000);
    expect(await renewLease(bench.db, lease!, LEASE_MS, { ...unseen, caughtUp: false, rate: 0 })).toBe(true);
    await bench.moveClock(LEASE_MS - 10_000);
    expect(await take('b')).toBe(undefined);
  });

  test('can be renewed however long nothing happens: the rate ends at nothing', async () => {
    const lease = await take('a');
    let rate = rateAfter(0, 30_000, 1_000);
    expect(rate).toBe(15_000);
    for (let idle = 0; idle < 300; idle += 1) {
      rate = rateAfter(rate, 0, 5_000);
      await expect(renewLease(bench.db, lease!, LEASE_MS, { ...unseen, caughtUp: true, rate })).resolves.toBe(true);
    }
    expect(rate).toBe(0);
  });

  test('whose epoch has passed moves no checkpoint and cannot be renewed', async () => {
    const lease = await take('a');
    await bench.moveClock(LEASE_MS + 1);
    await take('b');
    await expect(move(lease!)).rejects.toBeInstanceOf(LeaseLost);
    expect(await renewLease(bench.db, lease!, LEASE_MS, { ...unseen, caughtUp: false, rate: 0 })).toBe(false);
  });

  test('moves the checkpoint only from where its holder believes it to be', async () => {
    const lease = await take('a');
    await move(lease!);
    await expect(move(lease!)).rejects.toBeInstanceOf(LeaseLost);
  });

  test('of a consumer that was stopped is nobody’s, and moves nothing', async () => {
    const lease = await take('a');
    await stopForGood(bench.db, lease!, 'head_below_checkpoint');
    await expect(move(lease!)).rejects.toBeInstanceOf(LeaseLost);
    await bench.moveClock(LEASE_MS + 1);
    expect([await take('a'), await take('b')]).toStrictEqual([undefined, undefined]);
  });

  test('that was freed can be taken at once, and whoever had it writes no more', async () => {
    const lease = await take('a');
    await freeLeases(bench.db);
    expect((await take('b'))?.epoch).toBe(2);
    await expect(move(lease!)).rejects.toBeInstanceOf(LeaseLost);
  });
});

describe('a lease of a holder whose presence can be seen', () => {
  beforeEach(async () => {
    await bench.rows(`insert into consumers (name, suffix, version, state, facts, tables) values ('tally', '_v1', 1, 'live', false, '{}')`);
  });
  /** Another process, with a connection of its own. */
  async function standing(holder: string) {
    const listener = openListener({ url: bench.fresh.url, role: 'tidings_worker' });
    onTestFinished(() => listener.close());
    await until(() => listener.presence() !== undefined);
    const take = () => takeLease(bench.db, key, { holder, presence: listener.presence() }, LEASE_MS);
    const renew = (lease: Lease) => renewLease(bench.db, lease, LEASE_MS, { presence: listener.presence(), caughtUp: false, rate: 0 });
    /** The server has seen it when this returns. */
    const leave = async (): Promise<void> => {
      const key = listener.presence();
      await listener.close();
      await until(async () => (await bench.rows<{ free: boolean }>('select pg_try_advisory_xact_lock($1) as free', key))[0]!.free);
    };
    return { listener, take, renew, leave };
  }
  const move = (lease: Lease): Promise<void> =>
    moveCheckpoint(bench.db, lease, { from: 'start', to: positionAt(1), applied: 1, caughtUp: false, leaseMs: LEASE_MS, awaited: false });

  test('is nobody else’s while it is there, and another’s at once when it is gone: it writes no more', async () => {
    const [one, other] = [await standing('one'), await standing('other')];
    const lease = await one.take();
    expect(await other.take()).toBe(undefined);
    await one.leave();
    expect((await other.take())?.epoch).toBe(2);
    await expect(move(lease!)).rejects.toBeInstanceOf(LeaseLost);
    expect([await renewLease(bench.db, lease!, LEASE_MS, { ...unseen, caughtUp: false, rate: 0 }), await holderOf()]).toStrictEqual([
      false,
      'other',
    ]);
  });

  test('is one standby’s of several that see it gone at the same moment', async () => {
    const one = await standing('one');
    await one.take();
    await one.leave();
    const others = await Promise.all(Array.from({ length: 4 }, (_, at) => standing(`other ${String(at)}`)));
    const taken = await Promise.all(others.map((other) => other.take()));
    expect(taken.flatMap((lease) => lease?.epoch ?? [])).toStrictEqual([2]);
  });

  test('is free together with all others of that holder: who takes one keeps nobody from the next', async () => {
    await bench.rows(`insert into consumers (name, suffix, version, state, facts, tables) values ('other', '_v1', 1, 'live', false, '{}')`);
    const [one, two] = [await standing('one'), await standing('two')];
    const second = { name: 'other', suffix: '_v1' };
    await one.take();
    await takeLease(bench.db, second, { holder: 'one', presence: one.listener.presence() }, LEASE_MS);
    await one.leave();
    const standby = { holder: 'two', presence: two.listener.presence() };
    const taken = await bench.db.transaction(async (tx) => [
      await takeLease(tx, key, standby, LEASE_MS),
      await takeLease(bench.db, second, standby, LEASE_MS),
    ]);
    expect(taken.map((lease) => lease?.epoch)).toStrictEqual([2, 2]);
  });

  test('that has connected anew is shown by its next renewal; until then another may take it, and fences it off', async () => {
    const [one, other] = [await standing('one'), await standing('other')];
    const lease = await one.take();
    const before = one.listener.presence();
    await bench.fresh.cut('tidings listen');
    await until(() => ![undefined, before].includes(one.listener.presence()));
    expect(await one.renew(lease!)).toBe(true);
    expect(await other.take()).toBe(undefined);
    await move(lease!);
  });
});

describe('two processes', () => {
  test('share a consumer as holder and standby, and hand over when one stops', async () => {
    const first = await bench.start([tally()], { holder: 'first', leaseMs: LEASE_MS });
    await until(async () => (await bench.rows('select from consumers where holder is not null')).length === 1);
    await bench.start([tally()], { holder: 'second', leaseMs: LEASE_MS });
    const before = bench.feed.add(happened('Marked', {}), happened('Marked', {}));
    await until(async () => (await total()) === 2);
    expect(await holderOf()).toBe('first');
    await first.stop();
    bench.feed.add(happened('Marked', {}));
    await until(async () => (await total()) === 3);
    expect([before, await holderOf()]).toStrictEqual([positionAt(2), 'second']);
  });

  test('a holder that froze after its writes is thrown out by the server, and its batch with it', async () => {
    let thaw: () => void = () => undefined;
    const frozen = new Promise<void>((resolve) => (thaw = resolve));
    let freezes = 0;
    const projection = tally();
    const freezing = {
      ...projection,
      apply: async (...args: Parameters<typeof projection.apply>) => {
        await projection.apply(...args);
        freezes += 1;
        if (freezes === 1) await frozen;
      },
    };
    await bench.moveClock(0);
    // Its renewals stand still with it.
    const silent = {
      ...bench.db,
      query: (async (statement: { name?: string }) =>
        statement.name === 'consumers.renew' ? [{}] : bench.db.query(statement as never)) as never,
    };
    await bench.start([freezing], { holder: 'frozen', db: silent, leaseMs: 400 });
    bench.feed.add(happened('Marked', { mark: 'a' }), happened('Marked', { mark: 'b' }));
    await until(() => freezes === 1);
    await bench.moveClock(60_000);
    await bench.start([projection], { holder: 'standby', leaseMs: 400 });
    await until(async () => (await total()) === 2);
    thaw();
    const position = bench.feed.add(happened('Marked', { mark: 'c' }));
    await until(async () => (await bench.rows('select from consumers where position = $1', position)).length === 1);
    expect(await bench.rows('select total, seen from tally_v1')).toStrictEqual([{ total: 3, seen: ['a', 'b', 'c'] }]);
  });

  test('a holder that thaws before the server notices is fenced by the epoch', async () => {
    let thaw: () => void = () => undefined;
    const frozen = new Promise<void>((resolve) => (thaw = resolve));
    let freezes = 0;
    const projection = tally({
      before: async (_events: readonly Recorded[]) => {
        freezes += 1;
        if (freezes === 1) await frozen;
      },
    });
    await bench.moveClock(0);
    const silent = {
      ...bench.db,
      query: (async (statement: { name?: string }) =>
        statement.name === 'consumers.renew' ? [{}] : bench.db.query(statement as never)) as never,
    };
    const first = await bench.start([projection], { holder: 'frozen', db: silent, leaseMs: 20_000 });
    bench.feed.add(happened('Marked', { mark: 'a' }));
    await until(() => freezes === 1);
    await bench.moveClock(60_000);
    await bench.start([tally()], { holder: 'standby', leaseMs: 20_000 });
    await until(async () => (await total()) === 1);
    thaw();
    await first.stop();
    expect(await bench.rows('select total, seen from tally_v1')).toStrictEqual([{ total: 1, seen: ['a'] }]);
  });
});
