import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { codecOf } from '../../src/adapters/codec/codec.ts';
import { eventLog } from '../../src/adapters/codec/eventLog.ts';
import { mergeStorage } from '../../src/adapters/codec/registry.ts';
import { timeOrderedIds } from '../../src/adapters/clock/ids.ts';
import { newMasterKey } from '../../src/adapters/crypto/masterKeys.ts';
import { openPostgresEventStore } from '../../src/adapters/eventstore/postgres/postgresEventStore.ts';
import { openPool } from '../../src/adapters/postgres/pool.ts';
import { AGGREGATES } from '../../src/commands/registry.ts';
import { deliveryIdOf } from '../../src/domain/notification/delivery.ts';
import type { EngagementKind } from '../../src/domain/engagement/events.ts';
import type { NotificationId, TenantId } from '../../src/domain/values/ids.ts';
import type { Instant } from '../../src/domain/values/instant.ts';
import { feedbackSink } from '../../src/processes/feedback/recordFeedback.ts';
import type { FeedbackItem } from '../../src/processes/feedback/ports.ts';
import type { Cluster } from '../support/cluster.ts';
import { clientOf, eventually, NDJSON, ndjson, type Client } from '../support/client.ts';
import { memoryKeys } from '../support/memoryKeys.ts';
import { startProgram } from '../support/program.ts';
import { inScratch } from '../support/scratch.ts';
import { withPostgres } from './database.ts';
import { FROM, NEWS, NEWS_VARIABLES } from './mail.ts';
import { figure, introduce, must, optionsOf, say } from './rounds.ts';
import { startMailCounter } from './mailCounter.ts';

/**
 * What one recipient of a batch leaves on disk: tables, indexes and TOAST of the log and of the read models, after a vacuum, before and
 * after. People are registered before, so that what a new person costs (profile, keys) is printed apart. Feedback comes in calls of 100,
 * in the order of sending; `--shuffled`: in no order, so that each call concerns many notifications.
 */
const { recipients, shuffled } = optionsOf({ recipients: 50_000, shuffled: 0 });
const CALL = 100;
const DEADLINE_MS = 120_000 + recipients * 20;
const tenant = 'default' as TenantId;

type Sizes = { readonly log: number; readonly models: number; readonly keys: number };

async function sizesOf(cluster: Cluster): Promise<Sizes> {
  const tables = await cluster.query<{ name: string; schema: string }>(
    `select c.oid::regclass::text as name, n.nspname as schema from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind = 'r' and n.nspname in ('log', 'public')`,
  );
  // Not in one statement: each VACUUM stands alone.
  for (const { name } of tables) await cluster.query(`vacuum analyze ${name}`);
  const sized = await cluster.query<{ name: string; schema: string; bytes: string }>(
    `select c.relname as name, n.nspname as schema, pg_total_relation_size(c.oid) as bytes
       from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r' and n.nspname in ('log', 'public')`,
  );
  const KEYS = /^(?:key_store|subject_keys|period_keys|subject_aliases|index_keys|blobs)$/;
  const sum = (of: (table: { readonly name: string; readonly schema: string }) => boolean): number =>
    sized.filter(of).reduce((all, { bytes }) => all + Number(bytes), 0);
  return {
    log: sum(({ schema }) => schema === 'log'),
    keys: sum(({ schema, name }) => schema === 'public' && KEYS.test(name)),
    models: sum(({ schema, name }) => schema === 'public' && !KEYS.test(name)),
  };
}

/** Every read model has what the log has. */
async function untilRead(cluster: Cluster): Promise<void> {
  await eventually(
    'the read models have caught up',
    async () => {
      const [row] = await cluster.query<{ behind: string }>(
        `select count(*) as behind from consumers, (select coalesce(max(position), 0) as head from log.events) h
          where state = 'live' and position::bigint < h.head`,
      );
      return Number(row?.behind) === 0 ? true : undefined;
    },
    { deadlineMs: DEADLINE_MS },
  );
}

async function register(client: Client): Promise<void> {
  const lines = Array.from({ length: recipients }, (_, index) => ({
    recipientId: `reader-${String(index)}`,
    email: `reader-${String(index)}@example.com`,
    name: `Reader ${String(index)}`,
  }));
  const { status, body } = await client.post('/v1/recipients/bulk', ndjson(lines), NDJSON);
  const verdicts = String(body).match(/"status":201/g)?.length;
  must(status === 200 && verdicts === recipients, `everybody is registered: ${String(status)}, ${String(verdicts)}`);
}

async function send(client: Client): Promise<void> {
  const message = { type: 'newsletter_issue', category: 'transactional', content: NEWS, variables: { ...NEWS_VARIABLES, name: 'you' } };
  const lines = [message, ...Array.from({ length: recipients }, (_, index) => ({ recipientId: `reader-${String(index)}` }))];
  const { status, body } = await client.post('/v1/batches', ndjson(lines), { ...NDJSON, 'Idempotency-Key': 'storage' });
  must(status === 202 && body.accepted === recipients, `the batch is accepted: ${JSON.stringify(body)}`);
  let last: any;
  await eventually(
    'everybody is shown as sent',
    async () => {
      last = (await client.get(`/v1/batches/${String(body.id)}`)).body;
      return last.outcomes?.sent === recipients ? true : undefined;
    },
    { deadlineMs: DEADLINE_MS, seen: () => last },
  );
}

/** Tells of each delivery once, as a provider's callbacks do: they are recorded by the service's own code. */
async function engage(cluster: Cluster, kind: EngagementKind): Promise<void> {
  const pool = await openPool({ url: cluster.url('app'), role: 'tidings_worker', max: 4 });
  const store = await openPostgresEventStore({
    url: cluster.url('app'),
    pool,
    listener: { subscribe: () => Promise.resolve(() => undefined) },
  });
  // Nothing of engagement is sealed but what a provider says in its own words.
  const log = eventLog(store, codecOf(mergeStorage(...AGGREGATES.map(({ storage }) => storage)), memoryKeys().vault));
  const now = (): Instant => new Date().toISOString() as Instant;
  const clock = { epochMs: () => Date.now(), now };
  const sink = feedbackSink({ log, clock, ids: timeOrderedIds(clock), watch: (what) => must(what === kind, 'the delivery is known') });
  const sent = await cluster.query<{ id: string; n: number }>(
    `select notification as id, n from deliveries_v1 order by ${shuffled === 1 ? 'md5(notification::text || n)' : 'sent_at, notification, n'}`,
  );
  must(sent.length === recipients, 'there is a delivery for everybody');
  for (let from = 0; from < sent.length; from += CALL)
    await sink.record(
      sent.slice(from, from + CALL).map(({ id, n }): FeedbackItem => ({
        tenant,
        notificationId: id as NotificationId,
        deliveryId: deliveryIdOf(id as NotificationId, n),
        kind,
        provider: 'smtp',
        providerEventId: randomUUID(),
        at: now(),
      })),
    );
  await store.close();
  await pool.end();
}

introduce(
  'storage',
  `${String(recipients)} recipients in one batch; feedback ${shuffled === 1 ? 'in no order' : 'in the order of sending'}`,
);
await inScratch('bench', (scratch) =>
  withPostgres(scratch, async (cluster) => {
    const counter = await startMailCounter();
    const program = await startProgram({
      dataDir: join(scratch, 'tidings'),
      env: {
        NODE_ENV: 'development',
        DATABASE_URL: cluster.url('app'),
        DATABASE_MIGRATION_URL: cluster.url('owner'),
        TIDINGS_ADMIN_KEY: `bench_${randomBytes(24).toString('base64url')}`,
        TIDINGS_MASTER_KEYS: newMasterKey('bench'),
        EMAIL_PROVIDERS: 'smtp',
        EMAIL_FROM: FROM,
        SMTP_URL: `smtp://127.0.0.1:${String(counter.port)}`,
      },
    });
    const client = clientOf(
      () => program.url,
      () => program.key,
    );
    const measured = async (): Promise<Sizes> => {
      await untilRead(cluster);
      return sizesOf(cluster);
    };
    try {
      const empty = await measured();
      await register(client);
      const known = await measured();
      await send(client);
      must(counter.people() === recipients && counter.mails() === recipients, 'everybody has one mail');
      const sent = await measured();
      await engage(cluster, 'confirmed');
      await engage(cluster, 'opened');
      const engaged = await measured();
      const grew = (before: Sizes, after: Sizes, part: keyof Sizes): number => (after[part] - before[part]) / recipients;
      const tell = (name: string, before: Sizes, after: Sizes, goal?: string): void => {
        const [log, models] = [grew(before, after, 'log'), grew(before, after, 'models')];
        figure('storage', `${name}: events`, log, 'B/recipient');
        figure('storage', `${name}: read models`, models, 'B/recipient');
        figure('storage', `${name}: together`, log + models, 'B/recipient', goal);
      };
      tell('a batch', known, sent, 'at most 1,000');
      tell('a batch and two engagements', known, engaged, 'at most 1,300');
      tell('a new person', empty, known);
      figure('storage', 'a new person: keys', grew(empty, known, 'keys'), 'B/recipient');
      figure('storage', 'a batch: keys', grew(known, sent, 'keys'), 'B/recipient');
      const bad = program.faults();
      must(bad.length === 0, `the service logs no error: ${JSON.stringify(bad.slice(0, 3))}`);
      must((await program.stop()) === 0, 'the service ends well');
      say('  (keys stand apart: they are a person’s and not a message’s)');
    } finally {
      await program.kill();
      await counter.close();
    }
  }),
);
