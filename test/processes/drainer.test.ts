import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { freeAbandoned } from '../../src/adapters/postgres/actions/abandoned.ts';
import { actionQueue } from '../../src/adapters/postgres/actions/actionQueue.ts';
import { liveClaims } from '../../src/adapters/postgres/actions/liveClaims.ts';
import {
  countDueActions,
  countParkedActions,
  parkedActions,
  retryParkedAction,
} from '../../src/adapters/postgres/actions/parkedActions.ts';
import { PortError } from '../../src/domain/kernel/portError.ts';
import type { StreamName } from '../../src/domain/values/ids.ts';
import type { Instant } from '../../src/domain/values/instant.ts';
import { actionsConsumer } from '../../src/processes/actionsConsumer.ts';
import { openDrainer, type Drainer, type DrainerOptions } from '../../src/processes/drainer.ts';
import type { Ask, Claim, Effect, Process } from '../../src/processes/process.ts';
import type { ActionQueue, Claimed, Wanted } from '../../src/processes/queue.ts';
import { settleHandOffs } from '../../src/processes/settleHandOffs.ts';
import { happened, openBench, systemTime, until, type Bench } from '../support/consumers.ts';
import { positionAt } from '../support/memoryFeed.ts';

let bench: Bench;
let queue: ActionQueue;
const drainers: Drainer[] = [];

beforeEach(async () => {
  bench = await openBench();
  queue = actionQueue(bench.db);
  // A consumer that is done with an empty log: drainers may work.
  await bench.rows(
    `insert into consumers (name, suffix, version, state, facts, tables, caught_up_at) values ('actions', '', 1, 'live', false, '{}', tidings_now())`,
  );
});
afterEach(async () => {
  await Promise.all(drainers.splice(0).map((drainer) => drainer.stop(0)));
  await bench.close();
});

type Seed = {
  readonly id?: string;
  readonly kind?: string;
  readonly tenant?: string;
  readonly items?: number;
  readonly priority?: number;
  readonly inMs?: number;
};
/** Rows as the consumer would have inserted them; `inMs` from now by the database's clock. */
const seed = (...rows: readonly Seed[]): Promise<unknown> =>
  bench.rows(
    `insert into actions (id, process, kind, tenant, target, items, priority, due_at, run_at)
     select s.id, 'test', s.kind, s.tenant, s.id, array(select generate_series(0, s.items - 1)), s.priority, t, t
       from json_to_recordset($1) as s (id text, kind text, tenant text, items int, priority int, "inMs" float8)
      cross join lateral (select tidings_now() + s."inMs" * interval '1 ms' as t) due`,
    JSON.stringify(rows.map((row) => ({ id: randomUUID(), kind: 'plan', tenant: 'acme', items: 1, priority: 2, inMs: -1_000, ...row }))),
  );
const wanted: Wanted = { worker: 'w', kinds: ['plan', 'handOff', 'recover'], items: 500, leaseMs: 30_000, after: '' };
const claim = (more: Partial<Wanted> = {}): Promise<Claimed | undefined> => queue.claim({ ...wanted, ...more });
const idsOf = (group: Claim | undefined): readonly string[] => group?.actions.map(({ id }) => id) ?? [];
const settled = (group: Claim): Promise<unknown> => bench.rows(`delete from actions where id = any ($1)`, idsOf(group));

const open = async (effects: DrainerOptions['effects'], more: Partial<DrainerOptions> = {}): Promise<Drainer> => {
  const drainer = await openDrainer({
    queue,
    effects,
    time: systemTime,
    db: bench.db,
    worker: 'w',
    isReady: () => Promise.resolve(true),
    pollMs: 60_000,
    backOffMs: 1,
    ...more,
  });
  drainers.push(drainer);
  return drainer;
};
/** Does what it is given and settles it, as the consumer would. */
const doing =
  (log: (group: Claim) => void): Effect =>
  async (group) => {
    log(group);
    await settled(group);
    return 'nothing';
  };
const left = async (): Promise<number> => (await bench.rows<{ n: number }>('select count(*)::int as n from actions'))[0]!.n;

test('what is due is counted over all kinds and priorities, up to a number; what lies in the future is not', async () => {
  const many = Array.from({ length: 3 }, (_, priority) => ({ priority, kind: priority === 1 ? 'recover' : 'plan' }));
  await seed(...many, ...many, { inMs: 60_000 });
  expect([await countDueActions(bench.db, 9), await countDueActions(bench.db, 4)]).toStrictEqual([6, 4]);
});

describe('claiming', () => {
  test('takes what is due, the best priority first, then what has waited longest', async () => {
    await seed({ id: 'late', inMs: -10 }, { id: 'early', inMs: -5_000 }, { id: 'future', inMs: 60_000 }, { id: 'low', priority: 3 });
    await seed({ id: 'urgent', priority: 0, kind: 'recover' });
    const groups = [await claim(), await claim(), await claim(), await claim()];
    expect(groups.map((group) => [group?.kind, idsOf(group)])).toStrictEqual([
      ['recover', ['urgent']],
      ['plan', ['early', 'late']],
      ['plan', ['low']],
      [undefined, []],
    ]);
  });

  test('takes recoveries before what has waited longer, but not before a better priority', async () => {
    await seed({ id: 'waiting', kind: 'handOff', inMs: -60_000 }, { id: 'in doubt', kind: 'recover', inMs: -10 });
    await seed({ id: 'better', kind: 'handOff', priority: 1, inMs: -1 });
    const groups = [await claim(), await claim(), await claim()];
    expect(groups.map(idsOf)).toStrictEqual([['better'], ['in doubt'], ['waiting']]);
  });

  test('what lies in the future is claimed when its instant has come', async () => {
    await bench.moveClock(0);
    await seed({ id: 'tomorrow', inMs: 86_400_000 });
    expect(await claim()).toBe(undefined);
    await bench.moveClock(86_399_000);
    expect(await claim()).toBe(undefined);
    await bench.moveClock(1_000);
    expect(idsOf(await claim())).toStrictEqual(['tomorrow']);
  });

  test('a group holds about so many items: many small actions or one large', async () => {
    await seed(
      { id: 'large', items: 900, inMs: -9_000 },
      ...Array.from({ length: 6 }, (_, at) => ({ id: `small ${at}`, items: 100, inMs: -100 + at })),
    );
    expect([idsOf(await claim()), idsOf(await claim()), idsOf(await claim())]).toStrictEqual([
      ['large'],
      ['small 0', 'small 1', 'small 2', 'small 3', 'small 4'],
      ['small 5'],
    ]);
  });

  test('a group of recoveries is a small one: those that cannot be asked for again at once are left to others', async () => {
    await seed(...Array.from({ length: 70 }, (_, at) => ({ id: `in doubt ${at}`, kind: 'recover', inMs: -100 + at })));
    expect([idsOf(await claim()), idsOf(await claim()), idsOf(await claim())].map(({ length }) => length)).toStrictEqual([32, 32, 6]);
  });

  test('tenants take turns, however much one of them has waiting', async () => {
    await seed(...Array.from({ length: 40 }, (_, at) => ({ id: `flood ${at}`, tenant: 'flood', inMs: -90_000 + at })));
    await seed({ id: 'a', tenant: 'a' }, { id: 'b', tenant: 'b' }, { id: 'z', tenant: 'z' });
    const first = await claim({ items: 8 });
    expect([...idsOf(first)].sort()).toStrictEqual(['a', 'b', 'flood 0', 'flood 1', 'z']);
    await seed(...Array.from({ length: 3 }, (_, at) => ({ id: `big ${at}`, items: 500, tenant: 'a', priority: 1 })), {
      id: 'big b',
      items: 500,
      tenant: 'b',
      priority: 1,
    });
    const [one, two] = [await claim(), undefined];
    const next = await claim({ after: one!.lastTenant });
    expect([one!.lastTenant, next!.lastTenant, two]).toStrictEqual(['a', 'b', undefined]);
  });

  test('what a dead process held is free at once for one that knows itself to be alone; what waits after an error goes on waiting', async () => {
    await seed({ id: 'held', inMs: -2_000 }, { id: 'failed', inMs: -1_000 }, { id: 'later', inMs: 60_000 });
    const held = await claim({ items: 1 });
    const failed = await claim({ items: 1 });
    await queue.putOff(failed!.id, { delayMs: 60_000, code: 'code', counted: true, tries: 8 });
    await freeAbandoned(bench.db);
    expect(await bench.rows('select id from claims')).toStrictEqual([]);
    const next = await claim();
    expect([idsOf(held), idsOf(failed), idsOf(next), idsOf(await claim())]).toStrictEqual([['held'], ['failed'], ['held'], []]);
  });

  test('a claim that ran out is free again; until then nobody else gets its actions', async () => {
    await bench.moveClock(0);
    await seed({ id: 'one' });
    const first = await claim();
    expect([idsOf(first), await claim()]).toStrictEqual([['one'], undefined]);
    await bench.moveClock(30_001);
    expect(await queue.declare(first!.id, ['s'], [])).toBe(false);
    expect(idsOf(await claim())).toStrictEqual(['one']);
  });

  test('stands still while the table of actions is being built', async () => {
    await seed({ id: 'one' });
    await bench.rows(`update consumers set caught_up_at = null`);
    expect(await claim()).toBe(undefined);
    await bench.rows(`update consumers set caught_up_at = tidings_now()`);
    expect(idsOf(await claim())).toStrictEqual(['one']);
  });

  test('stands still while the facts that gates decide by are built for the first time', async () => {
    await seed({ id: 'one' });
    await bench.rows(
      `insert into consumers (name, suffix, version, state, facts, tables) values ('recipients', '_v1', 1, 'live', true, '{}')`,
    );
    expect(await claim()).toBe(undefined);
    await bench.rows(`update consumers set caught_up_at = tidings_now()`);
    expect(idsOf(await claim())).toStrictEqual(['one']);
  });

  test('many claiming at once never share an action', async () => {
    await seed(...Array.from({ length: 300 }, (_, at) => ({ id: `a${at}`, tenant: `t${at % 7}` })));
    const taken: string[] = [];
    const work = async (): Promise<void> => {
      for (let misses = 0; misses < 20;) {
        const group = await claim({ items: 10 });
        if (group) taken.push(...idsOf(group));
        else misses += 1;
      }
    };
    await Promise.all([work(), work(), work(), work()]);
    expect([taken.length, new Set(taken).size]).toStrictEqual([300, 300]);
  });
});

describe('after an effect', () => {
  const none: Process = { name: 'none', nouns: ['notification'], types: ['Seen'], react: () => [] };
  /** The consumer itself, in the place of its row. */
  const run = async (process: Process): Promise<void> => {
    await bench.rows(`delete from consumers`);
    await bench.start([actionsConsumer([process])]);
    await until(async () => (await bench.rows(`select from consumers where caught_up_at is not null`)).length > 0);
  };
  const readUpTo = async (n: number): Promise<unknown> =>
    until(async () => (await bench.rows(`select from consumers where position = $1`, positionAt(n))).length > 0);

  test('what it left is free when the consumer has passed what it wrote, not before', async () => {
    await run(none);
    await seed({ id: 'one' });
    const group = await claim();
    await queue.finish(group!.id, positionAt(2));
    bench.feed.add(happened('Seen', {}, { noun: 'notification' }));
    await readUpTo(1);
    expect(await claim()).toBe(undefined);
    bench.feed.add(happened('Seen', {}, { noun: 'notification' }));
    await until(async () => (await bench.rows(`select from claims`)).length === 0);
    expect(idsOf(await claim())).toStrictEqual(['one']);
  });

  test('a drainer that sleeps hears of what is free again', async () => {
    await bench.moveClock(0);
    await seed({ id: 'one' });
    let rounds = 0;
    const said: string[] = [];
    const telling: ActionQueue = {
      ...queue,
      finish: (id, upTo) => queue.finish(id, upTo).then(() => void said.push('finished')),
      nextDueMs: (kinds) => queue.nextDueMs(kinds).finally(() => void said.push('sleeps')),
    };
    const plan: Effect = async (group) => {
      rounds += 1;
      if (rounds > 1) await settled(group);
      else await until(() => said.includes('sleeps'));
      return positionAt(7);
    };
    await open({ plan }, { queue: telling });
    await until(() => said.includes('finished') && said.at(-1) === 'sleeps');
    await bench.rows(`select actions_release($1)`, positionAt(7));
    await until(async () => (await left()) === 0).catch(() => undefined);
    expect([rounds, await left()]).toStrictEqual([2, 0]);
  });

  /** Asks, in the name of a claim, for what that claim has left for a little later. */
  const asking: Process = {
    name: 'asking',
    nouns: ['notification'],
    types: ['Left', 'Seen'],
    react: ({ event }) => (event.type === 'Left' ? [event.data as Ask] : []),
  };
  const leaves = (heldBy: string): ReturnType<typeof happened> => {
    const ask: Ask = {
      do: 'ask',
      kind: 'handOff',
      id: 'rest',
      items: [0],
      priority: 'normal',
      dueAt: '2026-01-01T00:00:00.000Z' as Instant,
      heldBy,
    };
    return happened('Left', ask, { noun: 'notification' });
  };
  /** A claim that has left something, and the consumer has read of it. */
  const claimThatLeaves = async (): Promise<Claimed> => {
    await run(asking);
    await seed({ id: 'one' });
    const group = (await claim())!;
    bench.feed.add(leaves(group.id));
    await readUpTo(1);
    return group;
  };

  test('what a living group has planned and not started yet is its own, until what it wrote has been read', async () => {
    const group = await claimThatLeaves();
    expect(await claim()).toBe(undefined);
    expect(await queue.nextDueMs(['handOff'])).toBeGreaterThan(1_000);
    await queue.finish(group.id, positionAt(1));
    expect([(await claim())?.actions[0]?.target, (await claim())?.actions[0]?.target].sort()).toStrictEqual(['one', 'rest']);
  });

  test('what it has planned is anybody’s when its time is over, or when it had ended before that was read', async () => {
    await claimThatLeaves();
    await bench.moveClock(40_000);
    expect((await claim({ kinds: ['handOff'] }))?.actions[0]?.target).toBe('rest');
    await bench.rows(`delete from actions`);
    bench.feed.add(leaves(randomUUID()));
    await readUpTo(2);
    expect((await claim())?.actions[0]?.target).toBe('rest');
  });

  test('what it left is free at once when the consumer was faster than the drainer', async () => {
    await run(none);
    await seed({ id: 'one' });
    const group = await claim();
    bench.feed.add(happened('Seen', {}, { noun: 'notification' }));
    await readUpTo(1);
    expect(await claim()).toBe(undefined);
    await queue.finish(group!.id, positionAt(1));
    expect(idsOf(await claim())).toStrictEqual(['one']);
  });

  test('what it left is free when both speak at the same moment', async () => {
    await seed({ id: 'one' });
    const group = await claim();
    let finished = false;
    const finishing = await bench.db.transaction(async (tx) => {
      // As the consumer does it, and it has not committed yet.
      await tx.query({ text: 'select actions_release($1)', values: [positionAt(1)] });
      const finish = queue.finish(group!.id, positionAt(1)).then(() => (finished = true));
      const waits = `select from pg_locks where locktype = 'advisory' and not granted`;
      await until(async () => finished || (await bench.rows(waits)).length > 0);
      await tx.query({ text: `update consumers set position = $1 where name = 'actions'`, values: [positionAt(1)] });
      return { finish };
    });
    await finishing.finish;
    expect(idsOf(await claim())).toStrictEqual(['one']);
  });

  test('that was overtaken its actions are due again soon, and that is no failed try', async () => {
    await seed({ id: 'one' });
    const tries: number[] = [];
    const plan: Effect = async (group) => {
      tries.push(...group.actions.map((it) => it.tries));
      if (tries.length < 3) return 'overtaken';
      await settled(group);
      return 'nothing';
    };
    await open({ plan }, { backOffMs: 20 });
    await until(async () => (await left()) === 0).catch(() => undefined);
    expect([tries, await left()]).toStrictEqual([[0, 0, 0], 0]);
  });

  test('that wrote nothing, its actions are taken again when the claim is over, not in a hot loop', async () => {
    await bench.moveClock(0);
    await seed({ id: 'one' });
    let rounds = 0;
    const drainer = await open({ plan: async () => ((rounds += 1), 'nothing' as const) }, { pollMs: 5 });
    await until(async () => rounds > 0 && (await bench.rows(`select from claims`)).length === 0);
    expect(await claim()).toBe(undefined);
    await drainer.stop(1_000);
    expect(rounds).toBe(1);
    await bench.moveClock(30_001);
    expect(idsOf(await claim())).toStrictEqual(['one']);
  });
});

describe('a drainer', () => {
  test('carries out what is due, and what comes later when it is told of it', async () => {
    const done: string[] = [];
    await seed({ id: 'one' });
    await open({ plan: doing((group) => done.push(...idsOf(group))) });
    await until(async () => (await left()) === 0);
    await seed({ id: 'two' });
    await bench.rows(`select pg_notify('tidings_actions', to_char(now(), 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))`);
    await until(async () => (await left()) === 0);
    expect(done).toStrictEqual(['one', 'two']);
  });

  test('sleeps until the next is due, without being told', async () => {
    const done: string[] = [];
    await seed({ id: 'soon', inMs: 300 });
    await open({ plan: doing((group) => done.push(...idsOf(group))) });
    await until(async () => (await left()) === 0);
    expect(done).toStrictEqual(['soon']);
  });

  test('shares the work with another, without doing anything twice', async () => {
    await seed(...Array.from({ length: 200 }, (_, at) => ({ id: `a${at}`, tenant: `t${at % 3}` })));
    const done: string[] = [];
    const effects = { plan: doing((group) => done.push(...idsOf(group))) };
    await Promise.all([open(effects, { items: 5, worker: 'w1' }), open(effects, { items: 5, worker: 'w2' })]);
    await until(async () => (await left()) === 0);
    expect([done.length, new Set(done).size]).toStrictEqual([200, 200]);
  });

  test('gives what takes long its full time again, and ends the claim that it has by then', async () => {
    await bench.moveClock(0);
    await seed({ id: 'long', kind: 'applyBatch' });
    const seen: unknown[] = [];
    await open({
      applyBatch: async (group, _, prolong) => {
        for (const step of [1, 2]) {
          await bench.moveClock(20_000);
          const longer = step === 1 ? await prolong!() : undefined;
          seen.push(longer && longer.id !== group.id, idsOf(longer), idsOf(await claim({ kinds: ['applyBatch'] as never })));
        }
        await settled(group);
        return 'nothing';
      },
    });
    await until(async () => (await left()) === 0 && (await bench.rows('select from claims')).length === 0);
    expect(seen).toStrictEqual([true, ['long'], [], undefined, [], []]);
  });

  test('halves a group that throws, down to the one that is to blame, which is parked after 8 tries', async () => {
    await seed(...Array.from({ length: 8 }, (_, at) => ({ id: `a${at}` })));
    const done: string[] = [];
    let blamed = 0;
    const parked: string[] = [];
    await open(
      {
        plan: async (group, signal) => {
          if (idsOf(group).includes('a5')) {
            blamed += Number(group.actions.length === 1);
            throw new TypeError('quotes ann@example.org');
          }
          return doing((it) => done.push(...idsOf(it)))(group, signal);
        },
      },
      { pollMs: 50, observe: { onParked: (kind) => parked.push(kind) } },
    );
    await until(async () => (await left()) === 1 && (await parkedActions(bench.db, { limit: 9 })).rows.length === 1);
    const [action] = (await parkedActions(bench.db, { limit: 9 })).rows;
    expect({
      done: [...done].sort(),
      blamed,
      parked,
      tries: action?.tries,
      error: action?.error,
      backlog: { due: await countDueActions(bench.db, 9), parked: await countParkedActions(bench.db) },
    }).toStrictEqual({
      done: ['a0', 'a1', 'a2', 'a3', 'a4', 'a6', 'a7'],
      blamed: 8,
      parked: ['plan'],
      tries: 8,
      error: 'TypeError',
      backlog: { due: 0, parked: 1 },
    });
    expect([await retryParkedAction(bench.db, 'a5'), await retryParkedAction(bench.db, 'a4')]).toStrictEqual([true, false]);
    await until(() => blamed > 8);
  });

  test('what only a newer release can read waits for one: it is not parked, and the others of its group are done', async () => {
    await bench.moveClock(0);
    await seed({ id: 'new' }, { id: 'known' });
    let met = 0;
    const plan: Effect = async (group, signal) => {
      if (!idsOf(group).includes('new')) return doing(() => undefined)(group, signal);
      met += Number(group.actions.length === 1);
      throw new PortError('invalid', 'newer_release', 'event 1 (Seen) cannot be read');
    };
    await open({ plan }, { tries: 1, pollMs: 50 });
    const put = `select id, tries, error, parked_at, run_at > tidings_now() + interval '5 seconds' as later from actions where error is not null`;
    for (const round of [1, 2, 3]) {
      await until(async () => met === round && (await bench.rows<{ later: boolean }>(put)).some(({ later }) => later));
      expect(await bench.rows(put)).toStrictEqual([{ id: 'new', tries: 0, error: 'newer_release', parked_at: null, later: true }]);
      await bench.moveClock(11_000);
    }
    await until(() => left().then((n) => n === 1));
  });

  test('lists what is parked in pages, the oldest first', async () => {
    await seed({ id: 'c' }, { id: 'b' }, { id: 'a' });
    const at = `timestamptz '2026-01-01T00:00:00Z' + case id when 'a' then interval '2 ms' else interval '700 us' end`;
    await bench.db.query({ text: `update actions set parked_at = ${at}, run_at = 'infinity', error = 'bug'` });
    const first = await parkedActions(bench.db, { limit: 2 });
    expect(first.rows.map(({ id, error }) => [id, error])).toStrictEqual([
      ['b', 'bug'],
      ['c', 'bug'],
    ]);
    const second = await parkedActions(bench.db, { limit: 2, place: first.next ?? '' });
    expect([second.rows.map(({ id }) => id), second.next]).toStrictEqual([['a'], null]);
  });

  test('waits out an outage without counting tries', async () => {
    await seed({ id: 'a' }, { id: 'b' });
    let calls = 0;
    const done: string[] = [];
    await open(
      {
        plan: async (group, signal) => {
          calls += 1;
          if (calls <= 12) throw new PortError('unavailable', 'store_unreachable', 'cut');
          return doing((it) => done.push(...it.actions.map(({ id, tries }) => `${id} ${tries}`)))(group, signal);
        },
      },
      { pollMs: 20, backOffMs: 0.001 },
    );
    await until(async () => (await left()) === 0);
    expect([...done].sort()).toStrictEqual(['a 0', 'b 0']);
  });

  test('stops gracefully: takes nothing new, waits for what is in work', async () => {
    await seed({ id: 'one' }, { id: 'two', tenant: 'b' });
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const done: string[] = [];
    const drainer = await open(
      {
        plan: async (group, signal) => {
          await gate;
          return doing((it) => done.push(...idsOf(it)))(group, signal);
        },
      },
      { items: 1, concurrency: 1 },
    );
    await until(() => drainer.busy() === 1);
    const stopping = drainer.stop(10_000);
    release();
    expect([await stopping, done.length, await left()]).toStrictEqual([0, 1, 1]);
  });

  test.each([
    ['breaks off', () => Promise.reject(new Error('leaving off'))],
    ['leaves off before it has written anything', () => Promise.resolve('nothing' as const)],
  ])('what %s because it is told to is due again at once, and that is no failed try', async (_, end) => {
    await seed({ id: 'one' });
    const drainer = await open({
      plan: (_group, signal) =>
        new Promise<void>((resolve) => {
          signal.addEventListener('abort', () => resolve());
        }).then(end),
    });
    await until(() => drainer.busy() === 1);
    expect(await drainer.stop(5_000)).toBe(0);
    const text = 'select id, tries, claim, run_at <= tidings_now() as due from actions';
    expect(await bench.rows(text)).toStrictEqual([{ id: 'one', tries: 0, claim: null, due: true }]);
  });

  test('of a group in halves, the one that had not begun is due again at once too', async () => {
    await seed({ id: 'one' }, { id: 'two' });
    const drainer = await open({
      plan: (group, signal) =>
        group.actions.length === 2
          ? Promise.reject(new TypeError('one of them'))
          : new Promise((resolve) => {
              signal.addEventListener('abort', () => resolve('nothing'));
            }),
    });
    await until(async () => (await bench.rows<{ n: number }>('select count(distinct claim)::int as n from actions'))[0]?.n === 2);
    expect(await drainer.stop(5_000)).toBe(0);
    const text = 'select tries, claim, run_at <= tidings_now() as due from actions';
    expect(await bench.rows(text)).toStrictEqual([1, 2].map(() => ({ tries: 0, claim: null, due: true })));
  });

  test('tells what is in work to leave off when it stops', async () => {
    await seed({ id: 'one' });
    let told = false;
    const drainer = await open({
      plan: (_group, signal) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            told = true;
            resolve('nothing');
          });
        }),
    });
    await until(() => drainer.busy() === 1);
    expect([await drainer.stop(5_000), told]).toStrictEqual([0, true]);
  });

  test('stops in bounded time: an effect that does not end is left behind', async () => {
    await seed({ id: 'one' });
    const drainer = await open({ plan: () => new Promise(() => undefined) });
    await until(() => drainer.busy() === 1);
    expect(await drainer.stop(10)).toBe(1);
  });

  test('does not begin before the table has what the log had', async () => {
    await seed({ id: 'one' });
    let isReady = false;
    const done: string[] = [];
    let asked = 0;
    await open({ plan: doing((group) => done.push(...idsOf(group))) }, { isReady: async () => ((asked += 1), isReady) });
    await until(() => asked > 0);
    expect(done).toStrictEqual([]);
    isReady = true;
    await until(async () => (await left()) === 0);
    expect(done).toStrictEqual(['one']);
  });
});

describe('the handshake', () => {
  const facts = { projection: 'facts', position: positionAt(1), stream: 'recipient-acme_s' as StreamName };
  const ports = (waited: 'reached' | 'parked' | 'not_caught_up' = 'reached') => ({
    waitFor: async () => waited,
    claims: liveClaims(bench.db),
    time: systemTime,
  });

  test('waits for the claims that named the person or the address at the first look', async () => {
    await seed({ id: 'one' }, { id: 'two', priority: 1 }, { id: 'three', priority: 0 });
    const [three, two, one] = [await claim(), await claim(), await claim()];
    await queue.declare(one!.id, ['ann'], []);
    await queue.declare(one!.id, ['bob'], ['k2']);
    await queue.declare(two!.id, ['cy'], ['k1']);
    await queue.declare(three!.id, ['dee'], []);
    const answered: string[] = [];
    const looks: (() => void)[] = [];
    const time = { ...systemTime, after: (_ms: number, run: () => void) => (looks.push(run), () => undefined) };
    const waiting = settleHandOffs({ ...ports(), time }, { subjects: ['ann'], addressKeys: ['k1'] }, { facts, boundMs: 10_000 }).then(
      (it) => answered.push(it),
    );
    for (const ended of [one!, two!]) {
      await until(() => looks.length === 1);
      expect(answered).toStrictEqual([]);
      await queue.finish(ended.id, ended === one ? positionAt(9) : 'nothing');
      looks.pop()?.();
    }
    await waiting;
    expect(answered).toStrictEqual(['settled']);
  });

  test('answers pending past its bound, or when the facts stream is parked', async () => {
    await seed({ id: 'one' });
    await queue.declare((await claim())!.id, ['ann'], []);
    const who = { subjects: ['ann'], addressKeys: [] };
    expect([
      await settleHandOffs(ports(), who, { facts, boundMs: 60 }),
      await settleHandOffs(ports('parked'), who, { facts, boundMs: 10_000 }),
      await settleHandOffs(ports(), { subjects: ['bob'], addressKeys: [] }, { facts, boundMs: 10_000 }),
      // Nobody is busy with them, and still nobody can tell whether the facts have it.
      await settleHandOffs(ports('parked'), { subjects: ['bob'], addressKeys: [] }, { facts, boundMs: 10_000 }),
      await settleHandOffs(ports('not_caught_up'), { subjects: ['bob'], addressKeys: [] }, { facts, boundMs: 10_000 }),
    ]).toStrictEqual(['pending', 'pending', 'settled', 'pending', 'pending']);
  });

  test('a claim that ran out stands in nobody’s way, and is removed', async () => {
    await bench.moveClock(0);
    await seed({ id: 'one' });
    await queue.declare((await claim())!.id, ['ann'], []);
    await bench.moveClock(30_001);
    expect(await settleHandOffs(ports(), { subjects: ['ann'], addressKeys: [] }, { facts, boundMs: 0 })).toBe('settled');
    await bench.moveClock(60_000);
    expect(await queue.sweep()).toBe(1);
  });
});
