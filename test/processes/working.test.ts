import { afterEach, beforeEach, expect, test } from 'vitest';
import { actionQueue } from '../../src/adapters/postgres/actions/actionQueue.ts';
import { openWaitFor } from '../../src/consumers/waitFor.ts';
import type { Instant } from '../../src/domain/values/instant.ts';
import { actionsConsumer } from '../../src/processes/actionsConsumer.ts';
import { openDrainer, type Drainer } from '../../src/processes/drainer.ts';
import type { Effect, Process } from '../../src/processes/process.ts';
import { happened, openBench, systemTime, until, type Bench } from '../support/consumers.ts';

let bench: Bench;
const drainers: Drainer[] = [];
beforeEach(async () => {
  bench = await openBench();
});
afterEach(async () => {
  await Promise.all(drainers.splice(0).map((drainer) => drainer.stop(1_000)));
  await bench.close();
});

const AT = '2026-01-01T00:00:00.000Z' as Instant;
type Data = { readonly of: string; readonly items: readonly number[] };
/** Asked for by `Wanted`, settled by `Done`. */
const simple: Process = {
  name: 'simple',
  nouns: ['notification'],
  types: ['Wanted', 'Done'],
  react: ({ event }) => {
    const { of: id, items } = event.data as Data;
    return event.type === 'Wanted'
      ? [{ do: 'ask', kind: 'plan', id, items, priority: 'normal', dueAt: AT }]
      : [{ do: 'settle', kinds: ['plan'], id, items }];
  },
};
const on = (type: string, data: Data): ReturnType<typeof happened> => happened(type, data, { noun: 'notification', id: data.of });

/** As an effect does: what the log says is done is left out, the rest is done and written down. */
const effectOver =
  (ledger: string[], mayFail: () => boolean): Effect =>
  async ({ actions }) => {
    const done = new Set(
      bench.feed
        .log()
        .flatMap((it) =>
          'event' in it && it.event.type === 'Done' ? (it.event.data as Data).items.map((n) => `${(it.event.data as Data).of} ${n}`) : [],
        ),
    );
    const open = actions
      .map(({ target, items }) => ({ of: target, items: items.filter((n) => !done.has(`${target} ${n}`)) }))
      .filter(({ items }) => items.length > 0);
    if (mayFail()) throw new TypeError('before anything was done');
    for (const { of, items } of open) ledger.push(...items.map((n) => `${of} ${n}`));
    return open.length === 0 ? 'nothing' : bench.feed.add(...open.map((data) => on('Done', data)));
  };

test('from log to actions to effects and back: everything is done once, whoever fails or is replaced meanwhile', async () => {
  const consumer = actionsConsumer([simple]);
  const first = await bench.start([consumer], { batchEvents: 7 });
  await bench.start([consumer], { batchEvents: 7 });
  const waiting = await openWaitFor(bench.db, systemTime);
  const ledger: string[] = [];
  let calls = 0;
  const effect = effectOver(ledger, () => (calls += 1) % 5 === 0);
  for (const worker of ['w1', 'w2']) {
    const isReady = async (): Promise<boolean> => {
      const head = await bench.feed.head();
      return head === 'start' || (await waiting.waitFor('actions', head, { boundMs: 1_000 })) === 'reached';
    };
    drainers.push(
      await openDrainer({
        queue: actionQueue(bench.db),
        effects: { plan: effect },
        time: systemTime,
        db: bench.db,
        worker,
        isReady,
        items: 30,
        pollMs: 50,
        backOffMs: 1,
      }),
    );
  }
  const wanted = Array.from({ length: 120 }, (_, at): Data => ({ of: `n${at}`, items: [0, 1, 2, 3] }));
  for (const data of wanted.slice(0, 60)) bench.feed.add(on('Wanted', data));
  await until(() => ledger.length > 40);
  await first.stop();
  for (const data of wanted.slice(60)) bench.feed.add(on('Wanted', data));
  await until(async () => ledger.length >= 480 && (await bench.rows('select from actions')).length === 0, 60_000);
  await waiting.close();
  expect([...ledger].sort()).toStrictEqual(wanted.flatMap(({ of, items }) => items.map((n) => `${of} ${n}`)).sort());
});

test('a table that is built anew makes nobody do anything again', async () => {
  const ledger: string[] = [];
  const effect = effectOver(ledger, () => false);
  bench.feed.add(...['a', 'b', 'c'].flatMap((of) => [on('Wanted', { of, items: [0, 1] }), on('Done', { of, items: [0] })]));
  const open = async (): Promise<void> => {
    const isReady = (): Promise<boolean> => Promise.resolve(true);
    drainers.push(
      await openDrainer({
        queue: actionQueue(bench.db),
        effects: { plan: effect },
        time: systemTime,
        db: bench.db,
        worker: 'w',
        isReady,
        pollMs: 30,
      }),
    );
  };
  await open();
  await bench.start([actionsConsumer([simple])], { batchEvents: 1 });
  await until(async () => ledger.length >= 3 && (await bench.rows('select from actions')).length === 0);
  await bench.start([actionsConsumer([simple], 2)], { batchEvents: 1 });
  await until(async () => (await bench.rows(`select from consumers where version = 2 and caught_up_at is not null`)).length === 1);
  await until(async () => (await bench.rows('select from actions')).length === 0);
  expect([...ledger].sort()).toStrictEqual(['a 1', 'b 1', 'c 1']);
});
