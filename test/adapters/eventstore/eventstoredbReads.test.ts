import { PassThrough } from 'node:stream';
import { EventStoreDBClient, jsonEvent } from '@eventstore/db-client';
import { describe, expect, test } from 'vitest';
import { StreamNames } from '../../../src/adapters/eventstore/eventstoredb/names.ts';
import { Reads } from '../../../src/adapters/eventstore/eventstoredb/reads.ts';
import { positionOf } from '../../../src/adapters/eventstore/eventstoredb/wire.ts';
import { aStream, eventsOf, ids, readUntil, refusal, someEvents } from '../../contract/eventStore/samples.ts';
import { eventStoreServer } from '../../support/eventStoreServer.ts';
import { openedPerTest } from '../../support/eventstoredb/opened.ts';

const { after, aServer, open } = openedPerTest();
function clientOf(url: string): EventStoreDBClient {
  const client = EventStoreDBClient.connectionString(url);
  after(() => client.dispose());
  return client;
}
const endless = (): AbortSignal => new AbortController().signal;

describe('a read that fails', () => {
  type Read = { readonly events: number; readonly error?: object };
  const LIMITS = { events: 10, bytes: 1_000, window: 10 };

  /** Reads of a client whose every next read brings so many events of one stream, from its first, and then may fail. */
  function readsOf(...reads: readonly Read[]): Reads {
    const left = [...reads];
    const next = (): unknown => {
      const { events = 0, error } = left.shift() ?? {};
      const stream = Object.assign(new PassThrough({ objectMode: true }), { cancel: () => Promise.resolve() });
      for (let n = 0; n < (events ?? 0); n += 1) {
        const [revision, position] = [BigInt(n), { commit: BigInt(100 + n), prepare: BigInt(100 + n) }];
        stream.write({ event: { id: `id-${String(n)}`, type: 'T', streamId: 'sample-1', revision, position, isJson: true, data: {} } });
      }
      if (error === undefined) stream.end();
      else setImmediate(() => stream.emit('error', Object.assign(new Error('read'), error)));
      return stream;
    };
    return new Reads({ readStream: next, readAll: next } as unknown as EventStoreDBClient, new StreamNames(), 2_000);
  }
  const whole = { from: 0, backwards: false, limit: 10 };

  test('because another node leads is asked again, but not where it had begun: its first events would be there twice', async () => {
    const notLeader = { type: 'not-leader' };
    expect(ids(await readsOf({ events: 0, error: notLeader }, { events: 2 }).stream(aStream(), whole))).toStrictEqual(['id-0', 'id-1']);
    const begun = readsOf({ events: 1, error: notLeader }, { events: 2 });
    expect(await refusal(begun.stream(aStream(), whole))).toStrictEqual({ kind: 'unavailable', code: 'log_read_failed' });
    expect(ids(await begun.stream(aStream(), whole))).toStrictEqual(['id-0', 'id-1']);
  });

  test.each([
    ['refused within the log', 2, 99n, { kind: 'unavailable', code: 'log_read_failed' }],
    ['refused beyond the beginning of the last event', 2, 101n, { kind: 'invalid', code: 'position_beyond_head' }],
    ['broken off by a connection that ends', 13, 99n, { kind: 'unavailable', code: 'log_read_failed' }],
    ['refused for what the server lacks at the moment', 8, 99n, { kind: 'unavailable', code: 'log_read_failed' }],
  ])('%s says whether the position is to blame', async (_what, code, position, told) => {
    const reads = readsOf({ events: 0, error: { type: 'unknown', code } }, { events: 1 });
    expect(await refusal(reads.page(positionOf(position), {}, LIMITS))).toStrictEqual(told);
  });
});

describe('a page', () => {
  /** Reads of a log of so many events, each tenth of the type that is wanted; and how many were asked for each time. */
  function logOf(length: number): { readonly reads: Reads; readonly asked: number[] } {
    const asked: number[] = [];
    const readAll = (how: { readonly fromPosition: 'start' | { readonly commit: bigint }; readonly maxCount: number }): unknown => {
      asked.push(how.maxCount);
      const from = how.fromPosition === 'start' ? 0 : Number(how.fromPosition.commit) - 100;
      const stream = Object.assign(new PassThrough({ objectMode: true }), { cancel: () => Promise.resolve() });
      for (let n = from; n < Math.min(length, from + how.maxCount); n += 1) {
        const [type, position] = [n % 10 === 0 ? 'Wanted' : 'Other', { commit: BigInt(100 + n), prepare: BigInt(100 + n) }];
        stream.write({
          event: { id: `id-${String(n)}`, type, streamId: 'sample-1', revision: BigInt(n), position, isJson: true, data: {} },
        });
      }
      stream.end();
      return stream;
    };
    return { reads: new Reads({ readAll } as unknown as EventStoreDBClient, new StreamNames(), 2_000), asked };
  }
  const at = (n: number) => positionOf(BigInt(100 + n));
  const limits = { events: 4, bytes: 10_000, window: 50 };
  const wanted = { types: ['Wanted'] };

  test.each([
    ['what it takes, and the event where it begins', {}, 4, [4, 5], { last: 'id-7', upTo: at(7), caughtUp: false }],
    ['more where the filter lets little pass', wanted, 4, [4, 33, 5, 33, 15], { last: 'id-70', upTo: at(70), caughtUp: false }],
    ['no more than its window', wanted, 8, [8, 43, 9, 43], { last: 'id-90', upTo: at(99), caughtUp: false }],
    ['as much as its window holds where nothing is filtered', {}, 75, [50, 51], { last: 'id-99', upTo: at(99), caughtUp: false }],
  ])('asks for %s', async (_what, filter, events, counts, second) => {
    const { reads, asked } = logOf(100);
    const first = await reads.page('start', filter, { ...limits, events });
    const { events: found, upTo, caughtUp } = await reads.page(first.upTo, filter, { ...limits, events });
    expect(asked).toStrictEqual(counts);
    expect({ last: found.at(-1)?.id, upTo, caughtUp }).toStrictEqual(second);
    expect(await reads.page(at(98), filter, limits)).toMatchObject({ upTo: at(99), caughtUp: true });
  });
});

describe('a stream that somebody deleted for good', () => {
  test('is refused as such, whoever reads or appends, and its neighbours are not', async () => {
    const server = await eventStoreServer();
    after(server.close);
    const store = await open(server.url);
    const [deleted, whole] = [aStream(), aStream()];
    const events = someEvents(2);
    await store.append(deleted, 'absent', someEvents(3));
    await store.append(whole, 'absent', events);
    await clientOf(server.url).tombstoneStream(deleted);
    const told = { kind: 'invalid', code: 'stream_deleted' };
    expect(await refusal(store.readStream(deleted))).toStrictEqual(told);
    expect(await refusal(store.readStream(deleted, { direction: 'backwards', limit: 1 }))).toStrictEqual(told);
    expect(await refusal(store.readStreams([whole, deleted]))).toStrictEqual(told);
    expect(await refusal(store.append(deleted, 2, someEvents(1)))).toStrictEqual(told);
    expect(await refusal(store.append(deleted, 'absent', someEvents(1)))).toStrictEqual(told);
    expect(ids(await store.readStream(whole))).toStrictEqual(ids(events));
  });
});

describe('where several nodes hold the log', () => {
  test('what is read and followed is what the leader has: one that lies behind is no log from an older backup', async () => {
    const [behind, leader] = [await aServer(), await aServer()];
    const atLeader = await open(leader.url);
    const events = someEvents(3);
    const { position } = await atLeader.append(aStream(), 'absent', events);
    behind.referToLeader(leader.endpoint, Infinity);
    expect(await (await open(`${behind.url}&connectionName=head`)).head()).toBe(position);
    expect(ids((await (await open(`${behind.url}&connectionName=page`)).readAll('start', {}, 10)).events)).toStrictEqual(ids(events));
    const follower = await open(`${behind.url}&connectionName=tail`);
    const batches = await readUntil(follower.subscribe(position, {}, endless()), (all) => all.at(-1)?.caughtUp === true);
    expect(eventsOf(batches)).toStrictEqual([]);
    expect([behind.subscriptions(), batches.at(-1)?.upTo]).toStrictEqual([0, position]);
  });
});

describe('a subscription brings what a page has', () => {
  test('also where a stream has a noun and nothing else', async () => {
    const failures: string[] = [];
    const double = await aServer();
    const store = await open(double.url, { silenceMs: 1_000, observer: { onFeedFailure: ({ code }) => failures.push(code) } });
    await clientOf(double.url).appendToStream('sample', jsonEvent({ type: 'T', data: {} }));
    const page = await store.readAll('start', { nouns: ['sample'] }, 10);
    const batches = await readUntil(store.subscribe('start', { nouns: ['sample'] }, endless()), (all) => eventsOf(all).length > 0);
    expect(eventsOf(batches)).toStrictEqual(page.events);
    expect(failures).toStrictEqual([]);
  });

  test('and not the mark of a stream that was deleted', async () => {
    const double = await aServer();
    const store = await open(double.url, { silenceMs: 50 });
    const stream = aStream();
    const events = someEvents(2);
    await store.append(stream, 'absent', events);
    await clientOf(double.url).tombstoneStream(stream);
    const { position } = await store.append(aStream(), 'absent', someEvents(1));
    const page = await store.readAll('start', { nouns: ['sample'] }, 10);
    const batches = await readUntil(
      store.subscribe('start', { nouns: ['sample'] }, endless()),
      (all) => (all.at(-1)?.upTo ?? '') >= position,
    );
    expect(eventsOf(batches)).toStrictEqual(page.events);
    expect(eventsOf(batches)).toHaveLength(3);
  });
});
