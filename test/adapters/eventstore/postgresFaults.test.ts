import { describe, expect, test } from 'vitest';
import type { EncodedEvent } from '../../../src/adapters/eventstore/port.ts';
import type { PostgresEventStore, PostgresEventStoreOptions } from '../../../src/adapters/eventstore/postgres/postgresEventStore.ts';
import { aStream, ids, refusal, settled, someEvents } from '../../contract/eventStore/samples.ts';
import { DEAF, setStage } from './postgresStore.ts';

const stage = setStage();

/** Reads stay on the straight way: only the appending connection goes through the proxy. */
const openForAppends = (
  append: PostgresEventStoreOptions['append'] = {},
  more: Partial<PostgresEventStoreOptions> = {},
): Promise<PostgresEventStore> => stage.open({ pool: stage.database().workerPool, listener: DEAF, append, ...more });

const counts = (events: readonly EncodedEvent[]): readonly number[] => events.map((_, n) => n);

describe('an append whose connection goes is sent again and lands once', () => {
  test.each(['reply', 'request'] as const)('when a %s is lost', async (direction) => {
    const store = await openForAppends();
    const stream = aStream();
    const [first, second] = [someEvents(2), someEvents(3)];
    await store.append(stream, 'absent', first);
    const lost = stage.proxy().cutAtNext(direction);
    const answer = await store.append(stream, 1, second);
    await lost;
    const read = await store.readStream(stream);
    expect(ids(read)).toStrictEqual(ids([...first, ...second]));
    expect(answer).toStrictEqual({ ok: true, revision: 4, position: read[4]?.position });
  });

  test('when the backend is terminated again and again under 16 callers', async () => {
    const failures: string[] = [];
    let calls = 0;
    const observer = { onAppend: () => (calls += 1), onAppendFailure: ({ code }: { code: string }) => failures.push(code) };
    const store = await openForAppends({}, { observer });
    const streams = Array.from({ length: 16 }, () => aStream());
    const events = streams.map(() => someEvents(40));
    let running = true;
    // A kill per three calls that went through, or nothing ever would.
    const killer = (async () => {
      for (let next = 1; running; await new Promise(setImmediate)) {
        if (calls < next) continue;
        next = calls + 3;
        await stage.terminate('tidings append');
      }
    })();
    const appends = streams.map(async (stream, s) => {
      for (const [n, event] of (events[s] ?? []).entries()) {
        expect(await store.append(stream, n === 0 ? 'absent' : n - 1, [event])).toMatchObject({ revision: n });
      }
    });
    await Promise.all(appends).finally(() => (running = false));
    await killer;
    expect(failures.length).toBeGreaterThan(0);
    const read = await store.readStreams(streams);
    expect([...read.values()].map(ids)).toStrictEqual(events.map(ids));
    expect([...read.values()].map((list) => list.map(({ revision }) => revision))).toStrictEqual(events.map(counts));
  });

  test('when the connection is cut under 16 callers, at any point of the exchange', async () => {
    const store = await openForAppends();
    for (let round = 0; round < 20; round += 1) {
      const streams = Array.from({ length: 16 }, () => aStream());
      const lost = stage.proxy().cutAtNext(round % 2 === 0 ? 'reply' : 'request');
      // The second write of each stream may be what meets the cut: the first round's connection is made anew then.
      const appended = await Promise.all(
        streams.flatMap((stream) => [store.append(stream, 'absent', someEvents(2)), store.append(stream, 1, someEvents(1))]),
      );
      await lost;
      const read = await store.readStreams(streams);
      expect([...read.values()].map((events) => events.length)).toStrictEqual(streams.map(() => 3));
      const answered = streams.flatMap((stream) => [1, 2].map((revision) => read.get(stream)?.[revision]?.position));
      expect(appended.map(({ position }) => position)).toStrictEqual(answered);
    }
  });
});

describe('an append that cannot be settled in time', () => {
  test('says that nothing was written when the database was never reached', async () => {
    const store = await openForAppends({ deadlineMs: 3_000, attemptMs: 300 });
    stage.proxy().refuse();
    const stream = aStream();
    expect(await refusal(store.append(stream, 'absent', someEvents(1)))).toStrictEqual({ kind: 'unavailable', code: 'append_not_written' });
    stage.proxy().heal();
    const events = someEvents(1);
    expect(await settled(() => store.append(stream, 'absent', events))).toMatchObject({ revision: 0 });
  });

  test('tries again at least as often as an attempt may last', async () => {
    let tries = 0;
    const observer = { onAppendFailure: () => (tries += 1) };
    const store = await openForAppends({ deadlineMs: 2_000, attemptMs: 20 }, { observer });
    stage.proxy().refuse();
    await refusal(store.append(aStream(), 'absent', someEvents(1)));
    // With pauses that grow to a second there is time for nine.
    expect(tries).toBeGreaterThan(12);
  });

  test('says that it is open when a server took it and went silent, and the repeat finds out', async () => {
    const store = await openForAppends({ deadlineMs: 2_500, attemptMs: 500 });
    const [before, stream, events] = [someEvents(1), aStream(), someEvents(2)];
    const other = aStream();
    await settled(() => store.append(other, 'absent', before));
    stage.proxy().blackhole();
    expect(await refusal(store.append(stream, 'absent', events))).toStrictEqual({ kind: 'unavailable', code: 'append_open' });
    stage.proxy().heal();
    expect(await settled(() => store.append(stream, 'absent', events))).toMatchObject({ revision: 1 });
    expect(ids(await store.readStream(stream))).toStrictEqual(ids(events));
  });

  test('waits no longer when another process holds the log, and lands once when it is let go', async () => {
    const store = await openForAppends({ deadlineMs: 1_500, attemptMs: 300 });
    const holder = await stage.session();
    await holder.query('begin');
    await holder.query('select pg_advisory_xact_lock(7235421907614328)');
    const stream = aStream();
    const events = someEvents(1);
    expect(await refusal(store.append(stream, 'absent', events))).toMatchObject({ kind: 'unavailable' });
    await holder.query('commit');
    expect(await settled(() => store.append(stream, 'absent', events))).toMatchObject({ revision: 0 });
    expect(ids(await store.readStream(stream))).toStrictEqual(ids(events));
  });

  test('is not taken for refused when a limit is met after it was written, and the repeat finds out', async () => {
    const store = await openForAppends({ deadlineMs: 2_500 });
    const [before, other] = [someEvents(1), aStream()];
    await settled(() => store.append(other, 'absent', before));
    const owner = await stage.session();
    // As with a full queue of NOTIFY, which is noticed at the second commit.
    await owner.query('alter procedure log.append_to_disk(json, json) rename to append_to_disk_well');
    await owner.query(`
      create procedure log.append_to_disk(batch json, inout outcomes json) language plpgsql as $$ begin
        outcomes := log.append(batch);
        commit;
        raise exception 'too many notifications in the NOTIFY queue' using errcode = 'program_limit_exceeded';
      end $$`);
    const stream = aStream();
    const events = someEvents(2);
    const told = await refusal(store.append(stream, 'absent', events));
    await owner.query('drop procedure log.append_to_disk(json, json)');
    await owner.query('alter procedure log.append_to_disk_well(json, json) rename to append_to_disk');
    expect(told).toStrictEqual({ kind: 'unavailable', code: 'append_open' });
    expect(await settled(() => store.append(stream, 'absent', events))).toMatchObject({ revision: 1 });
    expect(ids(await store.readStream(stream))).toStrictEqual(ids(events));
  });

  test('is refused at once when too much waits already, and what waits is not harmed', async () => {
    const store = await openForAppends({ queueBytes: 2_000 });
    stage.proxy().delay(20);
    const appends = store.appendMany(Array.from({ length: 50 }, () => ({ stream: aStream(), at: 'absent', events: someEvents(1) })));
    expect(store.queuedBytes).toBeGreaterThan(1_000);
    expect(store.queuedBytes).toBeLessThanOrEqual(2_000);
    const outcomes = await appends;
    expect(store.queuedBytes).toBe(0);
    const full = outcomes.filter((it) => !it.ok && !it.conflict && it.error.code === 'append_queue_full' && it.error.retryable);
    const done = outcomes.filter(({ ok }) => ok);
    expect(done.length).toBeGreaterThan(3);
    expect(full.length).toBe(50 - done.length);
    expect(await store.append(aStream(), 'absent', someEvents(1))).toMatchObject({ revision: 0 });
  });

  test('is settled before the store closes', async () => {
    const store = await openForAppends();
    stage.proxy().delay(20);
    const stream = aStream();
    const append = store.append(stream, 'absent', someEvents(1));
    await store.close();
    expect(await append).toMatchObject({ revision: 0 });
    expect(await store.readStream(stream)).toHaveLength(1);
  });
});
