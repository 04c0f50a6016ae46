import { expect, test } from 'vitest';
import type { FeedBatch } from '../../../src/adapters/eventstore/port.ts';
import type { Position } from '../../../src/domain/values/ids.ts';
import type { OpenStore } from '../eventStore.ts';
import { anEvent, aStream, eventsOf, ids, isIncreasing, positions, readUntil, refusal, someEvents } from './samples.ts';
import type { StoreOf } from './samples.ts';

const endless = (): AbortSignal => new AbortController().signal;
const caughtUp = (all: readonly FeedBatch[]): boolean => all.at(-1)?.caughtUp === true;

export function subscribing(store: StoreOf, open: () => Promise<OpenStore>): void {
  test('history comes first, then the mark that it has been caught up with, then what is appended', async () => {
    const before = await store().head();
    const [old, live] = [someEvents(3), someEvents(2)];
    await store().append(aStream(), 'absent', old);
    const seen: string[] = [];
    let marks = 0;
    for await (const batch of store().subscribe(before, {}, endless())) {
      seen.push(...ids(batch.events));
      if (batch.caughtUp && (marks += 1) === 1) {
        expect(seen).toStrictEqual(ids(old));
        await store().append(aStream(), 'absent', live);
      }
      if (seen.length === 5) break;
    }
    expect(seen).toStrictEqual(ids([...old, ...live]));
  });

  test('nothing is skipped or turned round while many append', async () => {
    const before = await store().head();
    const writes = Array.from({ length: 200 }, () => ({ stream: aStream(), events: someEvents(2) }));
    const appends = Promise.all(writes.map(({ stream, events }) => store().append(stream, 'absent', events)));
    const batches = await readUntil(store().subscribe(before, {}, endless()), (all) => eventsOf(all).length >= 400);
    await appends;
    const all = eventsOf(batches);
    expect(isIncreasing(positions(all))).toBe(true);
    expect(ids(all).toSorted()).toStrictEqual(ids(writes.flatMap(({ events }) => events)).toSorted());
    for (const { stream, events } of writes) expect(ids(all.filter((event) => event.stream === stream))).toStrictEqual(ids(events));
  });

  test('it resumes from any position', async () => {
    const before = await store().head();
    await store().append(aStream(), 'absent', someEvents(6));
    const all = (await store().readAll(before, {}, 100)).events;
    for (const [n, { position }] of all.entries()) {
      const rest = await readUntil(store().subscribe(position, {}, endless()), caughtUp);
      expect(eventsOf(rest)).toStrictEqual(all.slice(n + 1));
    }
  });

  test('from the start it delivers the whole log', async () => {
    const batches = await readUntil(store().subscribe('start', {}, endless()), caughtUp);
    const all = eventsOf(batches);
    expect(all.at(-1)?.position).toBe(await store().head());
    expect(isIncreasing(positions(all))).toBe(true);
    // The mark that it has caught up may come by itself.
    expect(isIncreasing(batches.filter(({ events }) => events.length > 0).map(({ upTo }) => upTo))).toBe(true);
  });

  test('caught up at once, it says so at once', async () => {
    const head = await store().head();
    const [first] = await readUntil(store().subscribe(head, {}, endless()), () => true);
    expect(first).toStrictEqual({ events: [], upTo: head, caughtUp: true });
  });

  test('it filters by noun and type, and moves on when nothing matched', async () => {
    const head = await store().head();
    const [mine, other] = [aStream('kite'), aStream('rope')];
    const [flown, torn] = [anEvent({ type: 'Flown' }), anEvent({ type: 'Torn' })];
    await store().append(mine, 'absent', [flown, torn]);
    const seen: string[] = [];
    let silent: Position | undefined;
    for await (const batch of store().subscribe(head, { nouns: ['kite'], types: ['Flown'] }, endless())) {
      seen.push(...ids(batch.events));
      if (silent !== undefined && batch.upTo >= silent) break;
      if (batch.caughtUp) silent ??= (await store().append(other, 'absent', [anEvent({ type: 'Flown' })])).position;
    }
    expect(seen).toStrictEqual([flown.id]);
  });

  test('the signal ends it, while it waits and while it is being read', async () => {
    const head = await store().head();
    const waiting = new AbortController();
    const ended = readUntil(store().subscribe(head, {}, waiting.signal), () => {
      setImmediate(() => waiting.abort());
      return false;
    });
    expect(await ended).toHaveLength(1);
    const reading = new AbortController();
    const behind = readUntil(store().subscribe('start', {}, reading.signal), () => {
      reading.abort();
      return false;
    });
    expect(await behind).toHaveLength(1);
    expect(await readUntil(store().subscribe('start', {}, AbortSignal.abort()), () => false)).toStrictEqual([]);
  });

  test('a position beyond the head is refused', async () => {
    const head = await store().head();
    const beyond = head.replace(/^0/, '9') as Position;
    const read = readUntil(store().subscribe(beyond, {}, endless()), () => true);
    expect(await refusal(read)).toStrictEqual({ kind: 'invalid', code: 'position_beyond_head' });
  });

  test('a reader that stops to think is not read ahead for: it gets what fits a page, however much is waiting', async () => {
    const before = await store().head();
    const events = someEvents(4, { data: `"${'x'.repeat(200_000)}"` });
    const streams = Array.from({ length: 12 }, () => aStream());
    for (const stream of streams) await store().append(stream, 'absent', events);
    const batches = await readUntil(store().subscribe(before, {}, endless()), caughtUp);
    expect(eventsOf(batches)).toHaveLength(48);
    const sizes = batches.map((batch) => batch.events.reduce((sum, { data }) => sum + data.length, 0));
    expect(Math.max(...sizes)).toBeLessThan(5_000_000);
  });

  test('closing the store ends its subscriptions and refuses appends', async () => {
    const { store: own, close } = await open();
    const feed = readUntil(own.subscribe('start', {}, endless()), () => {
      setImmediate(() => void own.close());
      return false;
    });
    expect(await feed).not.toStrictEqual([]);
    expect(await refusal(own.append(aStream(), 'absent', someEvents(1)))).toStrictEqual({ kind: 'unavailable', code: 'store_closed' });
    await close();
  });
}
