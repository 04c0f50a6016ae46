import { setTimeout as pause } from 'node:timers/promises';
import {
  END,
  eventTypeFilter,
  streamNameFilter,
  type AllStreamSubscription,
  type Position,
  type StreamSubscription,
  type SubscribeToAllOptions,
} from '@eventstore/db-client';
import { afterEach, describe, expect, test } from 'vitest';
import { eventually } from '../../../support/client.ts';
import { at, atServer, event, eventOf, events, headOf, newStream, once, some, type Told } from './ground.ts';

describe('subscribing to an EventStoreDB', () => {
  const { server, client } = atServer();
  const open: { unsubscribe: () => Promise<void> }[] = [];
  afterEach(async () => {
    await Promise.all(open.splice(0).map((subscription) => subscription.unsubscribe()));
  });
  const subscribed = <T extends AllStreamSubscription | StreamSubscription>(subscription: T): T => {
    subscription.on('error', () => undefined);
    open.push(subscription);
    return subscription;
  };
  const toAll = (how: SubscribeToAllOptions): AllStreamSubscription => subscribed(client().subscribeToAll(how));

  /** What a subscription says, in order: the ids of events, and the names of the rest. */
  const diaryOf = (subscription: AllStreamSubscription | StreamSubscription): string[] => {
    const said: string[] = [];
    subscription.on('data', (read: { event?: { id: string } }) => void said.push(read.event?.id ?? ''));
    for (const name of ['confirmation', 'caughtUp', 'end', 'close']) subscription.on(name, () => void said.push(name));
    return said;
  };
  /** Resolves when it says no less than this; the comparison is the caller's. */
  const until = (said: readonly string[], count: number): Promise<true> =>
    eventually(`${String(count)} things are said`, () => (said.length >= count ? true : undefined), { seen: () => said });
  const ids = (list: readonly { readonly id: string }[]): readonly string[] => list.map(({ id }) => id);
  /** Writes events and tells their positions. */
  const write = async (stream: string, list: ReturnType<typeof events>): Promise<readonly bigint[]> => {
    await client().appendToStream(stream, list);
    const positions: bigint[] = [];
    for await (const read of client().readStream(stream)) positions.push(read.event?.position?.commit ?? 0n);
    return positions.slice(-list.length);
  };

  test('confirms, tells the history after the position, says that it has caught up, and goes on with what comes', async () => {
    const [stream, history, later] = [newStream(), events(40), events(2)];
    const positions = await write(stream, history);
    const said = diaryOf(toAll({ fromPosition: at(positions[2]!), filter: streamNameFilter({ prefixes: [stream] }) }));
    await until(said, 39);
    await client().appendToStream(stream, later);
    await until(said, 41);
    expect(said).toStrictEqual(['confirmation', ...ids(history.slice(3)), 'caughtUp', ...ids(later)]);
  });

  test('to a stream begins after the revision', async () => {
    const [stream, history] = [newStream(), events(3)];
    await client().appendToStream(stream, history);
    const said = diaryOf(subscribed(client().subscribeToStream(stream, { fromRevision: 0n })));
    await until(said, 4);
    expect(said).toStrictEqual(['confirmation', ...ids(history.slice(1)), 'caughtUp']);
  });

  test('to a missing stream has caught up only after its first event', async () => {
    const [stream, first] = [newStream(), event()];
    const said = diaryOf(subscribed(client().subscribeToStream(stream)));
    await until(said, 1);
    await client().appendToStream(stream, first);
    await until(said, 3);
    expect(said).toStrictEqual(['confirmation', first.id, 'caughtUp']);
  });

  test('prefixes and expressions of types and streams are heeded', async () => {
    const [stream, other, kind] = [newStream(), newStream(), `Kind${String(Date.now())}`];
    const from = at(await headOf(client()));
    const [mine, theirs] = [event(undefined, `${kind}A`), event(undefined, `${kind}B`)];
    await client().appendToStream(stream, mine);
    await client().appendToStream(other, theirs);
    const saidOf = async (filter: NonNullable<SubscribeToAllOptions['filter']>): Promise<readonly string[]> => {
      const subscription = toAll({ fromPosition: from, filter });
      const said = diaryOf(subscription);
      await once(subscription, 'caughtUp');
      return said.filter((each) => each !== 'confirmation' && each !== 'caughtUp');
    };
    expect(await saidOf(streamNameFilter({ prefixes: [`${stream}x`, stream] }))).toStrictEqual([mine.id]);
    expect(await saidOf(streamNameFilter({ regex: `^${other}$` }))).toStrictEqual([theirs.id]);
    expect(await saidOf(eventTypeFilter({ prefixes: [kind] }))).toStrictEqual([mine.id, theirs.id]);
    expect(await saidOf(eventTypeFilter({ regex: `^${kind}[^A]$` }))).toStrictEqual([theirs.id]);
    expect(await saidOf(streamNameFilter({ prefixes: [] }))).toStrictEqual([]);
  });

  test('a bad expression is an unknown error', async () => {
    const failure = await once(toAll({ filter: eventTypeFilter({ regex: '(' }) }), 'error');
    expect(some(failure as Told, 'type', 'code')).toStrictEqual({ type: 'unknown', code: 2 });
  });

  describe('checkpoints', () => {
    /** A live subscription that nothing passes, and the checkpoints it has come by. */
    const checkpoints = async (interval: number, maxSearchWindow?: number): Promise<readonly bigint[]> => {
      const reached: bigint[] = [];
      const filter = streamNameFilter({
        prefixes: ['nothing-has-this-name'],
        checkpointInterval: interval,
        ...(maxSearchWindow === undefined ? {} : { maxSearchWindow }),
        checkpointReached: (_: unknown, position: Position) => Promise.resolve(void reached.push(position.commit)),
      });
      await once(toAll({ fromPosition: END, filter }), 'caughtUp');
      return reached;
    };
    const reaches = (reached: readonly bigint[], count: number): Promise<true> =>
      eventually('checkpoints', () => (reached.length >= count ? true : undefined), { seen: () => reached.map(String) });

    test('come after so many events that were looked at, and say how far', async () => {
      const reached = await checkpoints(2, 4);
      const positions = await write(newStream(), events(16));
      await reaches(reached, 2);
      // Somebody else's events count as well, so each comes at an eighth event or earlier.
      expect(reached[0]! > positions[0]! && reached[0]! <= positions[7]!).toBe(true);
      expect(reached[1]! > positions[7]! && reached[1]! <= positions[15]!).toBe(true);
    });

    test('come each 32 events unless told, and never while nothing is written', async () => {
      const reached = await checkpoints(1);
      await write(newStream(), events(20));
      const before = reached.length;
      await pause(200);
      expect(reached).toHaveLength(before);
      await write(newStream(), events(20));
      await reaches(reached, 1);
    });

    test('come in the history too, none past its end', async () => {
      const from = at(await headOf(client()));
      const positions = await write(newStream(), events(100));
      const reached: bigint[] = [];
      const filter = streamNameFilter({
        prefixes: ['nothing-has-this-name'],
        checkpointReached: (_: unknown, position: Position) => Promise.resolve(void reached.push(position.commit)),
      });
      await once(toAll({ fromPosition: from, filter }), 'caughtUp');
      expect(reached.length).toBeGreaterThanOrEqual(2);
      expect(reached.every((position) => position >= from.commit && position <= positions.at(-1)!)).toBe(true);
    });
  });

  test('takes a position past the end and still delivers what comes below it', async () => {
    const stream = newStream();
    const far = (await headOf(client())) + 10_000_000n;
    const subscription = toAll({ fromPosition: at(far), filter: streamNameFilter({ prefixes: [stream] }) });
    await once(subscription, 'caughtUp');
    const arrived = once(subscription, 'data');
    await client().appendToStream(stream, event());
    const { event: read } = (await arrived) as { event: { position: Position } };
    expect(read.position.commit).toBeLessThan(far);
  });

  test('one that pauses while live is cut as too slow, and the next goes on from where it was', async () => {
    const stream = newStream();
    const filter = streamNameFilter({ prefixes: [stream] });
    const subscription = toAll({ fromPosition: END, filter });
    await once(subscription, 'caughtUp');
    const sizes = Array.from({ length: 3_000 }, () => eventOf(2_000));
    const [told, seen]: [Promise<unknown>, Position[]] = [once(subscription, 'error'), []];
    subscription.on('data', ({ event: read }) => void seen.push(read!.position)).pause();
    for (let first = 0; first < sizes.length; first += 100) await client().appendToStream(stream, sizes.slice(first, first + 100));
    subscription.resume();
    const failure = (await told) as Told;
    expect(some(failure, 'type', 'code')).toStrictEqual({ type: 'timeout', code: 10 });
    expect(failure['message']).toMatch(/Consumer too slow/);
    expect(seen.length).toBeLessThan(3_000);
    const next = toAll({ fromPosition: seen.at(-1)!, filter });
    next.on('data', ({ event: read }) => void seen.push(read!.position));
    await once(next, 'caughtUp');
    expect(seen).toHaveLength(3_000);
    expect(new Set(seen.map(({ commit }) => commit)).size).toBe(3_000);
  });

  test('one that takes two milliseconds for each event is not cut', async () => {
    const [stream, sent] = [newStream(), events(600)];
    const subscription = subscribed(client().subscribeToStream(stream, { fromRevision: END }));
    await once(subscription, 'caughtUp');
    const writing = (async () => {
      for (const each of sent) await client().appendToStream(stream, each);
    })();
    const seen: (string | undefined)[] = [];
    for await (const { event: read } of subscription) {
      seen.push(read?.id);
      if (seen.length === sent.length) break;
      await pause(2);
    }
    await writing;
    expect(seen).toStrictEqual(ids(sent));
  });

  test('to a stream that gets a tombstone shows it, then says that the stream is deleted', async () => {
    const stream = newStream();
    await client().appendToStream(stream, event());
    const subscription = subscribed(client().subscribeToStream(stream));
    const types: (string | undefined)[] = [];
    subscription.on('data', ({ event: read }) => void types.push(read?.type));
    const told = once(subscription, 'error');
    await once(subscription, 'caughtUp');
    await client().tombstoneStream(stream);
    expect(some((await told) as Told, 'type', 'streamName')).toStrictEqual({ type: 'stream-deleted', streamName: stream });
    expect(types).toStrictEqual(['Seen', '$streamDeleted']);
  });

  test('only servers from 23.10 on say that a subscription has caught up, and this is one', () => {
    const [major = 0, minor = 0] = server().version.split('.').map(Number);
    expect(major * 100 + minor).toBeGreaterThanOrEqual(2_310);
  });
});
