import { randomBytes, randomUUID } from 'node:crypto';
import { database } from '../../src/adapters/postgres/database.ts';
import { openListener } from '../../src/adapters/postgres/notify.ts';
import { openPool } from '../../src/adapters/postgres/pool.ts';
import type { Database, Owner, Projection, Time } from '../../src/consumers/ports.ts';
import { superviseConsumers, type Consumers, type SupervisorOptions } from '../../src/consumers/supervisor.ts';
import type { Recorded } from '../../src/domain/kernel/metadata.ts';
import type { StreamName, TenantId } from '../../src/domain/values/ids.ts';
import type { Instant } from '../../src/domain/values/instant.ts';
import { streamOf, type Noun } from '../../src/domain/values/streams.ts';
import { manualClock } from './manualClock.ts';
import { memoryFeed, type MemoryFeed, type NewEvent } from './memoryFeed.ts';
import { freshDatabase, type FreshDatabase } from './postgres.ts';

export const systemTime: Time = {
  epochMs: () => Date.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

export type Bench = {
  readonly fresh: FreshDatabase;
  readonly db: Database;
  readonly owner: Owner;
  readonly feed: MemoryFeed;
  /** Runs consumers as one process would; every one is stopped by `close`. */
  readonly start: (consumers: readonly Projection[], more?: Partial<SupervisorOptions>) => Promise<Consumers>;
  readonly rows: <Row>(text: string, ...values: readonly unknown[]) => Promise<readonly Row[]>;
  /** Moves the clock by which leases and due instants are judged. */
  readonly moveClock: (ms: number) => Promise<void>;
  readonly close: () => Promise<void>;
};

/** A database with the tables of consumers (one of the run's unless it is given), a log in memory, and the means to run consumers over both. */
export async function openBench(given?: FreshDatabase): Promise<Bench> {
  const fresh = given ?? (await freshDatabase(['models']));
  const listener = openListener({ url: fresh.url, role: 'tidings_worker' });
  const db = database(fresh.workerPool, listener);
  // The test's own look at the tables outlives the cuts that it makes.
  const looking = await openPool({ url: fresh.url, role: 'tidings_worker', max: 2, applicationName: 'tidings test' });
  const owner = database(fresh.ownerPool, listener);
  const feed = memoryFeed();
  const started: Consumers[] = [];
  let isMovable = false;
  return {
    fresh,
    db,
    owner,
    feed,
    start: async (consumers, more = {}) => {
      const holder = `test ${randomBytes(4).toString('hex')}`;
      const running = await superviseConsumers(consumers, {
        db,
        owner,
        feed,
        time: systemTime,
        holder,
        leaseMs: 3_000,
        idleMs: 20,
        backOffMs: 5,
        lookMs: 500,
        ...more,
      });
      started.push(running);
      const names = consumers.map(({ name }) => name);
      const made = `select from consumers where name = any ($1) and state = 'live'`;
      await until(async () => (await looking.query(made, [names])).rows.length === names.length);
      return running;
    },
    rows: async <Row>(text: string, ...values: readonly unknown[]) => (await looking.query(text, [...values])).rows as Row[],
    moveClock: async (ms) => {
      if (!isMovable) {
        await fresh.ownerPool.query(`
          create table test_clock (moved interval not null);
          insert into test_clock values ('0');
          grant select on test_clock to tidings_api, tidings_worker;
          create or replace function tidings_now() returns timestamptz language sql volatile
            as $$ select clock_timestamp() + (select moved from test_clock) $$;`);
        isMovable = true;
      }
      await fresh.ownerPool.query(`update test_clock set moved = moved + $1 * interval '1 ms'`, [ms]);
    },
    close: async () => {
      await Promise.all(started.map((one) => one.stop()));
      await listener.close();
      await looking.end();
      await fresh.close();
    },
  };
}

/** Waits until it holds; fails after so many ms. */
export async function until(holds: () => Promise<boolean> | boolean, withinMs = 25_000): Promise<void> {
  const end = Date.now() + withinMs;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error('what was awaited did not come');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A clock that moves on while something is awaited. */
export function movedClock() {
  const clock = manualClock();
  const moving = (holds: () => Promise<boolean> | boolean): Promise<void> =>
    until(() => {
      clock.advance(100);
      return holds();
    });
  return { clock, moving };
}

export const TENANT = 'acme' as TenantId;
const revisions = new Map<string, number>();

/** An event of any stream; its id is random. */
export function happened(
  type: string,
  data: object,
  on: { readonly noun?: Noun; readonly id?: string; readonly stream?: StreamName } = {},
): Omit<Recorded, 'position'> {
  const stream = on.stream ?? streamOf(on.noun ?? 'template', TENANT, on.id ?? 'one');
  const revision = (revisions.get(stream) ?? -1) + 1;
  revisions.set(stream, revision);
  return {
    id: randomUUID(),
    stream,
    revision,
    event: { type, data },
    meta: {
      tenantId: TENANT,
      commandId: 'command',
      correlationId: 'correlation',
      causationId: 'command',
      actor: { kind: 'system', id: 'test' },
      occurredAt: '2026-12-01T09:00:00.000Z' as Instant,
      schemaVersion: 1,
      digest: '',
    },
  };
}
export const unreadable = (code: string, id: string): NewEvent => {
  const { event, ...rest } = happened('Odd', {}, { id });
  return { ...rest, unreadable: { type: event.type, code } };
};

/** Counts per key, and keeps the order in which events came: enough to see what was applied, how often and when. */
export const tally = (
  more: Partial<Projection> & { readonly before?: (events: readonly Recorded[]) => Promise<void> } = {},
): Projection => ({
  name: 'tally',
  version: 1,
  nouns: ['template'],
  facts: false,
  tables: ['tally'],
  schema: (suffix) => `
    create table tally${suffix} (tenant text not null, stream text primary key, total integer not null, seen text[] not null);
    select tidings_protect('tally${suffix}');`,
  apply: async (events, tx, suffix) => {
    await more.before?.(events);
    const rows = new Map<string, { stream: string; total: number; seen: string[] }>();
    for (const { stream, event } of events) {
      const row = rows.get(stream) ?? { stream, total: 0, seen: [] };
      const { amount = 1, mark = '' } = event.data as { amount?: number; mark?: string };
      row.total += amount;
      row.seen.push(mark);
      rows.set(stream, row);
    }
    await tx.query({
      text: `insert into tally${suffix} as t (tenant, stream, total, seen)
             select 'acme', r.stream, r.total, r.seen from json_to_recordset($1) as r (stream text, total integer, seen text[])
             on conflict (stream) do update set total = t.total + excluded.total, seen = t.seen || excluded.seen`,
      values: [JSON.stringify([...rows.values()])],
    });
  },
  ...more,
});
