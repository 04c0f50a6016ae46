import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { requestRebuild } from '../../src/consumers/rebuild.ts';
import type { Recorded } from '../../src/domain/kernel/metadata.ts';
import { PRIORITIES, type Priority } from '../../src/domain/values/channel.ts';
import { instantOf, type Instant } from '../../src/domain/values/instant.ts';
import { actionChanges } from '../../src/processes/actionChanges.ts';
import { actionsConsumer } from '../../src/processes/actionsConsumer.ts';
import type { ActionKind, Process, Reaction } from '../../src/processes/process.ts';
import { happened, openBench, TENANT, until, type Bench } from '../support/consumers.ts';
import { positionAt } from '../support/memoryFeed.ts';

/** What a notification's events are in the model of the protocol (handoff.mjs), and what they leave to be done there. */
type ModelEvent =
  | { readonly type: 'requested'; readonly items: readonly number[] }
  | { readonly type: 'planned'; readonly go: readonly number[]; readonly later: readonly number[]; readonly suppressed: readonly number[] }
  | { readonly type: 'started'; readonly items: readonly number[] }
  | { readonly type: 'recorded'; readonly items: readonly number[]; readonly again: readonly number[] }
  | { readonly type: 'cancelled'; readonly items: readonly number[] };

const DUE = '2026-12-01T09:00:00.000Z' as Instant;
const reactionsOf = (id: string, priority: Priority, event: ModelEvent): readonly Reaction[] => {
  const ask = (kind: ActionKind, items: readonly number[]): Reaction => ({ do: 'ask', kind, id, items, priority, dueAt: DUE });
  const settle = (kinds: readonly ActionKind[], items: readonly number[]): Reaction => ({ do: 'settle', kinds, id, items });
  switch (event.type) {
    case 'requested':
      return [ask('plan', event.items)];
    case 'planned':
      return [settle(['plan', 'handOff'], [...event.go, ...event.suppressed]), ask('handOff', event.later)];
    case 'started':
      return [settle(['handOff', 'recover'], event.items), ask('recover', event.items)];
    case 'recorded':
      return [settle(['handOff', 'recover'], event.items), ask('handOff', event.again)];
    case 'cancelled':
      return [settle(['plan', 'handOff'], event.items)];
  }
};
type Data = { readonly of: string; readonly priority: Priority; readonly event: ModelEvent };
const model: Process = {
  name: 'model',
  nouns: ['notification'],
  types: ['Modelled'],
  react: ({ event }) => {
    const { of, priority, event: inner } = event.data as Data;
    return reactionsOf(of, priority, inner);
  },
};

type Row = { kind: string; target: string; items: readonly number[]; priority: number };
/** One event at a time, as the model does it. */
function modelTable(log: readonly Recorded[]): Row[] {
  let rows: Row[] = [];
  for (const recorded of log) {
    for (const reaction of model.react(recorded)) {
      if (reaction.do === 'ask')
        rows.push({ kind: reaction.kind, target: reaction.id, items: reaction.items, priority: PRIORITIES.indexOf(reaction.priority) });
      else {
        const settled = reaction.items as readonly number[];
        rows = rows.map((row) =>
          row.target === reaction.id && (reaction.kinds as readonly string[]).includes(row.kind)
            ? { ...row, items: row.items.filter((item) => !settled.includes(item)) }
            : row,
        );
      }
    }
    rows = rows.filter(({ items }) => items.length > 0);
  }
  return sorted(rows);
}
const sorted = <R extends Row>(rows: readonly R[]): R[] =>
  rows
    .map((row) => ({ ...row, items: [...row.items].sort((a, b) => a - b) }))
    .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));

const someItems = fc.uniqueArray(fc.integer({ min: 0, max: 7 }), { maxLength: 6 });
const modelEvent: fc.Arbitrary<ModelEvent> = fc.oneof(
  fc.record({ type: fc.constant('requested' as const), items: someItems }),
  fc.record({ type: fc.constant('planned' as const), go: someItems, later: someItems, suppressed: someItems }),
  fc.record({ type: fc.constant('started' as const), items: someItems }),
  fc.record({ type: fc.constant('recorded' as const), items: someItems, again: someItems }),
  fc.record({ type: fc.constant('cancelled' as const), items: someItems }),
);
const history = fc.array(
  fc.record({ of: fc.constantFrom('n1', 'n2', 'n3'), priority: fc.constantFrom<Priority>('critical', 'normal'), event: modelEvent }),
  { minLength: 1, maxLength: 40 },
);
const log = (all: readonly Data[]): Recorded[] =>
  all.map((data, at) => ({ ...happened('Modelled', data, { noun: 'notification', id: data.of }), position: positionAt(at + 1) }));

describe('within a batch', () => {
  const batch = (...events: readonly ModelEvent[]) =>
    actionChanges([model], log(events.map((event) => ({ of: 'n1', priority: 'normal', event }))));

  test('what is asked and settled never gets to the table', () => {
    expect(batch({ type: 'requested', items: [0, 1] }, { type: 'planned', go: [0, 1], later: [], suppressed: [] })).toStrictEqual({
      settled: [
        { tenant: TENANT, target: 'n1', kind: 'plan', items: [0, 1], whole: false },
        { tenant: TENANT, target: 'n1', kind: 'handOff', items: [0, 1], whole: false },
      ],
      asked: [],
    });
  });

  test('what is settled and asked again stays asked', () => {
    const events = log([
      { of: 'n1', priority: 'high', event: { type: 'started', items: [1, 0] } },
      { of: 'n1', priority: 'high', event: { type: 'started', items: [1] } },
    ]);
    expect(actionChanges([model], events).asked).toStrictEqual([
      {
        id: `${events[0]!.id}.model.1`,
        process: 'model',
        kind: 'recover',
        tenant: TENANT,
        target: 'n1',
        items: [0],
        priority: 1,
        due_at: DUE,
      },
      {
        id: `${events[1]!.id}.model.1`,
        process: 'model',
        kind: 'recover',
        tenant: TENANT,
        target: 'n1',
        items: [1],
        priority: 1,
        due_at: DUE,
      },
    ]);
  });

  test('a whole target has no items, and goes only as a whole', () => {
    const batchProcess: Process = {
      name: 'batches',
      nouns: ['batch'],
      types: ['Paused', 'Applied', 'Other'],
      react: ({ event }) =>
        event.type === 'Paused'
          ? [{ do: 'ask', kind: 'applyBatch', id: 'b', items: [], priority: 'low', dueAt: DUE }]
          : [{ do: 'settle', kinds: ['applyBatch'], id: 'b', items: event.type === 'Applied' ? 'all' : [] }],
    };
    const on = (...types: readonly string[]) =>
      actionChanges(
        [batchProcess],
        types.map((type) => ({ ...happened(type, {}, { noun: 'batch', id: 'b' }), position: positionAt(1) })),
      );
    expect([on('Paused', 'Other').asked.length, on('Paused', 'Applied').asked.length, on('Applied').settled]).toStrictEqual([
      1,
      0,
      [{ tenant: TENANT, target: 'b', kind: 'applyBatch', items: [], whole: true }],
    ]);
  });
});

describe('the table of actions', () => {
  let bench: Bench;
  const consumer = actionsConsumer([model]);
  beforeAll(async () => {
    bench = await openBench();
  });
  afterAll(async () => {
    await bench.close();
  });
  const apply = (events: readonly Recorded[]): Promise<void> => bench.db.transaction((tx) => consumer.apply(events, tx, ''));
  const clear = (): Promise<unknown> => bench.rows('delete from actions');
  const table = async (): Promise<(Row & { id: string })[]> =>
    sorted(await bench.rows<Row & { id: string }>('select kind, target, items, priority::int as priority, id from actions'));
  const withoutIds = (rows: readonly (Row & { id: string })[]): Row[] =>
    sorted(rows.map(({ kind, target, items, priority }) => ({ kind, target, items, priority })));

  test('is the function of the log that the model says, whatever the batches, and the same when built anew', async () => {
    await fc.assert(
      fc.asyncProperty(history, fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 8 }), async (data, sizes) => {
        const events = log(data);
        await clear();
        for (let [at, turn] = [0, 0]; at < events.length; turn += 1) {
          const size = sizes[turn % sizes.length]!;
          await apply(events.slice(at, at + size));
          at += size;
        }
        const incremental = await table();
        await clear();
        await apply(events);
        expect(incremental).toStrictEqual(await table());
        expect(withoutIds(incremental)).toStrictEqual(modelTable(events));
      }),
      { numRuns: 150 },
    );
  });

  test('an event applied twice asks for nothing twice', async () => {
    await clear();
    const events = log([{ of: 'n1', priority: 'normal', event: { type: 'requested', items: [0, 1] } }]);
    await apply(events);
    await apply(events);
    expect(withoutIds(await table())).toStrictEqual([{ kind: 'plan', target: 'n1', items: [0, 1], priority: 2 }]);
  });

  test('another tenant with the same ids is another target', async () => {
    await clear();
    const [asked, settled] = log([
      { of: 'n1', priority: 'normal', event: { type: 'requested', items: [0, 1] } },
      { of: 'n1', priority: 'normal', event: { type: 'cancelled', items: [0, 1] } },
    ]);
    const others = { ...settled!, stream: 'notification-other_n1' as Recorded['stream'] };
    await apply([asked!, others]);
    expect(withoutIds(await table())).toStrictEqual([{ kind: 'plan', target: 'n1', items: [0, 1], priority: 2 }]);
    await apply([others]);
    expect(withoutIds(await table())).toStrictEqual([{ kind: 'plan', target: 'n1', items: [0, 1], priority: 2 }]);
  });

  test('rebuilt in place, it is the same again, without what drainers had noted', async () => {
    await clear();
    const events = log([
      { of: 'n1', priority: 'normal', event: { type: 'requested', items: [0, 1] } },
      { of: 'n2', priority: 'critical', event: { type: 'requested', items: [3] } },
      { of: 'n1', priority: 'normal', event: { type: 'planned', go: [1], later: [1], suppressed: [] } },
    ]);
    await bench.start([consumer]);
    const head = bench.feed.add(...events);
    const reached = (): Promise<void> =>
      until(
        async () => (await bench.rows(`select from consumers where name = 'actions' and position = $1 and applied = 3`, head)).length > 0,
      );
    await reached();
    const before = await table();
    await bench.rows(`update actions set tries = 3, run_at = $1`, instantOf(Date.now() + 1e9));
    await requestRebuild(bench.db, 'actions');
    await until(async () => (await bench.rows(`select from actions where tries > 0`)).length === 0);
    await reached();
    expect(await table()).toStrictEqual(before);
  });
});
