import { randomUUID } from 'node:crypto';
import type { EncodedEvent } from '../../src/adapters/eventstore/port.ts';
import { openPostgresEventStore } from '../../src/adapters/eventstore/postgres/postgresEventStore.ts';
import { lazyPool } from '../../src/adapters/postgres/pool.ts';
import type { StreamName } from '../../src/domain/values/ids.ts';
import { inScratch } from '../support/scratch.ts';
import { withPostgres } from './database.ts';
import { emmettVersion, openEmmett } from './emmett.ts';
import { versionOf } from './peers.ts';
import { byCallers, compete, introduce, must, optionsOf, say, timed, type Rival } from './rounds.ts';

/**
 * Appends by many callers, each of one event of about 1 kB to a stream of its own and each waiting for its answer before the next:
 * our store (whatever waits travels together) ÷ one insert a transaction, which promises no order of positions ÷ the store's own function
 * called once a transaction, which does ÷ emmett. All on one server, with fsync.
 */
const { appends, rounds, callers, connections } = optionsOf({ appends: 20_000, rounds: 5, callers: 64, connections: 32 });
const [TYPE, BYTES] = ['NotificationRequested', 1_000];
const body = (): { readonly at: string; readonly text: string } => ({
  at: new Date().toISOString(),
  text: 'x'.repeat(BYTES - 80),
});
const metadata = { tenantId: 'acme', commandId: randomUUID(), correlationId: randomUUID(), causationId: randomUUID(), schemaVersion: 1 };

const INSERT = 'insert into plain (stream, revision, id, type, bytes, data, metadata) values ($1, $2, $3, $4, $5, $6, $7)';

introduce(
  'append',
  `${String(appends)} appends a turn, ${String(callers)} callers, ${String(connections)} connections for whoever uses a pool`,
);
say(`  ${emmettVersion()}, ${versionOf('pg')}`);
await inScratch('bench', (scratch) =>
  withPostgres(scratch, async (cluster) => {
    const url = cluster.url('app');
    const pool = lazyPool({ url, role: 'tidings_worker', max: connections });
    const store = await openPostgresEventStore({ url, pool, listener: { subscribe: () => Promise.resolve(() => undefined) } });
    const emmett = await openEmmett(cluster, { max: connections });
    await cluster.query('create table plain (like log.events including all)');
    await cluster.query('alter table plain alter position add generated always as identity');
    await cluster.query('grant insert, select on plain to tidings_worker');

    const streamOf = (round: number, who: string, index: number): StreamName =>
      `notification-acme_${who}-${String(round)}-${String(index)}` as StreamName;
    const eventOf = (): EncodedEvent => ({
      id: randomUUID(),
      type: TYPE,
      data: JSON.stringify(body()),
      metadata: JSON.stringify(metadata),
    });

    const ours = {
      name: 'one writer for all that wait',
      turn: (round: number) =>
        timed(appends, () => byCallers(callers, appends, (index) => store.append(streamOf(round, 'own', index), 'absent', [eventOf()]))),
    };
    const single: Rival = {
      name: 'one transaction per append',
      goal: 3.5,
      turn: (round) =>
        timed(appends, () =>
          byCallers(callers, appends, async (index) => {
            const { id, type, data, metadata: meta } = eventOf();
            const values = [streamOf(round, 'plain', index), 0, id, type, data.length + meta.length, data, meta];
            await pool.query({ name: 'plain', text: INSERT, values });
          }),
        ),
    };
    const ordered: Rival = {
      name: 'one transaction per append, in order',
      turn: (round) =>
        timed(appends, () =>
          byCallers(callers, appends, async (index) => {
            const { id, type, data, metadata: meta } = eventOf();
            const row = { w: 0, i: 0, n: 1, s: streamOf(round, 'single', index), a: -1, id, t: type, b: data.length, d: data, m: meta };
            await pool.query({ name: 'single', text: 'select log.append($1) as outcomes', values: [JSON.stringify([row])] });
          }),
        ),
    };
    const theirs: Rival = {
      name: 'emmett',
      goal: 8,
      turn: (round) =>
        timed(appends, () =>
          byCallers(callers, appends, (index) =>
            emmett.log.appendToStream(streamOf(round, 'emmett', index), [{ type: TYPE, data: body(), metadata }], {
              expectedStreamVersion: 'STREAM_DOES_NOT_EXIST',
            }),
          ),
        ),
    };
    await compete({ bench: 'append', unit: 'appends/s', rounds, ours, rivals: [single, ordered, theirs] });

    const written = (rounds + 1) * appends;
    const [log] = await cluster.query<{ count: string; last: string }>('select count(*), max(position) as last from log.events');
    const { rows } = await emmett.pool.query<{ count: string }>('select count(*) from emt_messages');
    must(Number(log?.count) === 2 * written && Number(log?.last) === 2 * written, 'each of our appends stands in the log once');
    const [plain] = await cluster.query<{ count: string }>('select count(*) from plain');
    must(Number(plain?.count) === written, 'each append of a transaction of its own stands in its table once');
    must(Number(rows[0]?.count) === written, 'each append of emmett stands in its log once');
    await store.close();
    await emmett.close();
    await pool.end();
  }),
);
