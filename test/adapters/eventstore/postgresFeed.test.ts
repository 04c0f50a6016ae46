import type pg from 'pg';
import { describe, expect, test } from 'vitest';
import type { EventStore, FeedBatch } from '../../../src/adapters/eventstore/port.ts';
import type { Position } from '../../../src/domain/values/ids.ts';
import { aStream, eventsOf, ids, readUntil, someEvents } from '../../contract/eventStore/samples.ts';
import { DEAF, setStage } from './postgresStore.ts';

const stage = setStage();
const NEVER_POLL = { pollMs: 3_600_000 };

describe('a subscription', () => {
  /** Appends one event whenever the reader has caught up, breaks something first, and expects to be told of it. */
  async function heals(store: EventStore, break_: () => Promise<unknown>, rounds = 3): Promise<void> {
    const wanted: string[] = [];
    const seen: string[] = [];
    const signal = new AbortController().signal;
    for await (const batch of store.subscribe(await store.head(), {}, signal)) {
      seen.push(...ids(batch.events));
      if (seen.length < wanted.length) continue;
      if (wanted.length === rounds) break;
      await break_();
      const events = someEvents(1);
      wanted.push(...ids(events));
      await store.append(aStream(), 'absent', events);
    }
    expect(seen).toStrictEqual(wanted);
  }
  test('is told of appends when the listening connection was terminated, without polling', async () => {
    const store = await stage.open(NEVER_POLL);
    let terminated = 0;
    await heals(store, async () => (terminated += await stage.terminate('tidings listen')));
    expect(terminated).toBeGreaterThan(0);
  });

  test('goes on when every connection is cut', async () => {
    const store = await stage.open(NEVER_POLL);
    await heals(store, () => Promise.resolve(stage.proxy().cut()));
  });

  test('finds by itself what it was never told of', async () => {
    const store = await stage.open({ listener: DEAF, pollMs: 20 });
    await heals(store, () => Promise.resolve());
  });

  test('goes on when its reads go unanswered', async () => {
    let failures = 0;
    const observer = { onFeedFailure: () => (failures += 1) };
    const store = await stage.open({ readMs: 200, pollMs: 20, observer });
    const feed = store.subscribe('start', {}, new AbortController().signal)[Symbol.asyncIterator]();
    await feed.next();
    stage.proxy().blackhole();
    const next = feed.next();
    await expect.poll(() => failures).toBeGreaterThan(0);
    stage.proxy().cut();
    stage.proxy().heal();
    const { position } = await store.append(aStream(), 'absent', someEvents(1));
    let upTo: Position | undefined;
    for (let result = await next; !result.done; result = await feed.next()) {
      upTo = result.value.upTo;
      if (upTo >= position) break;
    }
    expect(upTo).toBe(position);
  });

  /** Counts the pages that are asked for. */
  const counting = (): { readonly pool: pg.Pool; readonly pages: () => number } => {
    let pages = 0;
    const query = (config: { name?: string }): unknown => {
      if (config.name === 'log_page') pages += 1;
      return stage.database().workerPool.query(config as pg.QueryConfig);
    };
    return { pool: { query } as unknown as pg.Pool, pages: () => pages };
  };
  /** A listener whose announcements are the test's. */
  const announcer = () => {
    let onNotify: (payload: string | null) => void = () => undefined;
    const subscribe = (_: string, told: typeof onNotify): Promise<() => void> => {
      onNotify = told;
      return Promise.resolve(() => undefined);
    };
    return { listener: { subscribe }, announce: (position: string) => onNotify(String(Number(position))) };
  };
  const follow = (store: EventStore, after: Position | 'start'): AsyncIterator<FeedBatch, void, void> =>
    store.subscribe(after, {}, new AbortController().signal)[Symbol.asyncIterator]();

  test('asks for nothing while its reader is busy', async () => {
    const { pool, pages } = counting();
    const store = await stage.open({ pool, page: { events: 10 }, pollMs: 10 });
    const before = await store.head();
    await store.append(aStream(), 'absent', someEvents(100));
    const feed = follow(store, before);
    await feed.next();
    // Time enough for a hundred round trips, had anything been asked for.
    for (let n = 0; n < 100; n += 1) await store.head();
    expect(pages()).toBe(1);
    await feed.next();
    expect(pages()).toBe(2);
    await feed.return?.();
  });

  test('does not miss what was announced while its reader was busy', async () => {
    const { listener, announce } = announcer();
    const store = await stage.open({ listener, ...NEVER_POLL });
    const feed = follow(store, await store.head());
    await feed.next();
    const first = feed.next();
    const one = await store.append(aStream(), 'absent', someEvents(1));
    announce(one.position);
    expect((await first).value).toMatchObject({ upTo: one.position, caughtUp: true });
    const two = await store.append(aStream(), 'absent', someEvents(1));
    announce(two.position);
    expect((await feed.next()).value).toMatchObject({ upTo: two.position, caughtUp: true });
    await feed.return?.();
  });

  test('asks once for what was announced and is not there, and not over and over', async () => {
    const { pool, pages } = counting();
    const { listener, announce } = announcer();
    const store = await stage.open({ pool, listener, ...NEVER_POLL });
    const feed = follow(store, await store.head());
    await feed.next();
    const next = feed.next();
    announce('0009999999999999');
    for (let n = 0; n < 100; n += 1) await store.head();
    // The second to find it missing, and a third from what is on disk there, unless one of the looks at the head has found that before.
    expect([2, 3]).toContain(pages());
    await store.close();
    expect(await next).toStrictEqual({ done: true, value: undefined });
  });
});

describe('two processes at once', () => {
  test('no position is skipped or turned round for a reader who follows them', async () => {
    const [one, two] = [await stage.open({}, 'straight'), await stage.open({}, 'straight')];
    const before = await one.head();
    const total = 2 * 8 * 25 * 2;
    const readers = [one, two, one].map((store) =>
      readUntil(store.subscribe(before, {}, new AbortController().signal), (all) => eventsOf(all).length >= total),
    );
    const writers = [one, two].flatMap((store) =>
      Array.from({ length: 8 }, async () => {
        for (let n = 0; n < 25; n += 1) await store.append(aStream(), 'absent', someEvents(2));
      }),
    );
    await Promise.all(writers);
    const first = before === 'start' ? 0 : Number(before);
    const dense = Array.from({ length: total }, (_, n) => String(first + n + 1).padStart(16, '0'));
    for (const reader of readers) expect(eventsOf(await reader).map(({ position }) => position)).toStrictEqual(dense);
  });

  test('pages end with what the other acknowledged, though nobody has told of it', async () => {
    const [one, two] = [await stage.open({}, 'straight'), await stage.open({ listener: DEAF, ...NEVER_POLL }, 'straight')];
    const before = await one.head();
    await one.append(aStream(), 'absent', someEvents(2));
    // From here on it knows of these, and of nothing that comes.
    expect(await two.head()).toBe(await one.head());
    const events = someEvents(3);
    const { position } = await one.append(aStream(), 'absent', events);
    const read: string[] = [];
    let page = await two.readAll(before, {}, 10);
    for (; !page.caughtUp; page = await two.readAll(page.upTo, {}, 10)) read.push(...ids(page.events));
    expect([[...read, ...ids(page.events)].slice(2), page.upTo]).toStrictEqual([ids(events), position]);
  });

  test('of 50 appends at one revision exactly one wins', async () => {
    const [one, two] = [await stage.open({}, 'straight'), await stage.open({}, 'straight')];
    const stream = aStream();
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, (_, n) => (n % 2 === 0 ? one : two).appendMany([{ stream, at: 'absent', events: someEvents(1) }])),
    );
    const flat = outcomes.flat();
    expect(flat.filter(({ ok }) => ok)).toHaveLength(1);
    expect(flat.filter((it) => !it.ok)).toStrictEqual(Array.from({ length: 49 }, () => ({ ok: false, conflict: true, actual: 0 })));
  });

  test('a snapshot that somebody holds open changes nothing', async () => {
    const store = await stage.open({}, 'straight');
    const exporter = await stage.session();
    await exporter.query('begin isolation level repeatable read');
    await exporter.query('select count(*) from log.events');
    await Promise.all(Array.from({ length: 200 }, () => store.append(aStream(), 'absent', someEvents(1))));
    await heldOpen(exporter);
    await exporter.query('commit');
    expect((await store.readAll('start', {}, 1)).events).toHaveLength(1);
  });

  const heldOpen = async (exporter: pg.Client): Promise<void> => {
    const { rows } = await exporter.query<{ seen: string }>('select max(position)::text as seen from log.events');
    const { rows: now } = await stage.database().workerPool.query<{ seen: string }>('select max(position)::text as seen from log.events');
    expect(Number(now[0]?.seen) - Number(rows[0]?.seen)).toBeGreaterThanOrEqual(200);
  };
});
