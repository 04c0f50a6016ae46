import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { codecOf } from '../../src/adapters/codec/codec.ts';
import { eventFeed } from '../../src/adapters/codec/eventFeed.ts';
import { eventLog } from '../../src/adapters/codec/eventLog.ts';
import { mergeStorage } from '../../src/adapters/codec/registry.ts';
import { memoryKeys } from '../support/memoryKeys.ts';
import type { EventStore } from '../../src/adapters/eventstore/port.ts';
import { openPostgresEventStore } from '../../src/adapters/eventstore/postgres/postgresEventStore.ts';
import { database } from '../../src/adapters/postgres/database.ts';
import { openListener } from '../../src/adapters/postgres/notify.ts';
import { openPool, type Pool } from '../../src/adapters/postgres/pool.ts';
import type { EventWrite } from '../../src/commands/ports.ts';
import { AGGREGATES } from '../../src/commands/registry.ts';
import type { EventFeed, Projection, Time } from '../../src/consumers/ports.ts';
import { superviseConsumers } from '../../src/consumers/supervisor.ts';
import type { NotificationEvent } from '../../src/domain/notification/events.ts';
import type { NotificationId, SubjectId, TenantId } from '../../src/domain/values/ids.ts';
import { streamOf } from '../../src/domain/values/streams.ts';
import { notificationsProjection } from '../../src/projections/notifications/projection.ts';
import type { Cluster } from '../support/cluster.ts';
import { goes, planned, recorded, requested, sent, started, T0 } from '../support/notifications.ts';
import { inScratch } from '../support/scratch.ts';
import { withPostgres } from './database.ts';
import { emmettVersion, openEmmett } from './emmett.ts';
import { peer, versionOf } from './peers.ts';
import { byCallers, compete, introduce, must, optionsOf, say, timed, type Contender, type Rival, type Turn } from './rounds.ts';

/**
 * A read model of one status per notification that catches up with a log of single notifications (four events each): our consumers,
 * with lease, decoding and checks ÷ reading the same events in pages and nothing else ÷ emmett's consumer with the same projection.
 */
const { notifications, rounds } = optionsOf({ notifications: 10_000, rounds: 5 });
const PAGE = 500;
const EVENTS_EACH = 4;
const total = notifications * EVENTS_EACH;
const tenant = 'acme' as TenantId;
const STATUS: Readonly<Record<string, string>> = {
  NotificationRequested: 'accepted',
  DeliveriesPlanned: 'processing',
  HandOffStarted: 'processing',
  HandOffRecorded: 'completed',
};

/** The life of one notification to one person, as the log has it. */
function lifeOf(id: NotificationId, subject: SubjectId): readonly NotificationEvent[] {
  const of = <E extends NotificationEvent>(event: E): E => ({ ...event, data: { ...event.data, notificationId: id } });
  const request = requested({ request: 'x'.repeat(43) });
  return [
    of({ ...request, data: { ...request.data, recipients: [{ index: 0, subject }], soleSubject: subject } }),
    of(planned([goes(0)])),
    of(started('claim', [0])),
    of(recorded('claim', [sent([0], { messageIds: [`<${id}@example.com>`] })])),
  ];
}

type Dumbo = { readonly rawSql: (text: string) => unknown; readonly sql: (text: string, ...values: readonly unknown[]) => unknown };
type EmmettEvent = { readonly type: string; readonly metadata: { readonly streamName: string; readonly streamPosition: bigint } };

const time: Time = {
  epochMs: () => Date.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

type StatusRow = { readonly id: string; readonly status: string; readonly revision: number };
/** The newest status of each stream of a batch. */
const folded = (events: Iterable<StatusRow>): readonly StatusRow[] => [...new Map([...events].map((row) => [row.id, row])).values()];
const UPSERT = (table: string, rows: string): string => `
  insert into ${table} as s (id, status, revision) select id, status, revision from json_to_recordset(${rows}) as x (id text, status text, revision int)
  on conflict (id) do update set status = excluded.status, revision = excluded.revision where s.revision < excluded.revision`;

const statusProjection = (name: string): Projection => ({
  name,
  version: 1,
  nouns: ['notification'],
  facts: false,
  tables: [name],
  schema: (
    suffix,
  ) => `create table ${name}${suffix} (id text primary key, tenant text not null default 'acme', status text not null, revision int not null);
    select tidings_protect('${name}${suffix}')`,
  apply: async (events, tx, suffix) => {
    const rows = events.map(({ stream, event, revision }) => ({ id: stream, status: STATUS[event.type] ?? '', revision }));
    await tx.query({ name: `${name}${suffix}`, text: UPSERT(`${name}${suffix}`, '$1'), values: [JSON.stringify(folded(rows))] });
  },
});

async function run(cluster: Cluster): Promise<void> {
  introduce('catch-up', `${String(total)} events of ${String(notifications)} notifications, ${String(PAGE)} a page for each`);
  say(`  ${emmettVersion()}, ${versionOf('pg')}`);
  const url = cluster.url('app');
  const [worker, owner] = await Promise.all([
    openPool({ url, role: 'tidings_worker', max: 16 }),
    openPool({ url: cluster.url('owner'), role: 'owner', max: 2 }),
  ]);
  const listener = openListener({ url, role: 'tidings_worker' });
  const store = await openPostgresEventStore({ url, pool: worker, listener });
  const keys = memoryKeys();
  const codec = codecOf(mergeStorage(...AGGREGATES.map(({ storage }) => storage)), keys.vault);
  const feed = eventFeed(store, codec);
  const parts = { cluster, worker, owner, listener, feed };
  try {
    const ids = Array.from({ length: notifications }, () => randomUUID() as NotificationId);
    const [subject] = await keys.subjects.resolve(tenant, [{ recipientId: 'reader' }]);
    must(subject !== undefined && subject !== 'erased', 'there is a reader');
    await fill(eventLog(store, codec), ids, subject);
    const emmett = await filledEmmett(cluster, ids, store);
    say('  the logs are filled');

    const reading: Rival = { name: 'reading the same events in pages', goal: 0.5, turn: () => readRaw(url) };
    const ours = (projection: (round: number) => Projection, name: string): Contender => ({
      name,
      turn: (round) => catchUp(parts, projection(round)),
    });
    const status = ours((round) => statusProjection(`status${String(round)}`), 'a status projection catching up');
    await compete({ bench: 'catch-up', unit: 'events/s', rounds, ours: status, rivals: [reading, emmett.rival] });
    const real = ours((round) => ({ ...notificationsProjection, name: `notifications_bench${String(round)}` }), 'the service’s own notifications projection'); // prettier-ignore
    await compete({ bench: 'catch-up', unit: 'events/s', rounds: 1, ours: real, rivals: [{ name: reading.name, turn: reading.turn }] });
    await emmett.close();
  } finally {
    await store.close();
    await listener.close();
    await Promise.all([worker.end(), owner.end()]);
  }
}

async function fill(log: ReturnType<typeof eventLog>, ids: readonly NotificationId[], subject: SubjectId): Promise<void> {
  const envelope = { correlationId: 'bench', causationId: 'bench', actor: { kind: 'system', id: 'bench' }, occurredAt: T0 } as const;
  for (let from = 0; from < ids.length; from += 250) {
    const writes = ids.slice(from, from + 250).map((id): EventWrite => ({
      stream: streamOf('notification', tenant, id),
      at: 'absent',
      events: lifeOf(id, subject),
      envelope: { ...envelope, commandId: randomUUID() },
    }));
    const results = await log.append(writes);
    must(
      results.every(({ ok }) => ok),
      `the log takes what it is given: ${JSON.stringify(results.find(({ ok }) => !ok))}`,
    );
  }
}

type Parts = {
  readonly cluster: Cluster;
  readonly worker: Pool;
  readonly owner: Pool;
  readonly listener: ReturnType<typeof openListener>;
  readonly feed: EventFeed;
};

/** From the start of a process's consumers, with no table there yet, to the last event. */
async function catchUp({ cluster, worker, owner, listener, feed }: Parts, projection: Projection): Promise<Turn> {
  let seen = 0;
  let done = (): void => undefined;
  const all = new Promise<void>((resolve) => (done = resolve));
  let stop = (): Promise<void> => Promise.resolve();
  const turn = await timed(total, async () => {
    const consumers = await superviseConsumers([projection], {
      db: database(worker, listener),
      owner: database(owner, listener),
      feed,
      time,
      holder: randomUUID(),
      batchEvents: PAGE,
      observe: {
        onBatch: (_, events) => {
          seen += events;
          if (seen >= total) done();
        },
        onStopped: (_, code) => must(false, `the consumer stopped: ${code}`),
        onParked: (_, code) => must(false, `an event was parked: ${code}`),
      },
    });
    stop = () => consumers.stop();
    await all;
  });
  await stop();
  const [table = ''] = projection.tables;
  const [row] = await cluster.query<{ count: string }>(`select count(*) from ${table}_v1 where status = 'completed'`);
  must(Number(row?.count) === notifications, 'every notification is shown as completed');
  // The service's own tables have one name in all rounds.
  await cluster.query(projection.tables.map((name) => `drop table ${name}_v1`).join('; '));
  await cluster.query('delete from consumers where name = $1', [projection.name]);
  return turn;
}

const READ = `select position, stream, revision, type, id, data, metadata from log.events where position > $1 order by position limit ${String(PAGE)}`;
/** As one reads a table without further ado: rows as objects, JSON parsed by the driver, nothing checked. */
async function readRaw(url: string): Promise<Turn> {
  const client = new pg.Client({ connectionString: url, options: '-c role=tidings_worker' });
  await client.connect();
  try {
    return await timed(total, async () => {
      let [after, seen] = ['0', 0];
      for (let length = PAGE; length === PAGE;) {
        const { rows } = await client.query<{ position: string; data: object }>({ name: 'raw', text: READ, values: [after] });
        [after, length] = [rows.at(-1)?.position ?? after, rows.length];
        seen += rows.filter(({ data }) => typeof data === 'object').length;
      }
      must(seen === total, 'every event is read');
    });
  } finally {
    await client.end();
  }
}

/** Its log with the same events, and its consumer with the same projection. */
async function filledEmmett(cluster: Cluster, ids: readonly NotificationId[], store: EventStore) {
  const { sql, rawSql } = peer('@event-driven-io/dumbo') as Dumbo;
  // Only while it is filled: what is measured reads.
  const { lib, url, pool, log, close } = await openEmmett(cluster, { max: 4, options: '-c synchronous_commit=off' });
  // One after the other: its consumer passes over events whose transactions were numbered in another order than their positions.
  await byCallers(1, ids.length, async (index) => {
    const stream = streamOf('notification', tenant, ids[index]!);
    const events = await store.readStream(stream);
    await log.appendToStream(
      stream,
      events.map(({ type, data, metadata }) => ({ type, data: JSON.parse(data) as object, metadata: JSON.parse(metadata) as object })),
    );
  });
  await pool.query('vacuum analyze emt_messages');

  const turn = async (round: number): Promise<Turn> => {
    const table = `status${String(round)}`;
    const projection = lib.postgreSQLRawBatchSQLProjection({
      name: table,
      canHandle: Object.keys(STATUS),
      init: () => rawSql(`create table if not exists ${table} (id text primary key, status text not null, revision int not null)`),
      evolve: (events: readonly EmmettEvent[]) => {
        const rows = events.map(({ type, metadata: { streamName, streamPosition } }) => ({
          id: streamName,
          status: STATUS[type] ?? '',
          revision: Number(streamPosition),
        }));
        return [sql(UPSERT(table, '%L'), JSON.stringify(folded(rows)))];
      },
    });
    const consumer = lib.postgreSQLEventStoreConsumer({
      connectionString: url,
      // By default it sleeps for 50 ms after each page, however far behind it is.
      pulling: { batchSize: PAGE, pullingFrequencyInMs: 0 },
      stopWhen: { noMessagesLeft: true },
    });
    consumer.projector({ processorId: table, projection });
    const measured = await timed(total, () => consumer.start());
    await consumer.close();
    const { rows } = await pool.query<{ count: string }>(`select count(*) from ${table} where status = 'completed'`);
    must(Number(rows[0]?.count) === notifications, 'emmett shows every notification as completed');
    return measured;
  };
  const rival: Rival = { name: 'emmett’s consumer', goal: 5, turn };
  return { rival, close };
}

await inScratch('bench', (scratch) => withPostgres(scratch, run));
