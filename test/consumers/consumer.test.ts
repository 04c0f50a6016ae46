import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Recorded } from '../../src/domain/kernel/metadata.ts';
import { PortError } from '../../src/domain/kernel/portError.ts';
import { askParked, listParked } from '../../src/consumers/parking.ts';
import type { Time } from '../../src/consumers/ports.ts';
import { consumersStatus } from '../../src/consumers/status.ts';
import { happened, movedClock, openBench, systemTime, tally, unreadable, until, type Bench } from '../support/consumers.ts';
import { positionAt } from '../support/memoryFeed.ts';

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(async () => {
  await bench.close();
});

type Row = { stream: string; total: number; seen: string[] };
const table = async (suffix = '_v1'): Promise<Row[]> => [
  ...(await bench.rows<Row>(`select stream, total, seen from tally${suffix} order by stream`)),
];
const positionOf = async (name = 'tally'): Promise<string | null | undefined> =>
  (await bench.rows<{ position: string | null }>(`select position from consumers where name = $1 and state = 'live'`, name))[0]?.position;
const reached = (position: string): Promise<void> => until(async () => ((await positionOf()) ?? '') >= position);
const marks = (id: string, ...all: string[]): ReturnType<typeof happened>[] => all.map((mark) => happened('Marked', { mark }, { id }));

const statusOf = async () => (await consumersStatus(bench.db, await bench.feed.head()))[0];
/** What consumers tell. */
function told() {
  const [codes, stopped]: [string[], string[]] = [[], []];
  return {
    stopped,
    looks: () => codes.filter((code) => code === 'head_below_checkpoint').length,
    observe: {
      onStopped: (name: string, code: string) => stopped.push(`${name} ${code}`),
      onError: (_: string, code: string) => codes.push(code),
    },
  };
}

describe('taking batches in', () => {
  test('events end as rows, with the checkpoint at the last of them', async () => {
    await bench.start([tally()]);
    const position = bench.feed.add(...marks('a', '1', '2'), ...marks('b', '3'));
    await reached(position);
    expect(await table()).toStrictEqual([
      { stream: 'template-acme_a', total: 2, seen: ['1', '2'] },
      { stream: 'template-acme_b', total: 1, seen: ['3'] },
    ]);
  });

  test('the checkpoint passes what does not concern the consumer', async () => {
    await bench.start([tally()]);
    const position = bench.feed.add(happened('Other', {}, { noun: 'audit' }));
    await reached(position);
    expect(await table()).toStrictEqual([]);
  });

  test('what fails between rows and checkpoint leaves neither, and is applied once afterwards', async () => {
    let failures = 0;
    const projection = tally();
    const failing = {
      ...projection,
      apply: async (...args: Parameters<typeof projection.apply>) => {
        await projection.apply(...args);
        failures += 1;
        if (failures <= 2) throw new PortError('unavailable', 'database_unreachable', 'cut');
      },
    };
    await bench.start([failing]);
    await reached(bench.feed.add(...marks('a', '1', '2')));
    expect({ failures, rows: await table() }).toStrictEqual({
      failures: 3,
      rows: [{ stream: 'template-acme_a', total: 2, seen: ['1', '2'] }],
    });
  });

  test('a connection cut in the middle of a batch doubles nothing', async () => {
    let cuts = 0;
    const projection = tally({
      before: async () => {
        cuts += 1;
        if (cuts === 1) await bench.fresh.cut('tidings worker');
      },
    });
    await bench.start([projection]);
    await reached(bench.feed.add(...marks('a', '1', '2', '3')));
    expect(await table()).toStrictEqual([{ stream: 'template-acme_a', total: 3, seen: ['1', '2', '3'] }]);
  });

  test('events behind the checkpoint are not applied again', async () => {
    const first = await bench.start([tally()]);
    await reached(bench.feed.add(...marks('a', '1')));
    await first.stop();
    const redelivering = {
      ...bench.feed,
      subscribe: (_after: unknown, ...rest: [never, AbortSignal]) => bench.feed.subscribe('start', ...rest),
      readAll: (_after: unknown, ...rest: [never, number]) => bench.feed.readAll('start', ...rest),
    } as typeof bench.feed;
    await bench.start([tally()], { feed: redelivering });
    await reached(bench.feed.add(...marks('a', '2')));
    expect(await table()).toStrictEqual([{ stream: 'template-acme_a', total: 2, seen: ['1', '2'] }]);
  });

  test('a log that ends before the checkpoint stops the consumer for good, visibly', async () => {
    const first = await bench.start([tally()]);
    await reached(bench.feed.add(...marks('a', '1', '2')));
    await first.stop();
    bench.feed.forget(1);
    const { clock, moving } = movedClock();
    const { looks, stopped, observe } = told();
    const began = clock.epochMs();
    const second = await bench.start([tally()], { time: clock, observe });
    await moving(async () => (await statusOf())?.status === 'doubtful');
    await moving(() => stopped.length > 0);
    // A minute, in which it looked again and again: ten times, or less often where each look took long.
    expect(clock.epochMs() - began).toBeGreaterThanOrEqual(60_000);
    expect([2, 3, 4, 5, 6, 7, 8, 9, 10]).toContain(looks());
    await second.stop();
    bench.feed.add(...marks('a', '3', '4', '5'));
    await bench.start([tally()]);
    const status = await statusOf();
    expect({ stopped, status: status?.status, reason: status?.reason, rows: await table() }).toStrictEqual({
      stopped: ['tally head_below_checkpoint'],
      status: 'stopped',
      reason: 'head_below_checkpoint',
      rows: [{ stream: 'template-acme_a', total: 2, seen: ['1', '2'] }],
    });
  });

  test('a log whose end is missing for seconds, as a node shows it that was cut off, stops nobody', async () => {
    const { clock, moving } = movedClock();
    const { looks, stopped, observe } = told();
    await bench.start([tally()], { time: clock, observe });
    const position = bench.feed.add(...marks('a', '1'), ...marks('b', '2'), happened('Other', {}, { noun: 'audit' }));
    await moving(async () => (await positionOf()) === position);
    const [, two, other] = bench.feed.log();
    bench.feed.forget(2);
    await moving(async () => (await statusOf())?.status === 'doubtful');
    expect((await statusOf())?.reason).toBe('head_below_checkpoint');
    await moving(() => looks() >= 4 || stopped.length > 0);
    expect(stopped).toStrictEqual([]);
    bench.feed.add(two as Recorded, other as Recorded);
    const next = bench.feed.add(...marks('a', '3'));
    await moving(async () => (await positionOf()) === next);
    expect([stopped, (await statusOf())?.status, await table()]).toStrictEqual([
      [],
      'live',
      [
        { stream: 'template-acme_a', total: 2, seen: ['1', '3'] },
        { stream: 'template-acme_b', total: 1, seen: ['2'] },
      ],
    ]);
  });

  test('an older log that was written on before anybody looked stops it', async () => {
    const first = await bench.start([tally()]);
    const position = bench.feed.add(...marks('a', '1', '2'));
    await reached(position);
    await first.stop();
    bench.feed.forget(1);
    bench.feed.add(...marks('a', '3', '4'));
    const { stopped, observe } = told();
    await bench.start([tally()], { observe });
    await until(async () => stopped.length > 0 || (await positionOf()) !== position);
    expect([stopped, await table()]).toStrictEqual([
      ['tally head_below_checkpoint'],
      [{ stream: 'template-acme_a', total: 2, seen: ['1', '2'] }],
    ]);
  });

  test.each([
    ['in the place of what was taken in', 1],
    ['among what did not concern the consumer', 0],
  ])('an older log that was written on beyond the checkpoint stops it, also when that stands %s', async (_where, forgotten) => {
    const { clock, moving } = movedClock();
    const { stopped, observe } = told();
    await bench.start([tally()], { time: clock, observe });
    const position = bench.feed.add(...marks('a', '1', '2'), happened('Other', {}, { noun: 'audit' }));
    await moving(async () => (await positionOf()) === position);
    bench.feed.forget(1 + forgotten);
    await moving(async () => (await statusOf())?.status === 'doubtful');
    bench.feed.add(...marks('a', '3', '4', '5'));
    await moving(async () => stopped.length > 0 || (await positionOf()) !== position);
    expect([stopped, await table()]).toStrictEqual([
      ['tally head_below_checkpoint'],
      [{ stream: 'template-acme_a', total: 2, seen: ['1', '2'] }],
    ]);
  });
});

describe('resting between two batches', () => {
  /** Each batch takes 40 ms by this clock, which stands still otherwise; `asked`: how long anybody waited by it. Waits of `held` ms never end. */
  function slowly(held?: number) {
    let now = 0;
    const asked: number[] = [];
    const time: Time = {
      epochMs: () => now,
      after: (ms, run) => {
        asked.push(ms);
        return ms === held ? () => undefined : systemTime.after(ms, run);
      },
    };
    return { asked, time, before: () => Promise.resolve(void (now += 40)) };
  }

  test.each([
    ['as long as the last one took, at most 25 ms', false, 25],
    ['four times as long where nobody acts on its rows, at most 200 ms', true, 160],
  ])('a consumer rests %s', async (_, unhurried, ms) => {
    const { asked, time, before } = slowly();
    await bench.start([tally({ unhurried, before })], { time });
    await reached(bench.feed.add(...marks('a', '1')));
    await until(() => asked.includes(ms));
    expect(asked.filter((it) => it === 25 || it === 160)).toStrictEqual([ms]);
  });

  test('a rest ends when the others would have to wait for it', async () => {
    const { asked, time, before } = slowly(160);
    await bench.start([tally({ unhurried: true, before })], { time });
    await reached(bench.feed.add(...marks('a', '1')));
    await until(() => asked.includes(160));
    // More than the reader lets wait for one consumer.
    await reached(bench.feed.add(happened('Marked', { mark: '2', many: Array.from({ length: 10_000 }, () => 0) }, { id: 'a' })));
    expect(await table()).toStrictEqual([{ stream: 'template-acme_a', total: 2, seen: ['1', '2'] }]);
  });
});

describe('poison', () => {
  const poisonous = new Set<string>();
  const careful = (facts = false) =>
    tally({
      facts,
      before: async (events: readonly Recorded[]) => {
        if (events.some(({ event }) => poisonous.has((event.data as { mark?: string }).mark ?? '')))
          throw new TypeError('quotes ann@example.org');
      },
    });
  beforeEach(() => {
    poisonous.clear();
  });

  test('is parked by code alone, its stream waits behind it, other streams go on', async () => {
    poisonous.add('a2');
    await bench.start([careful()]);
    await reached(bench.feed.add(...marks('a', 'a1'), ...marks('b', 'b1'), ...marks('a', 'a2'), ...marks('b', 'b2'), ...marks('a', 'a3')));
    await reached(bench.feed.add(...marks('a', 'a4'), ...marks('b', 'b3')));
    const parked = await listParked(bench.db, 'tally');
    expect({
      rows: await table(),
      parked: parked.map(({ stream, error, tries, position }) => [stream, error, tries, position]),
    }).toStrictEqual({
      rows: [
        { stream: 'template-acme_a', total: 1, seen: ['a1'] },
        { stream: 'template-acme_b', total: 3, seen: ['b1', 'b2', 'b3'] },
      ],
      parked: [
        ['template-acme_a', 'TypeError', 4, positionAt(3)],
        ['template-acme_a', 'behind', 0, positionAt(5)],
        ['template-acme_a', 'behind', 0, positionAt(6)],
      ],
    });
  });

  test('an event that cannot be read is parked at once', async () => {
    await bench.start([careful()]);
    await reached(bench.feed.add(...marks('a', 'a1'), unreadable('unknown_type', 'a'), ...marks('a', 'a2'), ...marks('b', 'b1')));
    const parked = await listParked(bench.db, 'tally');
    expect({ rows: await table(), parked: parked.map(({ error, tries }) => [error, tries]) }).toStrictEqual({
      rows: [
        { stream: 'template-acme_a', total: 1, seen: ['a1'] },
        { stream: 'template-acme_b', total: 1, seen: ['b1'] },
      ],
      parked: [
        ['unknown_type', 1],
        ['behind', 0],
      ],
    });
  });

  test('retried when asked, the stream comes in order and flows again', async () => {
    poisonous.add('a1');
    await bench.start([careful()]);
    await reached(bench.feed.add(...marks('a', 'a1', 'a2', 'a3')));
    const [first, second] = await listParked(bench.db, 'tally');
    expect(await askParked(bench.db, 'tally', first!.id, 'retry')).toBe('asked');
    await until(async () => (await listParked(bench.db, 'tally'))[0]?.tries === 5);
    poisonous.clear();
    expect(await askParked(bench.db, 'tally', second!.id, 'retry')).toBe('asked');
    await until(async () => (await listParked(bench.db, 'tally')).length === 0);
    await reached(bench.feed.add(...marks('a', 'a4')));
    expect(await table()).toStrictEqual([{ stream: 'template-acme_a', total: 4, seen: ['a1', 'a2', 'a3', 'a4'] }]);
  });

  test('is found again, however far behind it lies what was applied before', async () => {
    poisonous.add('a2');
    const others = Array.from({ length: 5 }, () => happened('Other', {}, { noun: 'audit' }));
    const position = bench.feed.add(...marks('a', 'a1'), ...others, ...marks('a', 'a2'));
    // A page looks at one event, whether or not it passes the filter.
    const readAll: typeof bench.feed.readAll = async (after, { nouns = [] }) => {
      const page = await bench.feed.readAll(after, {}, 1);
      return { ...page, events: page.events.filter(({ stream }) => nouns.some((noun) => stream.startsWith(`${noun}-`))) };
    };
    await bench.start([careful()], { feed: { ...bench.feed, readAll } });
    await reached(position);
    poisonous.clear();
    const [parked] = await listParked(bench.db, 'tally');
    expect(await askParked(bench.db, 'tally', parked!.id, 'retry')).toBe('asked');
    await until(async () => (await listParked(bench.db, 'tally')).length === 0);
    expect(await table()).toStrictEqual([{ stream: 'template-acme_a', total: 2, seen: ['a1', 'a2'] }]);
  });

  test('skipped when asked, what waited behind it goes on', async () => {
    poisonous.add('a1');
    await bench.start([careful()]);
    await reached(bench.feed.add(...marks('a', 'a1', 'a2')));
    const [first] = await listParked(bench.db, 'tally');
    expect(await askParked(bench.db, 'tally', first!.id, 'skip')).toBe('asked');
    await until(async () => (await listParked(bench.db, 'tally')).length === 0);
    expect(await table()).toStrictEqual([{ stream: 'template-acme_a', total: 1, seen: ['a2'] }]);
  });

  test('of a facts stream cannot be skipped', async () => {
    poisonous.add('a1');
    await bench.start([careful(true)]);
    await reached(bench.feed.add(...marks('a', 'a1')));
    const [first] = await listParked(bench.db, 'tally');
    expect(await askParked(bench.db, 'tally', first!.id, 'skip')).toBe('facts');
    expect(await askParked(bench.db, 'tally', '00000000-0000-0000-0000-000000000000', 'retry')).toBe('unknown');
  });
});
