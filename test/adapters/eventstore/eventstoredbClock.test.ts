import { afterEach, expect, test, vi } from 'vitest';
import { aStream, ids, someEvents } from '../../contract/eventStore/samples.ts';
import { startDoubleProcess } from '../../support/eventstoredb/doubleProcess.ts';
import { openedPerTest } from '../../support/eventstoredb/opened.ts';

const { after, open } = openedPerTest();
const HOUR_MS = 3_600_000;

afterEach(() => void vi.useRealTimers());

test.each([
  ['behind', -25 * HOUR_MS],
  ['ahead of', 25 * HOUR_MS],
])('a clock that is a day %s the server’s keeps nothing from being written or read', async (_how, by) => {
  // A process of its own has a clock of its own.
  const server = await startDoubleProcess();
  after(server.close);
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + by });
  const store = await open(server.url, { append: { deadlineMs: 10_000 } });
  const [stream, events] = [aStream(), someEvents(2)];
  expect(await store.appendMany([{ stream, at: 'absent', events }])).toMatchObject([{ ok: true, revision: 1 }]);
  expect(ids(await store.readStream(stream))).toStrictEqual(ids(events));
  expect((await store.readAll('start', {}, 10)).events).toHaveLength(2);
});
