import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { EventStoreDBClient, jsonEvent, type AllStreamSubscription } from '@eventstore/db-client';
import { afterEach, describe, expect, test } from 'vitest';
import { authority } from '../certificates.ts';
import { eventually } from '../client.ts';
import { inScratch } from '../scratch.ts';
import { startEventStoreDouble, type DoubleOptions, type EventStoreDouble } from './eventStoreDouble.ts';

/** What the double does when it is told to; what it does unasked is in test/adapters/eventstore/eventstoredbFacts. */
describe('the double of EventStoreDB', () => {
  const open: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of open.splice(0).toReversed()) await close();
  });
  const newDouble = async (options?: DoubleOptions): Promise<EventStoreDouble> => {
    const double = await startEventStoreDouble(options);
    open.push(double.close);
    return double;
  };
  const clientOf = (url: string): EventStoreDBClient => {
    const client = EventStoreDBClient.connectionString(url);
    open.push(() => client.dispose());
    return client;
  };
  const event = () => jsonEvent({ type: 'Seen', data: {} });
  const absent = { expectedRevision: 'no_stream' } as const;
  const failureOf = (promise: Promise<unknown>): Promise<{ readonly type?: string; readonly code?: number }> =>
    promise.then(
      () => Promise.reject(new Error('it succeeded')),
      (error: unknown) => error as { readonly type?: string; readonly code?: number },
    );
  const revisions = async (client: EventStoreDBClient, stream: string): Promise<readonly bigint[]> => {
    const found: bigint[] = [];
    for await (const { event: read } of client.readStream(stream)) found.push(read?.revision ?? -1n);
    return found;
  };
  const seenBy = (subscription: AllStreamSubscription) => {
    const seen = { events: 0, errors: [] as (string | undefined)[], caughtUp: 0 };
    subscription.on('data', ({ event: read }) => void (seen.events += read?.type === 'Seen' ? 1 : 0));
    subscription.on('error', (error: Error & { readonly type?: string }) => void seen.errors.push(error.type));
    subscription.on('caughtUp', () => void (seen.caughtUp += 1));
    return seen;
  };
  const until = (what: string, holds: () => boolean): Promise<true> => eventually(what, () => (holds() ? true : undefined));

  test('commits appends and breaks off before it says so, as often as told', async () => {
    const double = await newDouble();
    const client = clientOf(double.url);
    double.loseReplies(2);
    for (const stream of ['a', 'b']) {
      const sent = event();
      expect((await failureOf(client.appendToStream(stream, sent, absent))).code).toBe(status.UNAVAILABLE);
      // A repeat is answered, so that as many commits as told go without an answer.
      expect((await client.appendToStream(stream, sent, absent)).nextExpectedRevision).toBe(0n);
      expect(await revisions(client, stream)).toStrictEqual([0n]);
    }
  });

  test('commits an append and never says anything', async () => {
    const double = await newDouble();
    const client = clientOf(double.url);
    double.loseReplies(1, 'silent');
    const append = client.appendToStream('a', event(), absent);
    append.catch(() => undefined);
    await until('it is written', () => double.events().some(({ stream }) => stream === 'a'));
    expect(await Promise.race([append, pause(100, 'nothing')])).toBe('nothing');
    expect((await client.appendToStream('b', event(), absent)).success).toBe(true);
  });

  test('frozen it answers nothing, thawed it answers all', async () => {
    const double = await newDouble();
    const client = clientOf(double.url);
    await client.appendToStream('a', event());
    double.freeze();
    const append = client.appendToStream('a', event());
    const stranger = clientOf(double.url).appendToStream('b', event());
    expect(await Promise.race([append, stranger, pause(200, 'nothing')])).toBe('nothing');
    double.thaw();
    expect((await append).nextExpectedRevision).toBe(1n);
    expect((await stranger).nextExpectedRevision).toBe(0n);
  });

  test('refers to another leader, to which the client goes', async () => {
    const [follower, leader] = [await newDouble(), await newDouble()];
    const client = clientOf(follower.url);
    follower.referToLeader(leader.endpoint);
    expect((await failureOf(client.appendToStream('a', event()))).type).toBe('not-leader');
    await client.appendToStream('a', event());
    expect(follower.events().filter(({ stream }) => stream === 'a')).toHaveLength(0);
    expect(leader.events().filter(({ stream }) => stream === 'a')).toHaveLength(1);
  });

  test('refers reads and subscriptions that ask for the leader too, and as often as told', async () => {
    const double = await newDouble();
    const client = clientOf(double.url);
    double.referToLeader(double.endpoint, 2);
    expect((await failureOf(revisions(client, 'a'))).type).toBe('stream-not-found');
    expect((await failureOf(client.readStream('a', { requiresLeader: true }).toArray())).type).toBe('not-leader');
    const seen = seenBy(client.subscribeToAll({ requiresLeader: true }));
    await until('the subscription is referred', () => seen.errors.length > 0);
    expect(seen.errors).toStrictEqual(['not-leader']);
    expect((await client.appendToStream('a', event())).success).toBe(true);
  });

  test('refers an append to another leader, and an append that was written is told so too', async () => {
    const double = await newDouble();
    const client = clientOf(double.url);
    double.loseReplies(1, 'silent');
    const written = failureOf(client.appendToStream('a', event(), absent));
    await until('it is written', () => double.events().some(({ stream }) => stream === 'a'));
    double.referToLeader(double.endpoint);
    const referred = failureOf(client.appendToStream('b', event(), absent));
    expect([(await written).type, (await referred).type]).toStrictEqual(['not-leader', 'not-leader']);
    expect(await revisions(client, 'a')).toStrictEqual([0n]);
  });

  test('gossips of the leader it refers to, whom a client of the cluster asks alone', async () => {
    const [follower, leader] = [await newDouble(), await newDouble()];
    follower.referToLeader(leader.endpoint, Infinity);
    const client = clientOf(`esdb://127.0.0.1:${follower.endpoint.port},127.0.0.1:${follower.endpoint.port}?tls=false`);
    await client.appendToStream('a', event());
    expect(leader.events().filter(({ stream }) => stream === 'a')).toHaveLength(1);
  });

  test('over TLS takes those alone who know the password, and from them appends that share a call', async () => {
    await inScratch('eventstore-tls', async (scratch) => {
      const { ca, issue } = authority();
      const file = join(scratch, 'ca.pem');
      writeFileSync(file, ca);
      const double = await newDouble({
        tls: issue(['localhost']),
        login: { username: 'admin', password: 'changeit' },
        maxAppendBytes: 100,
      });
      const url = `${double.url}&tlsCAFile=${file}`;
      const client = clientOf(url);
      expect((await client.appendToStream('a', event(), absent)).nextExpectedRevision).toBe(0n);
      expect(await revisions(client, 'a')).toStrictEqual([0n]);
      const large = jsonEvent({ type: 'Seen', data: { text: 'x'.repeat(200) } });
      expect(await failureOf(client.appendToStream('a', large))).toMatchObject({ type: 'maximum-append-size-exceeded', code: undefined });
      for (const stranger of [url.replace('changeit', 'wrong'), url.replace('admin:changeit@', '')]) {
        expect((await failureOf(clientOf(stranger).appendToStream('a', event()))).type).toBe('access-denied');
        expect((await failureOf(revisions(clientOf(stranger), 'a'))).type).toBe('access-denied');
      }
    });
  });

  test('cuts subscriptions, for being gone or for being too slow', async () => {
    const double = await newDouble();
    const client = clientOf(double.url);
    for (const [cut, type] of [[double.cutSubscriptions, 'unavailable'] as const, [double.cutAsTooSlow, 'timeout'] as const]) {
      const seen = seenBy(client.subscribeToAll());
      await until('it has caught up', () => seen.caughtUp > 0);
      cut();
      await until('it is cut', () => seen.errors.length > 0);
      expect(seen.errors).toStrictEqual([type]);
      expect(double.subscriptions()).toBe(0);
    }
  });

  test('cuts a subscriber that takes nothing once too much waits for it', async () => {
    const double = await newDouble({ liveBuffer: 50 });
    const client = clientOf(double.url);
    const subscription = client.subscribeToAll({ fromPosition: 'end' });
    const seen = seenBy(subscription);
    await until('it has caught up', () => seen.caughtUp > 0);
    subscription.pause();
    const large = () => jsonEvent({ type: 'Seen', data: { text: 'x'.repeat(5_000) } });
    for (let batch = 0; double.subscriptions() > 0 && batch < 100; batch += 1) {
      await client.appendToStream('a', Array.from({ length: 50 }, large));
      await pause(5);
    }
    subscription.resume();
    await until('it is cut', () => seen.errors.length > 0);
    expect(seen.errors).toStrictEqual(['timeout']);
  });

  test('stalls the subscriptions that are open and says nothing; new ones are well', async () => {
    const double = await newDouble();
    const client = clientOf(double.url);
    const stalled = seenBy(client.subscribeToAll());
    await until('it has caught up', () => stalled.caughtUp > 0);
    double.stallSubscriptions();
    await client.appendToStream('a', event());
    const well = seenBy(client.subscribeToAll());
    await until('another has it', () => well.events === 1);
    expect(stalled).toStrictEqual({ events: 0, errors: [], caughtUp: 1 });
    expect(double.subscriptions()).toBe(2);
  });

  test('answers later', async () => {
    const double = await newDouble();
    const client = clientOf(double.url);
    await client.appendToStream('a', event());
    double.delay(300);
    const append = client.appendToStream('a', event());
    expect(await Promise.race([append, pause(150, 'not yet')])).toBe('not yet');
    expect((await append).nextExpectedRevision).toBe(1n);
  });

  test('breaks the call that appends share, after it has written what had arrived', async () => {
    const double = await newDouble();
    const client = clientOf(double.url);
    double.loseReplies(3, 'silent');
    const waiting = ['a', 'b', 'c'].map((stream) => failureOf(client.appendToStream(stream, event())));
    await until('all are written', () => double.events().some(({ stream }) => stream === 'c'));
    double.breakBatches(status.INTERNAL);
    expect((await Promise.all(waiting)).map(({ code }) => code)).toStrictEqual([status.INTERNAL, status.INTERNAL, status.INTERNAL]);
    expect((await client.appendToStream('a', event(), { expectedRevision: 0n })).nextExpectedRevision).toBe(1n);
  });

  test('knows no shared appends, and clients go the other way', async () => {
    const double = await newDouble({ maxAppendBytes: 100 });
    const client = clientOf(double.url);
    const large = jsonEvent({ type: 'Seen', data: { text: 'x'.repeat(200) } });
    expect((await failureOf(client.appendToStream('a', large))).code).toBe(undefined);
    double.refuseBatchAppend();
    await eventually('it is there again', () => client.appendToStream('a', event()).catch(() => undefined));
    expect((await failureOf(client.appendToStream('a', large))).code).toBe(status.INVALID_ARGUMENT);
  });

  test('goes away and comes back on the same port with what it held', async () => {
    const double = await newDouble();
    const client = clientOf(double.url);
    await client.appendToStream('a', event());
    await double.stop();
    expect((await failureOf(revisions(client, 'a'))).code).toBe(status.UNAVAILABLE);
    await double.start();
    await eventually('it is back', () => client.appendToStream('a', event(), { expectedRevision: 0n }).catch(() => undefined));
    expect(await revisions(client, 'a')).toStrictEqual([0n, 1n]);
  });

  test('comes back from an older backup: its head is lower, and what comes next takes the places of what is lost', async () => {
    const double = await newDouble();
    const client = clientOf(double.url);
    await client.appendToStream('a', event());
    const lost = await client.appendToStream('a', [event(), event()]);
    await client.tombstoneStream('b');
    double.loseEnd(3);
    const append = (stream: string) =>
      eventually('it is there again', () =>
        clientOf(double.url)
          .appendToStream(stream, [event(), event()])
          .catch(() => undefined),
      );
    expect(await append('a')).toStrictEqual({ ...lost, nextExpectedRevision: 2n });
    expect((await append('b')).nextExpectedRevision).toBe(1n);
  });

  test.each(['22.10.5', '23.6.0'])('as %s never says that a subscription has caught up', async (version) => {
    const double = await newDouble({ version });
    const client = clientOf(double.url);
    await client.appendToStream('a', event());
    const seen = seenBy(client.subscribeToAll());
    await until('history is told', () => seen.events === 1);
    await client.appendToStream('a', event());
    await until('what is live too', () => seen.events === 2);
    expect(seen.caughtUp).toBe(0);
  });

  test('leads a cluster of its own', async () => {
    const double = await newDouble();
    const client = clientOf(double.url.replace('esdb:', 'esdb+discover:'));
    expect((await client.appendToStream('a', event())).success).toBe(true);
  });
});
