import type { AllStreamResolvedEvent, EventStoreDBClient, ReadAllOptions } from '@eventstore/db-client';
import { describe, expect, test } from 'vitest';
import { all, at, atServer, events, failureOf, headOf, newStream, revisionsOf, some } from './ground.ts';

describe('reading from an EventStoreDB', () => {
  const { client } = atServer();
  const written = async (count: number): Promise<string> => {
    const stream = newStream();
    await client().appendToStream(stream, events(count));
    return stream;
  };
  type How = NonNullable<Parameters<EventStoreDBClient['readStream']>[1]>;
  const revisions = async (stream: string, how: How): Promise<readonly unknown[]> =>
    revisionsOf(await all(client().readStream(stream, how)));
  const readAll = (how: ReadAllOptions): Promise<readonly AllStreamResolvedEvent[]> => all(client().readAll(how));

  test('a missing stream is an error by type', async () => {
    const stream = newStream();
    const failure = await failureOf(all(client().readStream(stream)));
    expect(some(failure, 'type', 'streamName')).toStrictEqual({ type: 'stream-not-found', streamName: stream });
  });

  test('forwards past the end there is nothing, backwards it begins at the end', async () => {
    const stream = await written(3);
    expect(await revisions(stream, { fromRevision: 3n })).toStrictEqual([]);
    expect(await revisions(stream, { fromRevision: 900n })).toStrictEqual([]);
    expect(await revisions(stream, { fromRevision: 900n, direction: 'backwards' })).toStrictEqual([2n, 1n, 0n]);
  });

  test('forwards and backwards from a revision includes it, and stops at the count', async () => {
    const stream = await written(5);
    expect(await revisions(stream, { fromRevision: 1n, maxCount: 2 })).toStrictEqual([1n, 2n]);
    expect(await revisions(stream, { fromRevision: 3n, maxCount: 2, direction: 'backwards' })).toStrictEqual([3n, 2n]);
  });

  test('backwards from nowhere begins at the first event, and is just that', async () => {
    const stream = await written(3);
    expect(await revisions(stream, { direction: 'backwards' })).toStrictEqual([0n]);
    expect(await revisions(stream, { direction: 'backwards', fromRevision: 'end' })).toStrictEqual([2n, 1n, 0n]);
  });

  test('none of a stream, or forwards from its end, is an unknown error', async () => {
    const stream = await written(3);
    for (const how of [{ maxCount: 0 }, { fromRevision: 'end' }] satisfies How[])
      expect(some(await failureOf(all(client().readStream(stream, how))), 'type', 'code')).toStrictEqual({ type: 'unknown', code: 2 });
  });

  test('none of everything, forwards from its end, or from where no record begins, is an unknown error', async () => {
    await written(1);
    const head = await headOf(client());
    for (const how of [{ maxCount: 0 }, { fromPosition: 'end' }, { fromPosition: at(head - 1n) }] satisfies ReadAllOptions[])
      expect(some(await failureOf(readAll(how)), 'type', 'code')).toStrictEqual({ type: 'unknown', code: 2 });
  });

  test('everything forwards includes the event at the position, backwards excludes it', async () => {
    const stream = await written(3);
    const positions = (await all(client().readStream(stream))).map(({ event }) => event?.position?.commit ?? 0n);
    const [first = 0n, middle = 0n] = positions;
    const forwards = await readAll({ fromPosition: at(middle), maxCount: 1 });
    const backwards = await readAll({ fromPosition: at(middle), maxCount: 1, direction: 'backwards' });
    expect(forwards.map(({ event }) => event?.position)).toStrictEqual([at(middle)]);
    expect(backwards.map(({ event }) => event?.position)).toStrictEqual([at(first)]);
  });

  test('everything includes system events, whatever filter it is given', async () => {
    const stream = await written(1);
    const how = { filter: { filterOn: 'streamName', prefixes: [stream], checkpointInterval: 1 } } as ReadAllOptions;
    const types = (await readAll({ ...how, maxCount: 100 })).map(({ event }) => event?.type ?? '');
    expect(types.some((type) => type.startsWith('$'))).toBe(true);
  });

  test('what is read is what was written', async () => {
    const [stream, sent] = [newStream(), events(1)];
    await client().appendToStream(stream, { ...sent[0]!, metadata: { by: 'somebody' } });
    const [read] = await all(client().readStream(stream));
    expect(some(read?.event ?? {}, 'streamId', 'id', 'type', 'revision', 'data', 'metadata', 'isJson')).toStrictEqual({
      streamId: stream,
      id: sent[0]?.id,
      type: 'Seen',
      revision: 0n,
      data: sent[0]?.data,
      metadata: { by: 'somebody' },
      isJson: true,
    });
  });
});
