import { expect, test } from 'vitest';
import { anEvent, aStream, refusal, someEvents, stored, unplaced } from '../../contract/eventStore/samples.ts';
import { setStage } from './postgresStore.ts';

const stage = setStage();

test('what only Postgres refuses takes no neighbour of its batch with it', async () => {
  const store = await stage.open();
  const depth = 100_000;
  const deep = anEvent({ data: `${'['.repeat(depth)}${']'.repeat(depth)}` });
  const good = Array.from({ length: 20 }, () => ({ stream: aStream(), at: 'absent' as const, events: someEvents(2) }));
  const bad = { stream: aStream(), at: 'absent' as const, events: [anEvent(), deep] };
  const outcomes = await store.appendMany([...good.slice(0, 7), bad, ...good.slice(7)]);
  expect(outcomes.filter(({ ok }) => ok)).toHaveLength(20);
  expect(outcomes[7]).toMatchObject({ ok: false, conflict: false, error: { kind: 'invalid', code: 'append_not_json' } });
  for (const { stream, events } of good) expect(unplaced(await store.readStream(stream))).toStrictEqual(stored(stream, events));
  expect(await store.readStream(bad.stream)).toStrictEqual([]);
});

test('what waits travels together, a stream once in a batch, within the bounds of a batch', async () => {
  const calls: (readonly [writes: number, events: number])[] = [];
  const observer = { onAppend: (call: { writes: number; events: number }) => calls.push([call.writes, call.events]) };
  const store = await stage.open({ observer, append: { batchWrites: 4, lanes: 1 } });
  const twice = aStream();
  await store.appendMany([
    ...Array.from({ length: 5 }, () => ({ stream: aStream(), at: 'absent' as const, events: someEvents(3) })),
    { stream: twice, at: 'absent', events: someEvents(1) },
    { stream: twice, at: 0, events: someEvents(1) },
  ]);
  expect(calls).toStrictEqual([
    [4, 12],
    [2, 4],
    [1, 1],
  ]);
  calls.length = 0;
  const heavy = { data: `"${'x'.repeat(800_000)}"` };
  await store.appendMany(Array.from({ length: 7 }, () => ({ stream: aStream(), at: 'absent' as const, events: [anEvent(heavy)] })));
  expect(calls).toStrictEqual([
    [4, 4],
    [3, 3],
  ]);
  const wide = await stage.open({ observer, append: { lanes: 1 } });
  calls.length = 0;
  await wide.appendMany(Array.from({ length: 7 }, () => ({ stream: aStream(), at: 'absent' as const, events: [anEvent(heavy)] })));
  expect(calls).toStrictEqual([
    [4, 4],
    [3, 3],
  ]);
});

test('a page looks at no more than its window, and says how far it looked', async () => {
  const store = await stage.open({ page: { window: 10 } });
  const before = await store.head();
  const first = before === 'start' ? 0 : Number(before);
  const at = (n: number): string => String(first + n).padStart(16, '0');
  await store.append(aStream('reed'), 'absent', someEvents(25));
  await store.append(aStream('rush'), 'absent', someEvents(2));
  const pages = [await store.readAll(before, { nouns: ['rush'] }, 100)];
  for (let last = pages[0]; last !== undefined && !last.caughtUp; last = pages.at(-1))
    pages.push(await store.readAll(last.upTo, { nouns: ['rush'] }, 100));
  expect(pages.map(({ events, upTo, caughtUp }) => [events.length, upTo, caughtUp])).toStrictEqual([
    [0, at(10), false],
    [0, at(20), false],
    [2, at(27), true],
  ]);
});

test('a page ends with the event that reaches its bytes', async () => {
  const store = await stage.open({ page: { bytes: 1_000 } });
  const before = await store.head();
  await store.append(aStream(), 'absent', someEvents(5, { data: `"${'x'.repeat(300)}"` }));
  const page = await store.readAll(before, {}, 100);
  expect([page.events.length, page.caughtUp, page.upTo]).toStrictEqual([3, false, page.events[2]?.position]);
});

test('the service can neither change nor delete what was written, and the api does not see it', async () => {
  const store = await stage.open();
  await store.append(aStream(), 'absent', someEvents(1));
  const { workerPool, apiPool } = stage.database();
  for (const text of [
    'update log.events set data = null',
    'delete from log.events',
    'truncate log.events',
    'insert into log.events (position) values (0)',
  ]) {
    await expect(workerPool.query(text)).rejects.toMatchObject({ code: '42501' });
  }
  await expect(apiPool.query('select from log.events')).rejects.toMatchObject({ code: '42501' });
  await expect(apiPool.query("select log.append('[]')")).rejects.toMatchObject({ code: '42501' });
});

test('appending outside read committed is refused: it would not see what it waited for', async () => {
  const session = await stage.session();
  await session.query('begin isolation level repeatable read');
  await expect(session.query("select log.append('[]')")).rejects.toMatchObject({ code: '25000' });
  await session.query('rollback');
});

test('a log without its tables is not opened', async () => {
  const refusing = {
    query: () => Promise.reject(Object.assign(new Error('quotes what it was sent'), { severity: 'ERROR', code: '42P01' })),
  };
  expect(await refusal(stage.open({ pool: refusing as never }))).toStrictEqual({ kind: 'unavailable', code: 'log_read_failed' });
});
