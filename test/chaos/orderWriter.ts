import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { openPostgresEventStore } from '../../src/adapters/eventstore/postgres/postgresEventStore.ts';
import type { EncodedEvent, ExpectedRevision, Write } from '../../src/adapters/eventstore/port.ts';
import { lazyPool } from '../../src/adapters/postgres/pool.ts';
import type { StreamName } from '../../src/domain/values/ids.ts';
import { fractions } from '../support/drawing.ts';

/** What a writing process tells: events that were acknowledged, and for each append when it was done (ms since the epoch) and how long it took. */
export type FromWriter = {
  readonly acked: readonly string[];
  readonly times: readonly (readonly [at: number, ms: number])[];
  readonly isDone: boolean;
};
export type WriterTask = {
  readonly url: string;
  readonly process: number;
  readonly writers: number;
  readonly events: number;
  readonly seed: number;
};

// A process of its own (`order`): many writers, each with a stream of its own and some that all processes write to.
const task = JSON.parse(process.argv[2] ?? '') as WriterTask;
const SHARED = 8;
const pool = lazyPool({ url: task.url, role: 'tidings_worker', max: 3 });
const store = await openPostgresEventStore({ url: task.url, pool, listener: { subscribe: () => Promise.resolve(() => undefined) } });
const random = fractions(task.seed);
const below = (most: number): number => Math.floor(random() * most);

let acked: string[] = [];
let times: (readonly [number, number])[] = [];
const tell = (isDone: boolean): Promise<void> =>
  new Promise((resolve, reject) => {
    const message: FromWriter = { acked, times, isDone };
    [acked, times] = [[], []];
    process.send?.(message, undefined, undefined, (error) => {
      if (error) reject(error);
      else resolve();
    });
  });

/** Derived from who writes what, so that a repeat carries the same. */
function event(name: string): EncodedEvent {
  const hex = createHash('sha256').update(name).digest('hex');
  const id = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
  return { id, type: 'Written', data: JSON.stringify({ name, text: 'x'.repeat(200) }), metadata: '{}' };
}

/** Until it stands in the log: a stream that others write to has moved on, and is written to where it is then. */
async function append(stream: StreamName, at: ExpectedRevision, events: readonly EncodedEvent[]): Promise<ExpectedRevision> {
  let expected = at;
  for (;;) {
    const began = performance.now();
    const repeats = below(20) === 0 ? 2 : 1;
    const [outcome, again] = await Promise.all(Array.from({ length: repeats }, () => store.appendMany([{ stream, at: expected, events }])));
    const [first, second] = [outcome?.[0], again?.[0]];
    // Of two conflicts the later one may name a newer revision.
    const isTaken = first?.ok === true || second?.ok === true;
    if (isTaken && second !== undefined && JSON.stringify(first) !== JSON.stringify(second))
      throw new Error('a repeat was answered otherwise');
    if (first?.ok === true) {
      times.push([Date.now(), performance.now() - began]);
      acked.push(...events.map(({ id }) => id));
      return first.revision;
    }
    if (first?.conflict !== true) throw first?.error ?? new Error('no outcome');
    expected = first.actual;
  }
}

async function writer(number: number): Promise<void> {
  const own = `template-acme_own.${String(task.process)}.${String(number)}` as StreamName;
  let revision: ExpectedRevision = 'absent';
  for (let done = 0; done < task.events;) {
    const count = Math.min(1 + below(4), task.events - done);
    const events = Array.from({ length: count }, (_, i) => event(`${own} ${String(done + i)}`));
    if (below(5) === 0) await append(`template-acme_shared.${String(below(SHARED))}` as StreamName, 'absent', events);
    else revision = await append(own, revision, events);
    done += count;
  }
}

const rawOf = ({ stream, at, events }: Write): string =>
  JSON.stringify(
    events.map(({ id, type, data, metadata }, i) => ({
      w: 0, i, ...(i === 0 ? { n: events.length, s: stream, a: at === 'absent' ? -1 : at } : {}), id, t: type, b: data.length, d: data, m: metadata,
    })),
  ); // prettier-ignore

/**
 * Transactions that do what no store does: take a number and sleep before they append, sleep while they hold the log's lock, and give up
 * at the end.
 */
async function rude(isOver: () => boolean): Promise<void> {
  const client = new pg.Client({ connectionString: task.url });
  await client.connect();
  await client.query('set role tidings_worker');
  for (let turn = 0; !isOver(); turn += 1) {
    const events = [event(`rude ${String(task.process)} ${String(turn)}`)];
    const write: Write = { stream: `template-acme_rude.${String(task.process)}.${String(turn)}` as StreamName, at: 'absent', events };
    const isKept = below(2) === 0;
    await client.query('begin');
    if (below(2) === 0) await client.query('select pg_current_xact_id(), pg_sleep($1)', [random() / 20]);
    await client.query('select log.append($1)', [rawOf(write)]);
    if (below(4) === 0) await client.query('select pg_sleep($1)', [random() / 100]);
    await client.query(isKept ? 'commit' : 'rollback');
    if (isKept) acked.push(...events.map(({ id }) => id));
    await pause(below(20));
  }
  await client.end();
}

let isOver = false;
const beside = rude(() => isOver);
const telling = setInterval(() => void tell(false), 500);
await Promise.all(Array.from({ length: task.writers }, (_, number) => writer(number)));
isOver = true;
await beside;
clearInterval(telling);
await tell(true);
await store.close();
await pool.end();
process.disconnect();
