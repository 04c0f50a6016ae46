import { expect, test } from 'vitest';
import { POSITION, type Position } from '../../../src/domain/values/ids.ts';
import { anEvent, aStream, eventsOf, ids, isIncreasing, positions, refusal, someEvents } from './samples.ts';
import type { StoreOf } from './samples.ts';

export function reading(store: StoreOf): void {
  test('a stream reads forwards and backwards, from any revision, to any limit', async () => {
    const stream = aStream();
    await store().append(stream, 'absent', someEvents(5));
    const revisions = async (how: Parameters<ReturnType<StoreOf>['readStream']>[1]): Promise<readonly number[]> =>
      (await store().readStream(stream, how)).map(({ revision }) => revision);
    expect(await revisions({})).toStrictEqual([0, 1, 2, 3, 4]);
    expect(await revisions({ from: 2 })).toStrictEqual([2, 3, 4]);
    expect(await revisions({ from: 1, limit: 2 })).toStrictEqual([1, 2]);
    expect(await revisions({ from: 5 })).toStrictEqual([]);
    expect(await revisions({ from: 'end' })).toStrictEqual([]);
    expect(await revisions({ limit: 0 })).toStrictEqual([]);
    expect(await revisions({ direction: 'backwards' })).toStrictEqual([4, 3, 2, 1, 0]);
    expect(await revisions({ direction: 'backwards', from: 'end', limit: 1 })).toStrictEqual([4]);
    expect(await revisions({ direction: 'backwards', from: 2 })).toStrictEqual([2, 1, 0]);
    expect(await revisions({ direction: 'backwards', from: 3, limit: 2 })).toStrictEqual([3, 2]);
    expect(await revisions({ direction: 'backwards', from: 99, limit: 2 })).toStrictEqual([4, 3]);
    expect(await revisions({ direction: 'backwards', limit: 0 })).toStrictEqual([]);
  });

  test.each([{ from: -1 }, { from: 1.5 }, { limit: -1 }, { limit: Number.NaN }])('%j is refused', async (how) => {
    expect(await refusal(store().readStream(aStream(), how))).toStrictEqual({ kind: 'invalid', code: 'bad_count' });
  });

  test('a missing stream is an empty list, in every direction', async () => {
    expect(await store().readStream(aStream())).toStrictEqual([]);
    expect(await store().readStream(aStream(), { direction: 'backwards' })).toStrictEqual([]);
  });

  test('many streams are read at once, whole and in order; a missing one is an empty list', async () => {
    const [one, two, missing] = [aStream(), aStream(), aStream()];
    const [first, second, third] = [someEvents(2), someEvents(3), someEvents(1)];
    await store().append(one, 'absent', first);
    await store().append(two, 'absent', second);
    await store().append(one, 1, third);
    const read = await store().readStreams([two, missing, one, two]);
    expect([...read].map(([stream, events]) => [stream, ids(events)])).toStrictEqual([
      [two, ids(second)],
      [missing, []],
      [one, ids([...first, ...third])],
    ]);
    expect(read.get(one)).toStrictEqual(await store().readStream(one));
    expect(await store().readStreams([])).toStrictEqual(new Map());
  });

  test('at the head there is nothing, and that has been caught up with', async () => {
    const head = await store().head();
    const page = await store().readAll(head, {}, 10);
    expect(page).toStrictEqual({ events: [], upTo: head, caughtUp: true });
    const { position } = await store().append(aStream(), 'absent', someEvents(1));
    expect(position > head).toBe(true);
    // As callers may send it back.
    expect(position).toMatch(POSITION);
    expect(await store().head()).toBe(position);
    expect((await store().readAll(head, {}, 10)).events).toHaveLength(1);
  });

  test('pages follow the global order, each from where the last one stopped', async () => {
    const before = await store().head();
    const streams = [aStream(), aStream(), aStream()];
    for (const at of ['absent', 1, 3] as const) for (const stream of streams) await store().append(stream, at, someEvents(2));
    const pages = [await store().readAll(before, {}, 7)];
    for (let last = pages[0]; last !== undefined && !last.caughtUp; last = pages.at(-1))
      pages.push(await store().readAll(last.upTo, {}, 7));
    expect(pages.map(({ events, caughtUp }) => [events.length, caughtUp])).toStrictEqual([
      [7, false],
      [7, false],
      [4, true],
    ]);
    const all = eventsOf(pages);
    expect(isIncreasing(positions(all))).toBe(true);
    for (const stream of streams) {
      expect(all.filter((event) => event.stream === stream)).toStrictEqual(await store().readStream(stream));
    }
    expect(pages.at(-1)?.upTo).toBe(await store().head());
  });

  test('filters by noun and by type; an empty list lets nothing pass, and the page still says how far it looked', async () => {
    const before = await store().head();
    const [hat, coat, hatter] = [aStream('hat'), aStream('coat'), aStream('hatter')];
    const event = (type: string) => anEvent({ type });
    await store().append(hat, 'absent', [event('Bought'), event('Worn')]);
    await store().append(coat, 'absent', [event('Bought'), event('Worn')]);
    await store().append(hatter, 'absent', [event('Bought')]);
    const head = await store().head();
    const seen = async (nouns?: readonly string[], types?: readonly string[]): Promise<readonly string[]> => {
      const page = await store().readAll(before, { ...(nouns && { nouns }), ...(types && { types }) }, 100);
      expect({ upTo: page.upTo, caughtUp: page.caughtUp }).toStrictEqual({ upTo: head, caughtUp: true });
      return page.events.map(({ stream, type }) => `${stream.split('-', 1)[0] ?? ''} ${type}`);
    };
    expect(await seen()).toStrictEqual(['hat Bought', 'hat Worn', 'coat Bought', 'coat Worn', 'hatter Bought']);
    expect(await seen(['hat'])).toStrictEqual(['hat Bought', 'hat Worn']);
    expect(await seen(['coat', 'hatter'])).toStrictEqual(['coat Bought', 'coat Worn', 'hatter Bought']);
    expect(await seen(undefined, ['Bought'])).toStrictEqual(['hat Bought', 'coat Bought', 'hatter Bought']);
    expect(await seen(['hat', 'shoe'], ['Worn', 'Torn'])).toStrictEqual(['hat Worn']);
    expect(await seen(['shoe'])).toStrictEqual([]);
    expect(await seen([])).toStrictEqual([]);
    expect(await seen(['hat'], [])).toStrictEqual([]);
  });

  test('a position beyond the head is refused: the log was restored from a backup', async () => {
    const head = await store().head();
    const beyond = (head === 'start' ? '1' : head).replace(/^0/, '9') as Position;
    expect(await refusal(store().readAll(beyond, {}, 10))).toStrictEqual({ kind: 'invalid', code: 'position_beyond_head' });
    expect(await refusal(store().readAll('1' as Position, {}, 10))).toStrictEqual({ kind: 'invalid', code: 'bad_position' });
  });
}
