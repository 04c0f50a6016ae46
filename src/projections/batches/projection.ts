import type { Projection, Transaction } from '../../consumers/ports.ts';
import type { BatchEvent, BatchOpened } from '../../domain/batch/events.ts';
import { batchStorage } from '../../domain/batch/storage.ts';
import { assertNever } from '../../domain/kernel/assertNever.ts';
import { eventsOf } from '../../domain/kernel/eventsOf.ts';
import { present } from '../../domain/kernel/present.ts';
import type { Personal } from '../../domain/kernel/personal.ts';
import type { Schedule } from '../../domain/values/schedule.ts';
import { Rows } from '../rows.ts';
import { upsert } from '../upsert.ts';

type BatchRow = {
  tenant: string;
  batch: string;
  terms: BatchOpened['data']['terms'];
  opened_at: string;
  closed_at: string;
  paused: boolean;
  cancelled_at: string;
  reason: Personal<string>;
  schedule: Schedule;
  plan_at: string;
  opened_position: string;
  position: string;
};
type ChunkRow = {
  tenant: string;
  batch: string;
  chunk: number;
  notification: string | null;
  first_line: number;
  last_line: number;
  accepted: number;
  rejected: number;
};
type RejectionRow = { tenant: string; batch: string; line: number; code: string; detail: string };

const batchEvents = eventsOf<BatchEvent>(batchStorage);

/** What an event says of the batch itself; a chunk says nothing of it. */
function columnsOf({ type, data }: BatchEvent, position: string): Partial<BatchRow> | undefined {
  switch (type) {
    case 'BatchOpened': {
      const { terms, openedAt, planAt } = data;
      return {
        terms,
        opened_at: openedAt,
        paused: false,
        ...present({ schedule: terms.schedule }),
        plan_at: planAt,
        opened_position: position,
      };
    }
    case 'BatchClosed':
      return { closed_at: data.closedAt };
    case 'BatchPaused':
      return { paused: true };
    case 'BatchResumed':
      return { paused: false };
    case 'BatchCancelled':
      return { cancelled_at: data.cancelledAt, ...present({ reason: data.reason }) };
    case 'BatchRescheduled':
      return { schedule: data.schedule, plan_at: data.planAt };
    case 'BatchCarriedOut':
    case 'ChunkAdded':
      return undefined;
    default:
      return assertNever(type);
  }
}

/** `batches`: their state, which a gate reads; `batch_chunks`: counts and notifications; `batch_rejections`: the lines refused. */
export const batchesProjection: Projection = {
  name: 'batches',
  version: 1,
  nouns: ['batch'],
  facts: true,
  tables: ['batches', 'batch_chunks', 'batch_rejections'],
  schema: (suffix) => `
    create table batches${suffix} (
      tenant text collate "C" not null,
      batch text collate "C" not null,
      terms json,
      opened_at timestamptz,
      closed_at timestamptz,
      paused boolean,
      cancelled_at timestamptz,
      -- A Sealed handle.
      reason json,
      schedule json,
      plan_at timestamptz,
      opened_position text collate "C",
      position text collate "C" not null,
      primary key (tenant, batch)
    );
    create index batches${suffix}_newest on batches${suffix} (tenant, opened_position desc);
    comment on table batches${suffix} is 'Batches and their state.';
    select tidings_protect('batches${suffix}');
    create table batch_chunks${suffix} (
      tenant text collate "C" not null,
      batch text collate "C" not null,
      chunk integer not null,
      -- Null: nobody in the chunk was accepted.
      notification text collate "C",
      first_line integer not null,
      last_line integer not null,
      accepted integer not null,
      rejected integer not null,
      primary key (tenant, batch, chunk)
    );
    comment on table batch_chunks${suffix} is 'Chunks of batches, each with its notification.';
    select tidings_protect('batch_chunks${suffix}');
    create table batch_rejections${suffix} (
      tenant text collate "C" not null,
      batch text collate "C" not null,
      line integer not null,
      code text not null,
      detail text not null,
      primary key (tenant, batch, line)
    );
    comment on table batch_rejections${suffix} is 'Lines of batches that were refused, and why.';
    select tidings_protect('batch_rejections${suffix}');`,
  apply: async (recorded, tx, suffix) => {
    const batches = new Rows<BatchRow>();
    const chunks = new Rows<ChunkRow>();
    const rejections = new Rows<RejectionRow>();
    for (const { event, meta, position } of batchEvents(recorded)) {
      const of = { tenant: meta.tenantId, batch: event.data.batchId };
      const key = `${of.tenant} ${of.batch}`;
      const columns = columnsOf(event, position);
      if (columns !== undefined) batches.set(key, { ...of, ...columns, position });
      if (event.type !== 'ChunkAdded') continue;
      const { chunk, notificationId = null, lines, accepted, rejections: refused } = event.data;
      const counts = { notification: notificationId, first_line: lines.from, last_line: lines.to, accepted, rejected: refused.length };
      chunks.set(`${key} ${String(chunk)}`, { ...of, chunk, ...counts });
      for (const { line, code, detail } of refused) rejections.set(`${key} ${String(line)}`, { ...of, line, code, detail });
    }
    if (batches.size > 0) await writeBatches(tx, suffix, batches);
    if (chunks.size > 0) await writeChunks(tx, suffix, chunks);
    if (rejections.size > 0) await writeRejections(tx, suffix, rejections);
  },
};

const writeBatches = (tx: Transaction, suffix: string, rows: Rows<BatchRow>) =>
  tx.query({
    text: upsert(
      `batches${suffix}`,
      'tenant text, batch text, terms json, opened_at timestamptz, closed_at timestamptz, paused boolean, cancelled_at timestamptz, ' +
        'reason json, schedule json, plan_at timestamptz, opened_position text, position text',
      { key: ['tenant', 'batch'], absent: 'stays' },
    ),
    values: [rows.json()],
  });

const writeChunks = (tx: Transaction, suffix: string, rows: Rows<ChunkRow>) =>
  tx.query({
    text: `insert into batch_chunks${suffix} (tenant, batch, chunk, notification, first_line, last_line, accepted, rejected)
      select tenant, batch, chunk, notification, first_line, last_line, accepted, rejected
      from json_to_recordset($1) as r (tenant text, batch text, chunk integer, notification text, first_line integer, last_line integer,
        accepted integer, rejected integer)
      on conflict do nothing`,
    values: [rows.json()],
  });

const writeRejections = (tx: Transaction, suffix: string, rows: Rows<RejectionRow>) =>
  tx.query({
    text: `insert into batch_rejections${suffix} (tenant, batch, line, code, detail)
      select tenant, batch, line, code, detail
      from json_to_recordset($1) as r (tenant text, batch text, line integer, code text, detail text)
      on conflict do nothing`,
    values: [rows.json()],
  });
