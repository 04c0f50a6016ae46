import { EventStoreDBClient } from '@eventstore/db-client';
import { describe, expect, test } from 'vitest';
import { all, at, atServer, event, eventOf, events, failureOf, idsIn, newStream, some } from './ground.ts';

const MAX_APPEND_BYTES = 1_048_576;
const ANYBODY = { username: 'nobody', password: 'nothing' };

describe('appending to an EventStoreDB', () => {
  const { server, client } = atServer();
  const conflict = ['name', 'message', 'type', 'streamName', 'expectedVersion', 'actualVersion'];

  test('answers with the position of the last event, of which commit and prepare are equal', async () => {
    const stream = newStream();
    const result = await client().appendToStream(stream, events(3), { expectedRevision: 'no_stream' });
    const read = await all(client().readStream(stream));
    const position = result.position?.commit ?? -1n;
    expect(result).toStrictEqual({ success: true, nextExpectedRevision: 2n, position: at(position) });
    expect(read.at(-1)?.event?.position).toStrictEqual(at(position));
    expect(read[0]?.event?.position?.commit).toBeLessThan(position);
  });

  test('positions grow by more than one', async () => {
    const stream = newStream();
    await client().appendToStream(stream, events(5));
    const positions = (await all(client().readStream(stream))).map((read) => read.event?.position?.commit ?? 0n);
    expect(positions.slice(1).every((position, index) => position - positions[index]! > 1n)).toBe(true);
  });

  test.each([
    [7n, 7n],
    [0n, 0n],
    ['no_stream', 'no_stream'],
  ] as const)('at another revision than %s refuses by type, without a message', async (expectedRevision, told) => {
    const stream = newStream();
    await client().appendToStream(stream, events(3));
    const failure = await failureOf(client().appendToStream(stream, event(), { expectedRevision }));
    expect(some(failure, ...conflict)).toStrictEqual({
      name: 'Error',
      message: '',
      type: 'wrong-expected-version',
      streamName: stream,
      expectedVersion: told,
      actualVersion: 2n,
    });
  });

  test.each([0n, 'stream_exists'] as const)('to a missing stream at %s tells that there is none', async (expectedRevision) => {
    const stream = newStream();
    const failure = await failureOf(client().appendToStream(stream, event(), { expectedRevision }));
    expect(some(failure, 'type', 'expectedVersion', 'actualVersion')).toStrictEqual({
      type: 'wrong-expected-version',
      expectedVersion: expectedRevision,
      actualVersion: 'no_stream',
    });
  });

  test('at any revision refuses a batch of which it has a part', async () => {
    const [stream, old] = [newStream(), event()];
    await client().appendToStream(stream, old);
    const failure = await failureOf(client().appendToStream(stream, [old, event()], { expectedRevision: 'any' }));
    expect(some(failure, 'type', 'expectedVersion')).toStrictEqual({ type: 'wrong-expected-version', expectedVersion: 'any' });
  });

  test('lets one of fifty win who expect the same revision', async () => {
    const stream = newStream();
    await client().appendToStream(stream, event());
    const settled = await Promise.allSettled(
      Array.from({ length: 50 }, () => client().appendToStream(stream, event(), { expectedRevision: 0n })),
    );
    const refused = settled.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
    expect(refused.map(({ reason }) => (reason as { readonly type: string }).type)).toStrictEqual(
      Array.from({ length: 49 }, () => 'wrong-expected-version'),
    );
  });

  test('keeps the order of five hundred to one stream that nobody waits for', async () => {
    const [stream, sent] = [newStream(), events(500)];
    await Promise.all(sent.map((each) => client().appendToStream(stream, each)));
    expect(await idsIn(client(), stream)).toStrictEqual(sent.map(({ id }) => id));
  });

  test('tells a wrong revision where it does not throw', async () => {
    const silent = EventStoreDBClient.connectionString(`${server().url}&throwOnAppendFailure=false`);
    const stream = newStream();
    await silent.appendToStream(stream, events(5));
    // The stream's revision is 4.
    expect(await silent.appendToStream(stream, event(), { expectedRevision: 0n })).toStrictEqual({
      success: false,
      nextExpectedRevision: 1n,
      position: undefined,
    });
    await silent.dispose();
  });

  test('of no events succeeds and writes nothing', async () => {
    const [missing, stream] = [newStream(), newStream()];
    await client().appendToStream(stream, events(2));
    expect((await client().appendToStream(missing, [], { expectedRevision: 'no_stream' })).success).toBe(true);
    expect((await client().appendToStream(stream, [], { expectedRevision: 1n })).success).toBe(true);
    expect(await failureOf(all(client().readStream(missing)))).toMatchObject({ type: 'stream-not-found' });
    expect(await idsIn(client(), stream)).toHaveLength(2);
  });

  test('takes so many bytes of data in one append, and as much metadata as you like', async () => {
    const half = MAX_APPEND_BYTES / 2;
    const result = await client().appendToStream(newStream(), [eventOf(half, new Uint8Array(100_000).fill(1)), eventOf(half)]);
    expect(result.nextExpectedRevision).toBe(1n);
  });

  test.each([[[MAX_APPEND_BYTES + 1]], [[MAX_APPEND_BYTES, 1]]])('refuses more than that: %j', async (sizes) => {
    const stream = newStream();
    const failure = await failureOf(
      client().appendToStream(
        stream,
        sizes.map((size) => eventOf(size)),
      ),
    );
    expect(some(failure, 'type', 'maxAppendSize', 'code')).toStrictEqual({
      type: 'maximum-append-size-exceeded',
      maxAppendSize: MAX_APPEND_BYTES,
      code: undefined,
    });
    expect(await failureOf(all(client().readStream(stream)))).toMatchObject({ type: 'stream-not-found' });
  });

  test('with credentials of its own goes another way: the status of the call is the error', async () => {
    const failure = await failureOf(client().appendToStream(newStream(), eventOf(MAX_APPEND_BYTES + 1), { credentials: ANYBODY }));
    expect(some(failure, 'type', 'maxAppendSize', 'code')).toStrictEqual({
      type: 'maximum-append-size-exceeded',
      maxAppendSize: MAX_APPEND_BYTES,
      code: 3,
    });
  });

  test('on that other way answers and refuses alike', async () => {
    const stream = newStream();
    const written = await client().appendToStream(stream, events(2), { expectedRevision: 'no_stream', credentials: ANYBODY });
    expect(written.nextExpectedRevision).toBe(1n);
    expect((await all(client().readStream(stream))).at(-1)?.event?.position).toStrictEqual(written.position);
    const failure = await failureOf(client().appendToStream(stream, event(), { expectedRevision: 0n, credentials: ANYBODY }));
    expect(some(failure, 'type', 'streamName', 'expectedVersion', 'actualVersion')).toStrictEqual({
      type: 'wrong-expected-version',
      streamName: stream,
      expectedVersion: 0n,
      actualVersion: 1n,
    });
  });

  test('of a message that is too large breaks the call that all appends share, and with it every append that waits; the next works', async () => {
    const stream = newStream();
    const large = failureOf(client().appendToStream(stream, eventOf(20_000_000)));
    const waiting = failureOf(client().appendToStream(newStream(), eventOf(20_000_000)));
    expect(some(await large, 'type', 'code')).toStrictEqual({ type: 'unknown', code: 8 });
    expect(some(await waiting, 'type', 'code')).toStrictEqual({ type: 'unknown', code: 8 });
    expect((await client().appendToStream(stream, event())).nextExpectedRevision).toBe(0n);
  });
});
