import { expect, test } from 'vitest';
import type { WriteOutcome } from '../../../src/adapters/eventstore/port.ts';
import { anEvent, aStream, eventsOf, ids, refusal, someEvents, stored, unplaced } from './samples.ts';
import type { StoreOf } from './samples.ts';

const conflict = (actual: number | 'absent') => ({ kind: 'conflict', code: 'wrong_expected_revision', actual });
const tally = (outcomes: readonly WriteOutcome[]): readonly string[] =>
  outcomes.map((it) => (it.ok ? 'appended' : it.conflict ? 'conflict' : it.error.code));

export function appending(store: StoreOf): void {
  test('a new stream begins at revision 0 and answers with the revision and position of its last event', async () => {
    const stream = aStream();
    const events = someEvents(3);
    const appended = await store().append(stream, 'absent', events);
    const read = await store().readStream(stream);
    expect(unplaced(read)).toStrictEqual(stored(stream, events));
    expect(appended).toStrictEqual({ ok: true, revision: 2, position: read[2]?.position });
  });

  test('appends at the exact revision continue the stream', async () => {
    const stream = aStream();
    const [first, second] = [someEvents(2), someEvents(2)];
    await store().append(stream, 'absent', first);
    expect(await store().append(stream, 1, second)).toMatchObject({ ok: true, revision: 3 });
    expect(unplaced(await store().readStream(stream))).toStrictEqual(stored(stream, [...first, ...second]));
  });

  test('any other expectation is a conflict that tells the actual revision, and writes nothing', async () => {
    const stream = aStream();
    expect(await refusal(store().append(stream, 0, someEvents(1)))).toStrictEqual(conflict('absent'));
    const events = someEvents(3);
    await store().append(stream, 'absent', events);
    expect(await refusal(store().append(stream, 'absent', someEvents(1)))).toStrictEqual(conflict(2));
    expect(await refusal(store().append(stream, 1, someEvents(1)))).toStrictEqual(conflict(2));
    expect(await refusal(store().append(stream, 3, someEvents(1)))).toStrictEqual(conflict(2));
    expect(unplaced(await store().readStream(stream))).toStrictEqual(stored(stream, events));
  });

  test('of 50 appends at one revision exactly one wins', async () => {
    const stream = aStream();
    await store().append(stream, 'absent', someEvents(1));
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => store().appendMany([{ stream, at: 0, events: someEvents(1) }])));
    expect(tally(outcomes.flat()).toSorted()).toStrictEqual(['appended', ...Array.from({ length: 49 }, () => 'conflict')]);
    expect(await store().readStream(stream)).toHaveLength(2);
  });

  test('a repeat at the same expectation answers as the first time did, also after later appends', async () => {
    const stream = aStream();
    const [first, second] = [someEvents(2), someEvents(3)];
    const one = await store().append(stream, 'absent', first);
    expect(await store().append(stream, 'absent', first)).toStrictEqual(one);
    const two = await store().append(stream, 1, second);
    expect(await store().append(stream, 'absent', first)).toStrictEqual(one);
    expect(await store().append(stream, 1, second)).toStrictEqual(two);
    expect(await store().readStream(stream)).toHaveLength(5);
  });

  test('repeats are told by id and place alone: what they carry is not compared', async () => {
    const stream = aStream();
    const event = anEvent();
    const one = await store().append(stream, 'absent', [event]);
    expect(await store().append(stream, 'absent', [{ ...event, type: 'Other', data: '{"other":true}' }])).toStrictEqual(one);
    expect(unplaced(await store().readStream(stream))).toStrictEqual(stored(stream, [event]));
  });

  test('a prefix of what was written is a repeat; a part that runs beyond it, or another order, is a conflict', async () => {
    const stream = aStream();
    const [a, b, c] = [anEvent(), anEvent(), anEvent()];
    await store().append(stream, 'absent', [a, b]);
    const [stored] = await store().readStream(stream);
    expect(await store().append(stream, 'absent', [a])).toStrictEqual({ ok: true, revision: 0, position: stored?.position });
    expect(await refusal(store().append(stream, 'absent', [a, b, c]))).toStrictEqual(conflict(1));
    expect(await refusal(store().append(stream, 'absent', [c, a]))).toStrictEqual(conflict(1));
    expect(await refusal(store().append(stream, 'absent', [b, a]))).toStrictEqual(conflict(1));
    expect(await refusal(store().append(stream, 'absent', [b]))).toStrictEqual(conflict(1));
  });

  // As EventStoreDB does: a repeat is looked for only where the first one would stand. Who has lost track of the
  // expectation reads the stream and looks for its own ids.
  test('an id that is in the stream already is written again at the current head', async () => {
    const stream = aStream();
    const event = anEvent();
    await store().append(stream, 'absent', [event]);
    expect(await store().append(stream, 0, [event])).toMatchObject({ ok: true, revision: 1 });
    expect(ids(await store().readStream(stream))).toStrictEqual([event.id, event.id]);
  });

  test('the same id in another stream is another event', async () => {
    const [one, two] = [aStream(), aStream()];
    const event = anEvent();
    await store().append(one, 'absent', [event]);
    expect(await store().append(two, 'absent', [event])).toMatchObject({ ok: true, revision: 0 });
  });

  test('many writes have one outcome each, in order, and a bad one takes no neighbour with it', async () => {
    const [taken, repeated] = [aStream(), aStream()];
    await store().append(taken, 'absent', someEvents(3));
    const first = someEvents(2);
    const before = await store().append(repeated, 'absent', first);
    const fresh = Array.from({ length: 5 }, () => ({ stream: aStream(), at: 'absent' as const, events: someEvents(2) }));
    const notJson = { stream: aStream(), at: 'absent' as const, events: [anEvent(), anEvent({ data: '{"n":' })] };
    const outcomes = await store().appendMany([
      ...fresh.slice(0, 2),
      { stream: taken, at: 'absent', events: someEvents(1) },
      notJson,
      { stream: repeated, at: 'absent', events: first },
      ...fresh.slice(2),
      { stream: aStream(), at: 'absent', events: [] },
    ]);
    expect(tally(outcomes)).toStrictEqual([
      'appended',
      'appended',
      'conflict',
      'append_not_json',
      'appended',
      'appended',
      'appended',
      'appended',
      'append_empty',
    ]);
    expect(outcomes[2]).toStrictEqual({ ok: false, conflict: true, actual: 2 });
    expect(outcomes[4]).toStrictEqual(before);
    expect(await store().readStream(notJson.stream)).toStrictEqual([]);
    for (const { stream, events } of fresh) expect(unplaced(await store().readStream(stream))).toStrictEqual(stored(stream, events));
  });

  test('two writes to one stream in one call are taken in order', async () => {
    const stream = aStream();
    const outcomes = await store().appendMany([
      { stream, at: 'absent', events: someEvents(2) },
      { stream, at: 1, events: someEvents(1) },
      { stream, at: 1, events: someEvents(1) },
    ]);
    expect(tally(outcomes)).toStrictEqual(['appended', 'appended', 'conflict']);
  });

  test('500 appends to one stream without waiting keep their order', async () => {
    const stream = aStream();
    const events = someEvents(500);
    const outcomes = await Promise.all(events.map((event, n) => store().append(stream, n === 0 ? 'absent' : n - 1, [event])));
    expect(outcomes.map(({ revision }) => revision)).toStrictEqual(events.map((_, n) => n));
    expect(ids(await store().readStream(stream))).toStrictEqual(ids(events));
  });

  test('an append of 500 events keeps them together in the global order', async () => {
    const before = await store().head();
    const stream = aStream();
    const events = someEvents(500);
    await Promise.all([
      store().append(aStream(), 'absent', someEvents(2)),
      store().append(stream, 'absent', events),
      store().append(aStream(), 'absent', someEvents(2)),
    ]);
    const { events: all } = await store().readAll(before, {}, 1_000);
    const from = all.findIndex((event) => event.stream === stream);
    expect(ids(eventsOf([{ events: all.slice(from, from + 500), upTo: all[0]!.position, caughtUp: true }]))).toStrictEqual(ids(events));
  });
}
