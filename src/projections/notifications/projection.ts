import type { EngagementEvent } from '../../domain/engagement/events.ts';
import { withItem, type Feedback } from '../../domain/engagement/feedback.ts';
import { engagementStorage } from '../../domain/engagement/storage.ts';
import { isEventOf } from '../../domain/kernel/eventsOf.ts';
import type { Recorded } from '../../domain/kernel/metadata.ts';
import { nOf } from '../../domain/notification/delivery.ts';
import type { NotificationEvent, NotificationRequested } from '../../domain/notification/events.ts';
import { notificationStorage } from '../../domain/notification/storage.ts';
import type { Projection, Transaction } from '../../consumers/ports.ts';
import { ChangedDeliveries } from './changedDeliveries.ts';
import { changesOf } from './deliveryChange.ts';
import { refusalsIn, type RefusedRow } from './refusals.ts';
import { jsonRows } from '../rows.ts';
import { schema } from './schema.ts';
import { statements } from './statements.ts';

type Key = { readonly tenant: string; readonly notification: string; readonly requestedAt: string };
/** What the events of a batch come to, by notification; feedback by delivery, refusals by event and place. */
type Fold = {
  readonly notifications: Map<string, object>;
  readonly added: Map<string, Key & { readonly items: readonly number[]; readonly subjects: readonly string[] }>;
  readonly changed: Map<string, Key & { readonly deliveries: ChangedDeliveries }>;
  readonly feedback: Map<string, Key & { readonly n: number; readonly feedback: Feedback }>;
  readonly moved: Map<string, Key & { readonly revision: number; readonly planAt: string }>;
  readonly touched: Map<string, Key>;
  readonly refusals: Map<string, RefusedRow>;
};

const TABLES = ['notifications', 'deliveries', 'refusals'] as const;

/** Notifications and their deliveries, as status, lists, dead letters and batches show them. */
export const notificationsProjection: Projection = {
  name: 'notifications',
  version: 3,
  // Batches and the audit tell of those who were refused where no notification came of it.
  nouns: ['notification', 'engagement', 'batch', 'audit'],
  facts: false,
  unhurried: true,
  schema,
  tables: [...TABLES],
  apply: async (events, tx, suffix) => {
    const fold = folded(events);
    await makePartitions(tx, suffix, fold);
    const sql = statements(suffix);
    // Order matters: rows before what changes them, and counts after all of it.
    for (const [statement, rows] of [
      [sql.notifications, [...fold.notifications.values()]],
      [sql.added, [...fold.added.values()]],
      [sql.changed, changedRows(fold)],
      [sql.feedback, [...fold.feedback.values()]],
      [sql.moved, [...fold.moved.values()]],
      [sql.counts, [...fold.touched.values()]],
      [sql.refusals, [...fold.refusals.values()]],
    ] as const) {
      if (rows.length > 0) await tx.query({ ...statement, values: [jsonRows(rows)] });
    }
  },
};

/** JSON has no way to tell a code that is taken away from one that is left as it was. */
const changedRows = ({ changed }: Fold): readonly object[] =>
  [...changed.values()].flatMap(({ deliveries, ...key }) =>
    deliveries.rows().map((row) => ({ ...key, ...row, setsCode: row.code !== undefined })),
  );

function folded(events: readonly Recorded[]): Fold {
  const fold: Fold = {
    notifications: new Map(),
    added: new Map(),
    changed: new Map(),
    feedback: new Map(),
    moved: new Map(),
    touched: new Map(),
    refusals: new Map(),
  };
  for (const recorded of events) {
    const { event, position } = recorded;
    for (const row of refusalsIn(recorded)) fold.refusals.set(`${position} ${String(row.n)}`, row);
    if (isEngagement(event)) engaged(fold, event, recorded);
    else if (isNotification(event)) told(fold, event, recorded);
  }
  return fold;
}

const isEngagement = isEventOf<EngagementEvent>(engagementStorage);
const isNotification = isEventOf<NotificationEvent>(notificationStorage);

function told(fold: Fold, event: NotificationEvent, { meta, revision }: Recorded): void {
  const key: Key = { tenant: meta.tenantId, notification: event.data.notificationId, requestedAt: event.data.requestedAt };
  const name = nameOf(key);
  fold.touched.set(name, key);
  if (event.type === 'NotificationRequested') {
    fold.notifications.set(name, notificationRow(key, event.data, { revision, correlation: meta.correlationId }));
    const { channels } = event.data.terms;
    fold.added.set(name, {
      ...key,
      items: event.data.recipients.flatMap(({ index }) => channels.map((channel) => nOf(index, channel))),
      subjects: event.data.recipients.flatMap(({ subject }) => channels.map(() => subject)),
    });
    return;
  }
  // The end of a pause moves nobody's schedule.
  if (event.type === 'NotificationRescheduled' && event.data.schedule !== undefined)
    fold.moved.set(name, { ...key, revision, planAt: event.data.planAt });
  const { deliveries } = fold.changed.get(name) ?? { deliveries: new ChangedDeliveries() };
  for (const changed of changesOf(event, revision)) deliveries.add(changed);
  fold.changed.set(name, { ...key, deliveries });
}

/** Ids of notifications are their tenant's. */
const nameOf = ({ tenant, notification }: Key): string => `${tenant} ${notification}`;
/** Whether everybody may have it from an instant of their own. */
const isEachOnesOwn = ({ schedule }: NotificationRequested['data']['terms']): boolean =>
  schedule !== undefined && 'timeZone' in schedule && schedule.timeZone === 'recipient';

const notificationRow = (
  key: Key,
  { terms, recipients, refused, batch, planAt }: NotificationRequested['data'],
  more: { revision: number; correlation: string },
): object => ({
  ...key,
  ...more,
  type: terms.type,
  category: terms.category,
  class: terms.class,
  priority: terms.priority,
  mode: terms.mode,
  batch: batch?.batchId,
  chunk: batch?.chunk,
  key: terms.key,
  source: terms.source,
  template: terms.template?.key,
  templateVersion: terms.template?.version,
  scheduled: terms.schedule !== undefined,
  planAt,
  expiresOn: terms.expiresAt,
  expiresAfterMs: isEachOnesOwn(terms) ? undefined : terms.expiresAfterMs,
  recipients: recipients.length,
  refused: refused.length,
  channels: terms.channels,
});

function engaged(fold: Fold, { data }: EngagementEvent, { meta }: Recorded): void {
  const key: Key = { tenant: meta.tenantId, notification: data.notificationId, requestedAt: data.requestedAt };
  fold.touched.set(nameOf(key), key);
  for (const item of data.items) {
    const id = `${nameOf(key)}_${String(item.n)}`;
    fold.feedback.set(id, { ...key, n: item.n, feedback: withItem(fold.feedback.get(id)?.feedback ?? {}, item) });
  }
}

async function makePartitions(tx: Transaction, suffix: string, fold: Fold): Promise<void> {
  const months = new Set([...fold.touched.values(), ...fold.refusals.values()].map(({ requestedAt }) => `${requestedAt.slice(0, 7)}-01`));
  if (months.size === 0) return;
  await tx.query({
    name: `notifications_partitions${suffix}`,
    text: `select tidings_month_partition(parent, month::date) from unnest($1::text[]) parent, unnest($2::text[]) month`,
    values: [TABLES.map((table) => `${table}${suffix}`), [...months]],
  });
}
