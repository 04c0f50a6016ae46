import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import type { EncodedEvent, EventStore, FeedBatch, StoredEvent } from '../../../src/adapters/eventstore/port.ts';
import { PortError } from '../../../src/domain/kernel/portError.ts';
import type { Position, StreamName } from '../../../src/domain/values/ids.ts';
import { eventually } from '../../support/client.ts';

export type StoreOf = () => EventStore;

export const aStream = (noun = 'sample'): StreamName => `${noun}-acme_${randomUUID()}` as StreamName;

export const anEvent = (over: Partial<EncodedEvent> = {}): EncodedEvent => ({
  id: randomUUID(),
  type: 'SampleTaken',
  data: '{"n":1}',
  metadata: '{"tenantId":"acme"}',
  ...over,
});

export const someEvents = (count: number, over: Partial<EncodedEvent> = {}): readonly EncodedEvent[] =>
  Array.from({ length: count }, (_, n) => anEvent({ data: `{"n":${n}}`, ...over }));

/** The events as they must come back, but for their positions. */
export const stored = (stream: StreamName, events: readonly EncodedEvent[], from = 0): readonly Omit<StoredEvent, 'position'>[] =>
  events.map((event, n) => ({ ...event, stream, revision: from + n }));

export const unplaced = (events: readonly StoredEvent[]): readonly Omit<StoredEvent, 'position'>[] =>
  events.map(({ position: _, ...event }) => event);

export const ids = (events: readonly { readonly id: string }[]): readonly string[] => events.map(({ id }) => id);

export const positions = (events: readonly StoredEvent[]): readonly Position[] => events.map(({ position }) => position);

/** What a PortError says; anything else that is thrown, or nothing thrown, is no answer. */
export async function refusal(work: Promise<unknown>): Promise<Pick<PortError, 'kind' | 'code' | 'actual'>> {
  const error: unknown = await work.then(
    () => expect.fail('it was not refused'),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof PortError)) throw error;
  return error.actual === undefined ? { kind: error.kind, code: error.code } : { kind: error.kind, code: error.code, actual: error.actual };
}

/** Sent again, with the same ids, while the store says that it could not find out in its time: as whoever calls does. */
export const settled = <T>(append: () => Promise<T>): Promise<T> =>
  eventually('the store says what became of it', () =>
    append().catch((error: unknown) => {
      if (error instanceof PortError && error.kind === 'unavailable') return undefined;
      throw error;
    }),
  );

/** Reads batches until one satisfies the condition; all that were read. */
export async function readUntil(
  feed: AsyncIterable<FeedBatch>,
  done: (all: readonly FeedBatch[]) => boolean,
): Promise<readonly FeedBatch[]> {
  const all: FeedBatch[] = [];
  for await (const batch of feed) {
    all.push(batch);
    if (done(all)) break;
  }
  return all;
}

export const eventsOf = (batches: readonly FeedBatch[]): readonly StoredEvent[] => batches.flatMap(({ events }) => events);

export const isIncreasing = (list: readonly string[]): boolean => list.every((item, n) => n === 0 || (list[n - 1] ?? '') < item);
