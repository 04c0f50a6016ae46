import { readdirSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { asTenant } from '../../src/adapters/postgres/asTenant.ts';
import { openPool } from '../../src/adapters/postgres/pool.ts';
import { over } from '../../src/adapters/postgres/transaction.ts';
import type { TenantId } from '../../src/domain/values/ids.ts';
import { eventually } from '../support/client.ts';
import { makeWorld } from '../support/exampleCalls.ts';
import { message, serviceForSuite } from '../support/service.ts';
import { forgetful, isEmpty, NOT_OF_A_TENANT, offered, QUERIES, READ_MODELS, type Owned } from './tenantQueries.ts';

const tidings = serviceForSuite();
const STRANGER = 'strangers' as TenantId;
/** Has never been made, and therefore has nothing. */
const NOBODY = 'nobody' as TenantId;
let it: Owned;

beforeAll(async () => {
  const world = await makeWorld(tidings);
  await tidings.post('/v1/tenants', { id: STRANGER, name: 'Strangers' });
  const refusal = await tidings.send(message(['ana', { recipientId: 'zoe', phone: 'no phone' }], { key: 'row-security' }));
  await tidings.settled(refusal.id);
  const one = async <Row extends object>(text: string, ...values: readonly unknown[]): Promise<Row> =>
    eventually(text, async () => (await tidings.database().workerPool.query<Row>(text, [...values])).rows[0]);
  const { subject } = await one<Pick<Owned, 'subject'>>('select subject from deliveries_v1 where notification = $1', world.sent);
  const { refused } = await one<Pick<Owned, 'refused'>>('select subject as refused from refusals_v1 where notification = $1', refusal.id);
  const { key } = await one<{ key: Owned['keyHash'] }>('select key from notifications_v1 where id = $1', refusal.id);
  const notification = world.sent as Owned['notification'];
  it = { tenant: 'default' as TenantId, subject, refused, notification, keyHash: key, batch: world.batch as Owned['batch'] };
});

describe('row-level security', () => {
  test('is tried with every query of every read model', () => {
    expect([...Object.keys(QUERIES), ...NOT_OF_A_TENANT].sort()).toStrictEqual([...offered()].sort());
    const folders = readdirSync('src/projections', { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
    expect([...READ_MODELS].sort()).toStrictEqual(folders.sort());
  });

  test.each(Object.entries(QUERIES))('%s gives a tenant what is its own, and another nothing of it', async (_, query) => {
    const { apiPool, workerPool } = tidings.database();
    const forgot = { ...it, tenant: NOBODY };
    const asked = {
      owner: await asTenant(apiPool, it.tenant, (tx) => query(tx, it)),
      another: await asTenant(apiPool, STRANGER, (tx) => query(tx, it)),
      noTenant: await query(over(apiPool), it),
      // Where the statement names no tenant, the database alone keeps rows back, as the worker's role shows.
      forgetful: await asTenant(apiPool, NOBODY, (tx) => query(forgetful(tx), forgot)),
      forgetfulWorker: await query(forgetful(over(workerPool)), forgot),
    };
    const empty = Object.fromEntries(Object.entries(asked).map(([who, answer]) => [who, isEmpty(answer)]));
    expect(empty).toStrictEqual({ owner: false, another: true, noTenant: true, forgetful: true, forgetfulWorker: false });
  });

  test('binds every table that has a tenant, also a table’s partitions, and the api reads few others', async () => {
    const { ownerPool } = tidings.database();
    const { rows } = await ownerPool.query<{ table: string; tenant: boolean; bound: boolean; readable: boolean }>(
      `select c.relname as table, c.relrowsecurity and c.relforcerowsecurity as bound,
              exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant' and not a.attisdropped) as tenant,
              has_table_privilege('tidings_api', c.oid, 'select') as readable
         from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relkind in ('r', 'p') and n.nspname not in ('pg_catalog', 'information_schema') order by 1`,
    );
    // Partitions are reached by their parent alone: the api may not read them by themselves.
    expect(rows.filter(({ tenant, bound, readable }) => tenant && !bound && readable)).toStrictEqual([]);
    expect(rows.filter(({ tenant, bound }) => tenant && bound).length).toBeGreaterThan(15);
    const others = rows.flatMap(({ table, tenant, readable }) => (readable && !tenant ? [table] : []));
    // Random ids, keyed hashes and names of streams; no more.
    expect(others).toStrictEqual(['claims', 'consumers', 'parked_events']);
  });

  test('leaves nothing of a tenant on a pooled connection, in 10,000 turns', { timeout: 400_000 }, async () => {
    const pool = await openPool({ url: tidings.database().url, role: 'tidings_api', max: 1 });
    const seen = { default: 0, strangers: 0, wrong: 0, bare: 0, thrown: 0 };
    const count = 'select count(*)::int as all, count(*) filter (where tenant <> $1)::int as wrong from tenants_v1';
    for (let turn = 0; turn < 10_000; turn += 1) {
      const tenant = turn % 2 === 0 ? it.tenant : STRANGER;
      await asTenant(pool, tenant, async (tx) => {
        const [row] = await tx.query<{ all: number; wrong: number }>({ name: 'turn', text: count, values: [tenant] });
        seen[tenant === STRANGER ? 'strangers' : 'default'] += row?.all ?? 0;
        seen.wrong += row?.wrong ?? 0;
        if (turn % 7 === 0) throw new RangeError('rolled back');
      }).catch((error: unknown) => {
        if (!(error instanceof RangeError)) throw error;
        seen.thrown += 1;
      });
      if (turn % 5 === 0) seen.bare += (await pool.query('select from tenants_v1')).rowCount ?? 0;
    }
    await pool.end();
    expect(seen).toStrictEqual({ default: 5_000, strangers: 5_000, wrong: 0, bare: 0, thrown: 1_429 });
  });
});
