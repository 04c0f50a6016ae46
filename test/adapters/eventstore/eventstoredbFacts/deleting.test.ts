import { describe, expect, test } from 'vitest';
import { eventually } from '../../../support/client.ts';
import { all, atServer, event, events, failureOf, newStream, revisionsOf, some } from './ground.ts';

describe('metadata and deletion in an EventStoreDB', () => {
  const { client } = atServer();
  const written = async (count: number): Promise<string> => {
    const stream = newStream();
    await client().appendToStream(stream, events(count));
    return stream;
  };
  const revisions = async (stream: string): Promise<readonly unknown[]> => revisionsOf(await all(client().readStream(stream)));
  /** The revisions of a stream that everything holds. */
  const inAll = async (stream: string): Promise<readonly unknown[]> => {
    const last = await all(client().readAll({ direction: 'backwards', fromPosition: 'end', maxCount: 200 }));
    return revisionsOf(last.filter((read) => read.event?.streamId === stream)).toReversed();
  };

  test('a greatest count takes effect at once where the stream is read, and not where everything is', async () => {
    const stream = await written(5);
    await client().setStreamMetadata(stream, { maxCount: 2 });
    expect(await revisions(stream)).toStrictEqual([3n, 4n]);
    await client().appendToStream(stream, event(), { expectedRevision: 4n });
    expect(await revisions(stream)).toStrictEqual([4n, 5n]);
    expect(await inAll(stream)).toStrictEqual([0n, 1n, 2n, 3n, 4n, 5n]);
  });

  test('so does a truncation', async () => {
    const stream = await written(5);
    await client().setStreamMetadata(stream, { truncateBefore: 3 });
    expect(await revisions(stream)).toStrictEqual([3n, 4n]);
    expect(await inAll(stream)).toStrictEqual([0n, 1n, 2n, 3n, 4n]);
  });

  test('so does an age', async () => {
    const stream = await written(2);
    await client().setStreamMetadata(stream, { maxAge: 1 });
    await eventually('what is too old is not read', async () => ((await revisions(stream)).length === 0 ? true : undefined));
    expect(await inAll(stream)).toStrictEqual([0n, 1n]);
  });

  test('setting metadata replaces all of it', async () => {
    const stream = await written(5);
    await client().setStreamMetadata(stream, { maxCount: 1 });
    await client().setStreamMetadata(stream, { truncateBefore: 2 });
    expect((await client().getStreamMetadata(stream)).metadata).toStrictEqual({ truncateBefore: 2 });
    expect(await revisions(stream)).toStrictEqual([2n, 3n, 4n]);
  });

  test.each(['no_stream', 2n] as const)(
    'a stream deleted softly is not found, and goes on with its numbers when written at %s',
    async (at) => {
      const stream = await written(3);
      await client().deleteStream(stream);
      expect(some(await failureOf(all(client().readStream(stream))), 'type')).toStrictEqual({ type: 'stream-not-found' });
      expect((await client().appendToStream(stream, event(), { expectedRevision: at })).nextExpectedRevision).toBe(3n);
      expect(await revisions(stream)).toStrictEqual([3n]);
      expect(await inAll(stream)).toStrictEqual([0n, 1n, 2n, 3n]);
    },
  );

  test('a stream deleted softly refuses another revision', async () => {
    const stream = await written(3);
    await client().deleteStream(stream);
    const failure = await failureOf(client().appendToStream(stream, event(), { expectedRevision: 1n }));
    expect(some(failure, 'type')).toStrictEqual({ type: 'wrong-expected-version' });
  });

  test('a deletion at another revision is refused', async () => {
    const stream = await written(3);
    const failure = await failureOf(client().deleteStream(stream, { expectedRevision: 1n }));
    expect(some(failure, 'type', 'streamName')).toStrictEqual({ type: 'wrong-expected-version', streamName: stream });
  });

  test('behind a tombstone everything says that the stream is deleted', async () => {
    const stream = await written(3);
    await client().tombstoneStream(stream);
    const attempts = [
      () => client().appendToStream(stream, event(), { expectedRevision: 'no_stream' }),
      () => client().appendToStream(stream, event(), { expectedRevision: 2n }),
      () => client().appendToStream(stream, event(), { credentials: { username: 'nobody', password: 'nothing' } }),
      () => all(client().readStream(stream)),
      () => client().deleteStream(stream),
      () => client().tombstoneStream(stream),
    ];
    for (const attempt of attempts)
      expect(some(await failureOf(attempt()), 'type', 'streamName')).toStrictEqual({ type: 'stream-deleted', streamName: stream });
  });
});
