import type { EventStoreDBClient } from '@eventstore/db-client';
import { describe, expect, test } from 'vitest';
import { atServer, event, events, failureOf, idsIn, newStream } from './ground.ts';

describe('appending the same event ids again to an EventStoreDB', () => {
  const { client } = atServer();
  type Expectation = Parameters<EventStoreDBClient['appendToStream']>[2];
  const ids = (list: readonly { readonly id: string }[]): readonly string[] => list.map(({ id }) => id);

  test.each([1, 3])('a whole write of %d, no stream expected: the first answer, at once and after later events', async (size) => {
    const [stream, sent, how] = [newStream(), events(size), { expectedRevision: 'no_stream' } satisfies Expectation];
    const first = await client().appendToStream(stream, sent, how);
    expect(await client().appendToStream(stream, sent, how)).toStrictEqual(first);
    const later = events(2);
    await client().appendToStream(stream, later);
    expect(await client().appendToStream(stream, sent, how)).toStrictEqual(first);
    expect(await idsIn(client(), stream)).toStrictEqual(ids([...sent, ...later]));
  });

  test.each([1, 3])('a whole write of %d at an exact revision: the first answer, at once and after later events', async (size) => {
    const [stream, before, sent] = [newStream(), events(4), events(size)];
    const how = { expectedRevision: 3n } satisfies Expectation;
    await client().appendToStream(stream, before);
    const first = await client().appendToStream(stream, sent, how);
    expect(await client().appendToStream(stream, sent, how)).toStrictEqual(first);
    const later = events(2);
    await client().appendToStream(stream, later);
    expect(await client().appendToStream(stream, sent, how)).toStrictEqual(first);
    expect(await idsIn(client(), stream)).toStrictEqual(ids([...before, ...sent, ...later]));
  });

  test('bodies are not compared', async () => {
    const [stream, first] = [newStream(), event()];
    const result = await client().appendToStream(stream, first, { expectedRevision: 'no_stream' });
    const other = { ...first, type: 'Other', data: { of: 'something else' } };
    expect(await client().appendToStream(stream, other, { expectedRevision: 'no_stream' })).toStrictEqual(result);
  });

  test('a prefix of the write, no stream expected: success', async () => {
    const [stream, sent] = [newStream(), events(3)];
    await client().appendToStream(stream, sent, { expectedRevision: 'no_stream' });
    const again = await client().appendToStream(stream, sent.slice(0, 2), { expectedRevision: 'no_stream' });
    expect([again.success, again.nextExpectedRevision]).toStrictEqual([true, 1n]);
    expect(await idsIn(client(), stream)).toStrictEqual(ids(sent));
  });

  test('an old event and a new one: refused', async () => {
    const [stream, old] = [newStream(), event()];
    await client().appendToStream(stream, old, { expectedRevision: 'no_stream' });
    const failure = await failureOf(client().appendToStream(stream, [old, event()], { expectedRevision: 'no_stream' }));
    expect(failure['type']).toBe('wrong-expected-version');
    expect(await idsIn(client(), stream)).toStrictEqual([old.id]);
  });

  test('an event that the stream has, at its current head: written again', async () => {
    const [stream, twice] = [newStream(), event()];
    await client().appendToStream(stream, twice, { expectedRevision: 'no_stream' });
    expect((await client().appendToStream(stream, twice, { expectedRevision: 0n })).nextExpectedRevision).toBe(1n);
    expect(await idsIn(client(), stream)).toStrictEqual([twice.id, twice.id]);
  });

  test('one id twice in one write: both written', async () => {
    const [stream, twice] = [newStream(), event()];
    const { nextExpectedRevision } = await client().appendToStream(stream, [twice, twice], { expectedRevision: 'no_stream' });
    expect(nextExpectedRevision).toBe(1n);
    expect(await idsIn(client(), stream)).toStrictEqual([twice.id, twice.id]);
  });

  test('in another stream: written', async () => {
    const [stream, other, sent] = [newStream(), newStream(), event()];
    await client().appendToStream(stream, sent, { expectedRevision: 'no_stream' });
    await client().appendToStream(other, sent, { expectedRevision: 'no_stream' });
    expect(await idsIn(client(), other)).toStrictEqual([sent.id]);
  });
});
