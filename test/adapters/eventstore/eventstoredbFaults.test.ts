import { status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { openEventStoreDb } from '../../../src/adapters/eventstore/eventstoredb/eventStoreDb.ts';
import type { EventStore, FeedBatch, Write } from '../../../src/adapters/eventstore/port.ts';
import { aStream, eventsOf, ids, readUntil, refusal, settled, someEvents } from '../../contract/eventStore/samples.ts';
import { type EventStoreDouble } from '../../support/eventstoredb/eventStoreDouble.ts';
import { openedPerTest } from '../../support/eventstoredb/opened.ts';

const { after, aServer, open } = openedPerTest();
const writes = (count: number): readonly (Write & { readonly at: 'absent' })[] =>
  Array.from({ length: count }, () => ({ stream: aStream(), at: 'absent' as const, events: someEvents(1) }));
const ownIds = (double: EventStoreDouble): readonly string[] =>
  double.events().flatMap(({ stream, id }) => (stream.startsWith('$') ? [] : [id]));
const endless = (): AbortSignal => new AbortController().signal;

describe('an append whose outcome is open is sent again and lands once', () => {
  test('when the replies to 1,000 of them are lost', { timeout: 120_000 }, async () => {
    const double = await aServer();
    const store = await open(double.url, { append: { attemptMs: 600, deadlineMs: 60_000 } });
    await store.append(aStream(), 'absent', someEvents(1));
    const all = writes(1_000);
    double.loseReplies(1_000, 'silent');
    const outcomes = await store.appendMany(all);
    expect(outcomes.filter(({ ok }) => !ok)).toStrictEqual([]);
    expect(ownIds(double)).toHaveLength(1_001);
    expect(new Set(ownIds(double)).size).toBe(1_001);
    const read = await store.readStreams(all.map(({ stream }) => stream));
    expect([...read.values()].map(ids)).toStrictEqual(all.map(({ events }) => ids(events)));
    expect(outcomes.map((it) => it.ok && it.position)).toStrictEqual([...read.values()].map((events) => events[0]?.position));
  });

  test('when the call breaks with each reply, for itself and all beside it', { timeout: 240_000 }, async () => {
    const double = await aServer();
    const store = await open(double.url);
    for (let round = 0; round < 50; round += 1) {
      const all = writes(4);
      double.loseReplies(1, 'broken');
      expect((await store.appendMany(all)).filter(({ ok }) => !ok)).toStrictEqual([]);
    }
    expect(ownIds(double)).toHaveLength(200);
    expect(new Set(ownIds(double)).size).toBe(200);
  });

  test('when the reply is lost and then another node is said to lead, nobody says that it was not written', async () => {
    const [double, nobody] = [await aServer(), await aServer()];
    await nobody.close();
    const store = await open(double.url, { append: { attemptMs: 10_000, deadlineMs: 3_000 } });
    await store.append(aStream(), 'absent', someEvents(1));
    double.loseReplies(1, 'silent');
    const lost = refusal(store.append(aStream(), 'absent', someEvents(1)));
    await expect.poll(() => ownIds(double).length).toBe(2);
    double.referToLeader(nobody.endpoint, Infinity);
    const other = refusal(store.append(aStream(), 'absent', someEvents(1)));
    expect(await lost).toStrictEqual({ kind: 'unavailable', code: 'append_open' });
    expect(await other).toStrictEqual({ kind: 'unavailable', code: 'append_open' });
  });

  test('when the stream that all appends share breaks under them, again and again', async () => {
    const double = await aServer();
    const store = await open(double.url);
    const streams = Array.from({ length: 16 }, () => aStream());
    const events = streams.map(() => someEvents(30));
    let running = true;
    const breaking = (async () => {
      for (let nth = 0; running; nth += 1) {
        await expect.poll(() => ownIds(double).length, { interval: 1, timeout: 60_000 }).toBeGreaterThan(Math.min(nth * 20, 479));
        double.breakBatches(nth % 2 === 0 ? status.UNAVAILABLE : status.INTERNAL);
        if (nth * 20 > 460) return;
      }
    })();
    await Promise.all(
      streams.map(async (stream, s) => {
        for (const [n, event] of (events[s] ?? []).entries())
          expect(await store.append(stream, n === 0 ? 'absent' : n - 1, [event])).toMatchObject({ revision: n });
      }),
    ).finally(() => (running = false));
    await breaking;
    expect(ownIds(double)).toHaveLength(480);
    const read = await store.readStreams(streams);
    expect([...read.values()].map(ids)).toStrictEqual(events.map(ids));
  });

  test('when the server goes away and comes back', async () => {
    const double = await aServer();
    const store = await open(double.url);
    await store.append(aStream(), 'absent', someEvents(1));
    await double.stop();
    const late = store.appendMany(writes(50));
    await new Promise((resolve) => setTimeout(resolve, 200));
    await double.start();
    expect((await late).filter(({ ok }) => !ok)).toStrictEqual([]);
    expect(ownIds(double)).toHaveLength(51);
  });

  test('when another node leads by now', async () => {
    const [double, leader] = [await aServer(), await aServer()];
    const store = await open(double.url);
    double.referToLeader(leader.endpoint, Infinity);
    const events = someEvents(2);
    const stream = aStream();
    expect(await store.append(stream, 'absent', events)).toMatchObject({ revision: 1 });
    expect([ownIds(double), ownIds(leader)]).toStrictEqual([[], ids(events)]);
    expect(ids(await store.readStream(stream))).toStrictEqual(ids(events));
  });

  test('when the server knows no shared stream of appends', async () => {
    const double = await aServer();
    double.refuseBatchAppend();
    const store = await open(double.url);
    const all = writes(20);
    expect((await store.appendMany(all)).filter(({ ok }) => !ok)).toStrictEqual([]);
    expect(await refusal(store.append(all[0]!.stream, 7, someEvents(1)))).toStrictEqual({
      kind: 'conflict',
      code: 'wrong_expected_revision',
      actual: 0,
    });
  });
});

describe('an append that cannot be settled in time', () => {
  test('says that it is open, and the repeat finds out', async () => {
    const double = await aServer();
    const store = await open(double.url, { append: { attemptMs: 300, deadlineMs: 2_500 } });
    const [before, stream, events] = [someEvents(1), aStream(), someEvents(2)];
    const other = aStream();
    await settled(() => store.append(other, 'absent', before));
    double.freeze();
    expect(await refusal(store.append(stream, 'absent', events))).toStrictEqual({ kind: 'unavailable', code: 'append_open' });
    double.thaw();
    expect(await settled(() => store.append(stream, 'absent', events))).toMatchObject({ revision: 1 });
    expect(ids(await store.readStream(stream))).toStrictEqual(ids(events));
  });

  test('is refused at once when too much waits already, and what waits is not harmed', async () => {
    const double = await aServer();
    const store = await open(double.url, { append: { queueBytes: 2_000, atOnce: 4 } });
    double.delay(20);
    const outcomes = await store.appendMany(writes(50));
    const full = outcomes.filter((it) => !it.ok && !it.conflict && it.error.code === 'append_queue_full' && it.error.retryable);
    const done = outcomes.filter(({ ok }) => ok);
    expect(done.length).toBeGreaterThan(3);
    expect(full.length).toBe(50 - done.length);
    expect(ownIds(double)).toHaveLength(done.length);
  });

  test('is settled before the store closes', async () => {
    const double = await aServer();
    const store = await openEventStoreDb({ url: double.url });
    double.delay(50);
    const append = store.append(aStream(), 'absent', someEvents(1));
    await store.close();
    expect(await append).toMatchObject({ revision: 0 });
    expect(ownIds(double)).toHaveLength(1);
  });
});

describe('an append that the server refuses', () => {
  test('for its size takes no neighbour with it', async () => {
    const double = await aServer({ maxAppendBytes: 1_000 });
    const store = await open(double.url);
    const [small, large] = [
      writes(20),
      { stream: aStream(), at: 'absent' as const, events: someEvents(1, { data: `"${'x'.repeat(2_000)}"` }) },
    ];
    const outcomes = await store.appendMany([...small.slice(0, 7), large, ...small.slice(7)]);
    expect(outcomes[7]).toMatchObject({ ok: false, conflict: false, error: { kind: 'invalid', code: 'append_too_large' } });
    expect(outcomes.filter(({ ok }) => ok)).toHaveLength(20);
    expect(ownIds(double).toSorted()).toStrictEqual(small.flatMap(({ events }) => ids(events)).toSorted());
  });
});

describe('a subscription', () => {
  /** Appends one event whenever the reader has caught up, breaks something first, and expects to be told of it; within 25 s in all. */
  async function heals(store: EventStore, break_: () => unknown, rounds = 3): Promise<void> {
    const [wanted, seen]: [string[], string[]] = [[], []];
    for await (const batch of store.subscribe(await store.head(), {}, AbortSignal.timeout(25_000))) {
      seen.push(...ids(batch.events));
      if (seen.length < wanted.length || !batch.caughtUp) continue;
      if (wanted.length === rounds) break;
      await break_();
      const events = someEvents(1);
      wanted.push(...ids(events));
      await store.append(aStream(), 'absent', events);
    }
    expect(seen).toStrictEqual(wanted);
  }

  test('goes on when the server cuts it', async () => {
    const double = await aServer();
    await heals(await open(double.url), double.cutSubscriptions);
  });

  test('goes on when it was too slow for the server', async () => {
    const double = await aServer();
    await heals(await open(double.url), double.cutAsTooSlow);
  });

  test('goes on when every connection is cut, and when the server goes away and comes back', async () => {
    const double = await aServer();
    const store = await open(double.url);
    await heals(store, double.cutConnections);
    await heals(store, () => double.stop().then(double.start), 2);
  });

  test.each([1, 3])('goes on when what it asks comes to an unknown error %i times', async (calls) => {
    const double = await aServer();
    const [failures, seen]: [string[], string[]] = [[], []];
    const store = await open(double.url, { silenceMs: 50, observer: { onFeedFailure: ({ code }) => failures.push(code) } });
    const events = someEvents(1);
    let isThere = false;
    const reading = readUntil(store.subscribe(await store.head(), {}, endless()), (all) => {
      isThere ||= all.at(-1)?.caughtUp === true;
      seen.splice(0, Infinity, ...ids(eventsOf(all)));
      return seen.length > 0;
    });
    await expect.poll(() => isThere).toBe(true);
    // What it asks first is a page, after a silence.
    double.failCalls(status.UNKNOWN, calls);
    await expect.poll(() => failures[0]).toBe('log_read_failed');
    await store.append(aStream(), 'absent', events);
    await reading;
    expect(seen).toStrictEqual(ids(events));
  });

  test('that stalls without a word is noticed and replaced: 20 of 20', { timeout: 240_000 }, async () => {
    const double = await aServer();
    const failures: string[] = [];
    const store = await open(double.url, { silenceMs: 50, observer: { onFeedFailure: ({ code }) => failures.push(code) } });
    await heals(store, double.stallSubscriptions, 20);
    // A machine that is held up may take one more for stalled, which loses nothing.
    expect([...new Set(failures), failures.length >= 20]).toStrictEqual(['subscription_stalled', true]);
    // None of the calls that were given up goes on.
    await expect.poll(double.subscriptions).toBe(0);
  });

  test('of a reader who thinks while thousands are written loses none', async () => {
    const double = await aServer({ liveBuffer: 50 });
    const failures: string[] = [];
    const store = await open(double.url, { observer: { onFeedFailure: ({ code }) => failures.push(code) } });
    const all = writes(3_000);
    const seen: string[] = [];
    for await (const batch of store.subscribe(await store.head(), {}, endless())) {
      if (seen.length === 0 && batch.events.length === 0) await store.appendMany(all);
      seen.push(...ids(batch.events));
      if (seen.length >= all.length) break;
    }
    expect(seen.toSorted()).toStrictEqual(all.flatMap(({ events }) => ids(events)).toSorted());
    expect(failures).toStrictEqual(['timeout']);
  });

  test('stops for good when the log has gone back behind it: a backup was restored', async () => {
    const double = await aServer();
    const store = await open(double.url);
    for (const { stream, events } of writes(5)) await store.append(stream, 'absent', events);
    const head = await store.head();
    const told: FeedBatch[] = [];
    const reading = readUntil(store.subscribe(head, {}, endless()), (all) => {
      told.push(...all);
      return false;
    });
    await expect.poll(() => told.length).toBeGreaterThan(0);
    double.loseEnd(2);
    expect(await refusal(reading)).toStrictEqual({ kind: 'invalid', code: 'position_beyond_head' });
    expect(await refusal(store.readAll(head, {}, 10))).toStrictEqual({ kind: 'invalid', code: 'position_beyond_head' });
  });

  test('moves on over what others write to the server', async () => {
    const double = await aServer();
    const store = await open(double.url, { silenceMs: 50 });
    const head = await store.head();
    const { position } = await store.append(aStream('foreign'), 'absent', someEvents(1));
    const batches = await readUntil(store.subscribe(head, { nouns: ['sample'] }, endless()), (all) => (all.at(-1)?.upTo ?? '') >= position);
    expect(eventsOf(batches)).toStrictEqual([]);
  });
});

describe('opening', () => {
  test.each(['22.10.5', '23.6.0', 'unknown'])('a server of version %s is refused', async (version) => {
    const double = await aServer({ version });
    expect(await refusal(openEventStoreDb({ url: double.url }))).toStrictEqual({ kind: 'invalid', code: 'event_store_too_old' });
  });

  test.each(['23.10.0', '24.2.1', '25.0.0'])('a server of version %s is taken', async (version) => {
    const double = await aServer({ version });
    const store = await open(double.url);
    expect(await store.readStream(aStream())).toStrictEqual([]);
  });

  test('a server that is not there is unavailable, and what is no URL is refused without being quoted', async () => {
    const double = await aServer();
    await double.close();
    expect(await refusal(openEventStoreDb({ url: double.url, readMs: 2_000 }))).toStrictEqual({
      kind: 'unavailable',
      code: 'event_store_unreachable',
    });
    const bad = await openEventStoreDb({ url: 'esdb://user:hidden@host:port' }).catch((error: unknown) => error as Error);
    expect(bad).toMatchObject({ kind: 'invalid', code: 'bad_event_store_url' });
    expect(JSON.stringify([bad, (bad as Error).message, (bad as Error).stack])).not.toContain('hidden');
  });

  test('a KurrentDB is taken by its own scheme', async () => {
    const double = await aServer();
    const store = await openEventStoreDb({ url: double.url.replace('esdb:', 'kurrentdb:') });
    after(() => store.close());
    expect(await store.append(aStream(), 'absent', someEvents(1))).toMatchObject({ revision: 0 });
  });
});
