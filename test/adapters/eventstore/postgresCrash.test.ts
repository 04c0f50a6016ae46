import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PostgresEventStore } from '../../../src/adapters/eventstore/postgres/postgresEventStore.ts';
import { migrate } from '../../../src/adapters/postgres/migrate.ts';
import { anEvent, aStream, eventsOf, ids, readUntil, refusal, someEvents } from '../../contract/eventStore/samples.ts';
import { startCluster, type Cluster } from '../../support/cluster.ts';
import { newScratch } from '../../support/scratch.ts';
import { DEAF, openStore } from './postgresStore.ts';

const { scratch, discard } = newScratch('crash');
const CALLERS = 16;
const KILLS = 3;
let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster(scratch, { durable: true });
  await migrate(cluster.url('owner'), ['log'], 'tidings_app');
});
afterAll(async () => {
  await cluster.stop();
  discard();
});

/** All that the log has, as somebody reads it who comes now. */
async function allOf(store: PostgresEventStore): Promise<readonly string[]> {
  const batches = await readUntil(store.subscribe('start', {}, new AbortController().signal), (all) => all.at(-1)?.caughtUp === true);
  return eventsOf(batches).map(({ position, id }) => `${position} ${id}`);
}

test(
  'what was acknowledged is there after the server was killed in the midst of it, nothing is there twice, and what was read stays as it was',
  { timeout: 300_000 },
  async () => {
    let calls = 0;
    const failures: string[] = [];
    const observer = { onAppend: () => (calls += 1), onAppendFailure: ({ code }: { code: string }) => failures.push(code) };
    const { store, close } = await openStore(cluster.url('app'), { listener: DEAF, observer, append: { deadlineMs: 60_000 } });
    const reader = await openStore(cluster.url('app'), { pollMs: 1 });
    const readOn = new AbortController();
    const seen: string[] = [];
    const reading = (async () => {
      for await (const { events } of reader.store.subscribe('start', {}, readOn.signal))
        seen.push(...events.map(({ position, id }) => `${position} ${id}`));
    })();

    let running = true;
    const callers = Array.from({ length: CALLERS }, async () => {
      const stream = aStream();
      const acknowledged: { readonly id: string; readonly revision: number; readonly position: string }[] = [];
      while (running) {
        const event = anEvent();
        const { revision, position } = await store.append(stream, acknowledged.length === 0 ? 'absent' : acknowledged.length - 1, [event]);
        acknowledged.push({ id: event.id, revision, position });
      }
      return { stream, acknowledged };
    });
    const twentyMore = async (): Promise<void> => {
      const before = calls;
      await expect.poll(() => calls, { timeout: 60_000, interval: 5 }).toBeGreaterThan(before + 20);
    };
    for (let kill = 0; kill < KILLS; kill += 1) {
      await twentyMore();
      await cluster.kill();
      await cluster.start();
    }
    await twentyMore();
    running = false;

    expect(failures.length).toBeGreaterThanOrEqual(KILLS);
    for (const { stream, acknowledged } of await Promise.all(callers)) {
      const read = await store.readStream(stream);
      expect(read.map(({ id, revision, position }) => ({ id, revision, position }))).toStrictEqual(acknowledged);
      expect(new Set(ids(read)).size).toBe(read.length);
    }
    const all = await allOf(store);
    await expect.poll(() => seen.length, { timeout: 60_000 }).toBeGreaterThanOrEqual(all.length);
    readOn.abort();
    await reading;
    expect(seen).toStrictEqual(all);
    await close();
    await reader.close();
  },
);

test('an append is told to nobody, neither to its caller nor to any reader, before it is on disk; and the log is not locked for so long', async () => {
  // Commits that wait for the disk here wait for a standby as well, which does not exist.
  const holdCommits = async (standby: string): Promise<void> => {
    await cluster.query(`alter system set synchronous_standby_names = '${standby}'`);
    await cluster.query('select pg_reload_conf()');
    await expect
      .poll(async () => (await cluster.query('show synchronous_standby_names'))[0])
      .toStrictEqual({
        synchronous_standby_names: standby,
      });
  };
  const [writer, other, reader] = await Promise.all([1, 2, 3].map(() => openStore(cluster.url('app'))));
  const impatient = await openStore(cluster.url('app'), { readMs: 400 });
  const before = someEvents(1);
  await writer!.store.append(aStream(), 'absent', before);
  const head = await reader!.store.head();
  const inTable = async (): Promise<number> => {
    const [row] = await cluster.query<{ n: number }>('select count(*)::int as n from log.events where position > $1', [Number(head)]);
    return row?.n ?? 0;
  };

  await holdCommits('nobody');
  const streams = [aStream(), aStream()];
  const events = [someEvents(2), someEvents(3)];
  const answered: string[] = [];
  const appends = [writer!, other!].map(({ store }, at) =>
    store.append(streams[at]!, 'absent', events[at]!).then(({ position }) => answered.push(position)),
  );
  await expect.poll(inTable).toBe(5);
  const blocked = { kind: 'unavailable', code: 'log_read_failed' };
  expect(await refusal(impatient.store.readStream(streams[0]!))).toStrictEqual(blocked);
  expect(await refusal(impatient.store.readStreams(streams))).toStrictEqual(blocked);
  expect(await refusal(impatient.store.readAll(head, {}, 10))).toStrictEqual(blocked);
  expect(await refusal(impatient.store.head())).toStrictEqual(blocked);
  expect(eventsOf([await reader!.store.readAll('start', {}, 10_000)])).toHaveLength(Number(head));
  expect(answered).toStrictEqual([]);

  await holdCommits('');
  await Promise.all(appends);
  expect(eventsOf([await reader!.store.readAll(head, {}, 10)])).toHaveLength(5);
  expect((await reader!.store.readStreams(streams)).get(streams[1]!)).toHaveLength(3);
  for (const opened of [writer!, other!, reader!, impatient]) await opened.close();
});
