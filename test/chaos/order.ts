import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { openPostgresEventStore } from '../../src/adapters/eventstore/postgres/postgresEventStore.ts';
import type { EventStore, StoredEvent } from '../../src/adapters/eventstore/port.ts';
import { openListener } from '../../src/adapters/postgres/notify.ts';
import { lazyPool } from '../../src/adapters/postgres/pool.ts';
import { withCluster, type Cluster } from '../support/cluster.ts';
import { quantile } from '../support/quantile.ts';
import { inScratch } from '../support/scratch.ts';
import type { Chaos, ChaosRun } from './chaosRun.ts';
import type { FromWriter, WriterTask } from './orderWriter.ts';

/** `flat`: how many times as long an append may take in the last tenth as in the second; 0: whatever it takes, on a machine full of other tests. */
type Size = { readonly processes: number; readonly writers: number; readonly events: number; readonly flat: number };

/** Times that a reader has read all that there was, among others' writing. */
const AT_HEAD = 20;

const WRITER = fileURLToPath(new URL('orderWriter.ts', import.meta.url));

type Seen = Pick<StoredEvent, 'id' | 'stream' | 'revision' | 'position'>;
const seenOf = ({ id, stream, revision, position }: StoredEvent): Seen => ({ id, stream, revision, position });
type Written = { readonly acked: readonly string[]; readonly times: readonly (readonly [number, number])[] };

/** Many writers in several processes, beside transactions that sleep and roll back and a snapshot that stays open: whoever reads by position misses nothing. */
export const order: Chaos<Size> = {
  long: { processes: 4, writers: 32, events: 200_000, flat: 2 },
  short: { processes: 4, writers: 32, events: 4_000, flat: 0 },
  run: (size, run) =>
    inScratch('chaos', (scratch) => withCluster(scratch, { durable: false, sets: ['log'] }, (cluster) => write(cluster, size, run))),
};

async function write(cluster: Cluster, size: Size, run: ChaosRun): Promise<void> {
  const url = cluster.url('app');
  const pool = lazyPool({ url, role: 'tidings_worker', max: 5 });
  const listener = openListener({ url, role: 'tidings_worker' });
  const store = await openPostgresEventStore({ url, pool, listener });
  const snapshot = await openSnapshot(cluster);
  const reading = new AbortController();
  const tails = [1, 2].map(() => tail(store, reading.signal));
  const began = performance.now();
  try {
    const written = await writeAll(url, size, run);
    const beside = tails.map(({ atHead }) => atHead());
    const seconds = (performance.now() - began) / 1000;
    const all = await readAll(store);
    for (const one of tails) await one.reaches(all.at(-1)?.position ?? '');
    run.figure('events', all.length, 'in the log');
    run.figure('rate', all.length / seconds, 'events/s');
    judge(run, { all, written, tails: tails.map(({ seen }) => seen) });
    // Who lies behind reads what is long settled: only at the head could anything be skipped.
    run.must('who read along was at the head again and again while all wrote', Math.min(...beside) >= AT_HEAD, beside.join(' and '));
    judgeTimes(run, written.times, size.flat);
    run.must('the snapshot stayed open', (await snapshot.events()) === 0, 'saw nothing of it all');
  } finally {
    reading.abort();
    await snapshot.close();
    await store.close();
    await listener.close();
    await pool.end();
  }
}

/** As an export or a dump holds one: what was there when it began, and nothing else, until it ends. */
async function openSnapshot(cluster: Cluster): Promise<{ readonly events: () => Promise<number>; readonly close: () => Promise<void> }> {
  const client = new pg.Client({ connectionString: cluster.url('owner') });
  await client.connect();
  await client.query('begin isolation level repeatable read');
  const events = async (): Promise<number> =>
    (await client.query<{ n: number }>('select count(*)::int as n from log.events')).rows[0]?.n ?? -1;
  await events();
  return { events, close: () => client.end() };
}

/** What a subscription brings, from the beginning. */
function tail(
  store: EventStore,
  signal: AbortSignal,
): { readonly seen: readonly Seen[]; readonly atHead: () => number; readonly reaches: (position: string) => Promise<void> } {
  const seen: Seen[] = [];
  let heads = 0;
  let moved: () => void = () => undefined;
  const follow = async (): Promise<void> => {
    for await (const { events, caughtUp } of store.subscribe('start', {}, signal)) {
      if (caughtUp && events.length > 0) heads += 1;
      for (const event of events) seen.push(seenOf(event));
      moved();
    }
  };
  const followed = follow();
  return {
    seen,
    atHead: () => heads,
    reaches: async (position) => {
      while ((seen.at(-1)?.position ?? '') < position) {
        const next = new Promise<void>((resolve) => {
          moved = resolve;
        });
        await Promise.race([next, followed]);
      }
    },
  };
}

async function writeAll(url: string, { processes, writers, events }: Size, run: ChaosRun): Promise<Written> {
  const acked: string[] = [];
  const times: (readonly [number, number])[] = [];
  const own = Math.ceil(writers / processes);
  const children = new Set<ChildProcess>();
  const all = Promise.all(
    Array.from({ length: processes }, (_, process) => {
      const task: WriterTask = {
        url,
        process,
        writers: own,
        events: Math.ceil(events / writers),
        seed: Math.floor(run.random() * 2 ** 31),
      };
      return new Promise<void>((resolve, reject) => {
        const child = fork(WRITER, [JSON.stringify(task)], {
          execArgv: ['--import', 'tsx'],
          stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
        });
        children.add(child);
        let isDone = false;
        child.on('message', (message: FromWriter) => {
          for (const id of message.acked) acked.push(id);
          for (const time of message.times) times.push(time);
          isDone ||= message.isDone;
        });
        child.once('exit', (code) => {
          children.delete(child);
          if (isDone && code === 0) resolve();
          else reject(new Error(`a writing process ended with ${String(code)}`));
        });
      });
    }),
  );
  try {
    await all;
  } finally {
    for (const child of children) child.kill('SIGKILL');
  }
  run.say(`${String(acked.length)} acknowledged`);
  return { acked, times };
}

async function readAll(store: EventStore): Promise<readonly Seen[]> {
  const all: Seen[] = [];
  for (let after: Parameters<EventStore['readAll']>[0] = 'start'; ;) {
    const page = await store.readAll(after, {}, 5_000);
    for (const event of page.events) all.push(seenOf(event));
    if (page.caughtUp) return all;
    after = page.upTo;
  }
}

type Found = { readonly all: readonly Seen[]; readonly written: Written; readonly tails: readonly (readonly Seen[])[] };

function judge(run: ChaosRun, { all, written, tails }: Found): void {
  const stored = new Set(all.map(({ id }) => id));
  const acked = new Set(written.acked);
  const lost = [...acked].filter((id) => !stored.has(id)).length;
  const strange = all.filter(({ id }) => !acked.has(id)).length;
  run.must('everything acknowledged is there', lost === 0, `${String(lost)} lost`);
  run.must('nothing else is: what was rolled back left nothing', strange === 0, `${String(strange)} strange`);
  run.must('nothing is there twice', stored.size === all.length, `${String(all.length - stored.size)} doubled`);
  const inverted = inversions(all);
  run.must('a stream reads in its own order, without gaps', inverted === 0, `${String(inverted)} inverted`);
  for (const [place, seen] of tails.entries()) {
    const skipped = all.length - new Set(seen.map(({ id }) => id)).size;
    const doubled = seen.length - new Set(seen.map(({ id }) => id)).size;
    const same = seen.length === all.length && seen.every(({ id }, at) => id === all[at]?.id);
    const saw = `${String(skipped)} skipped, ${String(doubled)} doubled`;
    run.must(`who read along (${String(place + 1)}) saw the same, in the same order`, same && inversions(seen) === 0, saw);
  }
}

function inversions(events: readonly Seen[]): number {
  const revisions = new Map<string, number>();
  let [wrong, last] = [0, ''];
  for (const { stream, revision, position } of events) {
    if (revision !== (revisions.get(stream) ?? -1) + 1 || position <= last) wrong += 1;
    revisions.set(stream, revision);
    last = position;
  }
  return wrong;
}

function judgeTimes(run: ChaosRun, times: readonly (readonly [number, number])[], flat: number): void {
  const inOrder = [...times].sort(([a], [b]) => a - b).map(([, ms]) => ms);
  const tenth = Math.floor(inOrder.length / 10);
  // In the first all processes start.
  const [first, last] = [quantile(inOrder.slice(tenth, 2 * tenth), 0.5), quantile(inOrder.slice(-tenth), 0.5)];
  run.figure('append, second tenth', first, 'ms (median)');
  run.figure('append, last tenth', last, 'ms (median)');
  if (flat > 0) run.must(`appends stay as fast: at most ${String(flat)} times as long`, last <= flat * first, (last / first).toFixed(2));
  else run.figure('last tenth ÷ second', last / first, '');
}
