import { describe, expect, test } from 'vitest';
import { codecOf } from '../../../src/adapters/codec/codec.ts';
import { eventFeed } from '../../../src/adapters/codec/eventFeed.ts';
import { eventLog } from '../../../src/adapters/codec/eventLog.ts';
import { mergeStorage } from '../../../src/adapters/codec/registry.ts';
import { memoryKeys } from '../../support/memoryKeys.ts';
import { memoryEventStore } from '../../../src/adapters/eventstore/memory/memoryEventStore.ts';
import type { EventWrite } from '../../../src/commands/ports.ts';
import { open } from '../../../src/domain/kernel/personal.ts';
import { PortError } from '../../../src/domain/kernel/portError.ts';
import { firstVersion, optional, shape, text } from '../../../src/domain/kernel/schema.ts';
import type { StreamName } from '../../../src/domain/values/ids.ts';
import type { Instant } from '../../../src/domain/values/instant.ts';

const types = { Said: firstVersion(shape({ words: text, secret: optional(text) }), [{ path: 'secret', class: 'content' }]) };
const streamOf = (id: string): StreamName => `notification-acme_${id}` as StreamName;
const write = (id: string, words: string, more: Partial<EventWrite> = {}): EventWrite => ({
  stream: streamOf(id),
  at: 'absent',
  events: [{ type: 'Said', data: { words } }],
  envelope: {
    commandId: `${id}-${words.slice(0, 8)}`,
    correlationId: 'c',
    causationId: 'c',
    actor: { kind: 'system', id: 'test' },
    occurredAt: '2026-07-30T10:00:00.000Z' as Instant,
  },
  ...more,
});
const setUp = () => {
  const store = memoryEventStore();
  const codec = codecOf(types, memoryKeys().vault);
  return { store, log: eventLog(store, codec), feed: eventFeed(store, codec) };
};

describe('the log', () => {
  test('answers each write in its place: appended, refused by the codec, in conflict, too large', async () => {
    const { log } = setUp();
    await log.append([write('there', 'first')]);
    const results = await log.append([
      write('a', 'one'),
      write('b', 'two', { events: [{ type: 'Nobody', data: {} }] }),
      write('there', 'again'),
      write('c', 'x'.repeat(900_000)),
      write('d', 'four'),
    ]);
    expect(results.map((it) => (it.ok ? it.revision : it.conflict ? `conflict ${it.actual}` : it.error.code))).toStrictEqual([
      0,
      'event_unknown',
      'conflict 0',
      'append_too_large',
      0,
    ]);
  });

  test('reads whole streams in their newest shape, a missing one as an empty list', async () => {
    const { log } = setUp();
    await log.append([write('a', 'one')]);
    const read = await log.read([streamOf('a'), streamOf('none')]);
    expect([...read].map(([stream, events]) => [stream, events.map(({ event, revision }) => ({ event, revision }))])).toStrictEqual([
      [streamOf('a'), [{ event: { type: 'Said', data: { words: 'one' } }, revision: 0 }]],
      [streamOf('none'), []],
    ]);
  });

  test('a repeated command answers as the first time', async () => {
    const { log } = setUp();
    const said = write('a', 'one', { events: [{ type: 'Said', data: { words: 'one', secret: open('s') } }] });
    const first = await log.append([said]);
    expect(first.map(({ ok }) => ok)).toStrictEqual([true]);
    expect(await log.append([said])).toStrictEqual(first);
  });

  test('does not fold around an event that it cannot read', async () => {
    const { store, log, feed } = setUp();
    await log.append([write('a', 'one')]);
    const [good] = await store.readStream(streamOf('a'));
    await store.append(streamOf('a'), 0, [
      { ...(good ?? { data: '', metadata: '' }), id: 'f0000000-0000-8000-8000-000000000000', type: 'Nobody' },
    ]);
    await expect(log.read([streamOf('a')])).rejects.toMatchObject({ kind: 'invalid', code: 'newer_release', retryable: false });
    const { events } = await feed.readAll('start', {}, 10);
    expect(events.map((it) => ('unreadable' in it ? it.unreadable.code : it.event.type))).toStrictEqual(['Said', 'event_unknown']);
  });

  test('tells what only a newer release can read from what nobody can', async () => {
    const codes = [{ schemaVersion: 2 }, { data: '{}' }].map(async ({ data, schemaVersion }) => {
      const { store, log } = setUp();
      await log.append([write('a', 'one')]);
      const [good = { data: '', metadata: '' }] = await store.readStream(streamOf('a'));
      const metadata = JSON.stringify({ ...(JSON.parse(good.metadata) as object), ...(schemaVersion && { schemaVersion }) });
      const stored = { data: data ?? good.data, metadata, id: 'f0000000-0000-8000-8000-000000000000', type: 'Said' };
      await store.append(streamOf('a'), 0, [stored]);
      const thrown: unknown = await log.read([streamOf('a')]).catch((error: unknown) => error);
      return thrown instanceof PortError ? thrown.code : thrown;
    });
    expect(await Promise.all(codes)).toStrictEqual(['newer_release', 'event_invalid']);
  });

  test('with the keys out of reach every write may be tried again', async () => {
    const down = { trySeal: () => Promise.reject(new PortError('unavailable', 'database_unreachable', 'down')) };
    const log = eventLog(memoryEventStore(), codecOf(types, down));
    const results = await log.append([write('a', 'one', { events: [{ type: 'Said', data: { words: '', secret: open(1) } }] })]);
    expect(results.map((it) => (it.ok || it.conflict ? 'no' : it.error.retryable))).toStrictEqual([true]);
  });
});

test('the feed hands on decoded events as they come', async () => {
  const { log, feed } = setUp();
  await log.append([write('a', 'one')]);
  const stop = new AbortController();
  const words: unknown[] = [];
  for await (const { events, caughtUp } of feed.subscribe('start', {}, stop.signal)) {
    words.push(...events.map((it) => ('event' in it ? (it.event.data as { words: string }).words : 'unreadable')));
    if (caughtUp && words.length === 1) await log.append([write('b', 'two')]);
    if (words.length === 2) stop.abort();
  }
  expect(words).toStrictEqual(['one', 'two']);
});

test('a type that two aggregates declare is a mistake found at the start', () => {
  expect(() => mergeStorage(types, { Other: types.Said }, { Said: types.Said })).toThrow('Said is declared twice');
  expect(Object.keys(mergeStorage(types, { Other: types.Said }))).toStrictEqual(['Said', 'Other']);
});
