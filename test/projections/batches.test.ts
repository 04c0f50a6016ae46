import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { handle } from '../../src/commands/handle.ts';
import { BATCH } from '../../src/commands/registry.ts';
import type { BatchCommand } from '../../src/domain/batch/batch.ts';
import type { BatchOpened } from '../../src/domain/batch/events.ts';
import { open } from '../../src/domain/kernel/personal.ts';
import type { BatchId, KeyedHash, NotificationId, TenantId } from '../../src/domain/values/ids.ts';
import type { Instant } from '../../src/domain/values/instant.ts';
import { batchesProjection } from '../../src/projections/batches/projection.ts';
import { batchesPage, batchOf, batchStatesOf, rejectionsPage } from '../../src/projections/batches/queries.ts';
import { ACME, openHouse, START, type House } from '../support/house.ts';
import { bothWays, openReadModel, V1, type ReadModel } from '../support/readModel.ts';

let model: ReadModel;
let house: House;
const id = (n: number): BatchId => `019a0000-0000-7000-8000-00000000000${String(n)}` as BatchId;
const schedule = { at: '2026-12-01T09:00:00.000Z' as Instant };
const terms: BatchOpened['data']['terms'] = {
  type: 'offer',
  category: 'marketing',
  class: 'marketing',
  priority: 'low',
  mode: 'live',
  channels: ['email'],
  channelsNamed: false,
  routing: { method: 'all' },
  unknownOutcome: 'retry',
};
async function run(batchId: BatchId, ...commands: readonly BatchCommand[]): Promise<void> {
  for (const input of commands) {
    const commandId = house.ids.uuid();
    const envelope = { commandId, correlationId: 'c', causationId: 'c', actor: { kind: 'key', id: 'k1' }, occurredAt: START } as const;
    const outcome = await handle(house.log, BATCH)({ id: batchId, input, context: { tenant: ACME, envelope } });
    if ('rejected' in outcome) throw new Error(outcome.rejected);
  }
}
const opening = (batchId: BatchId): BatchCommand => ({
  type: 'OpenBatch',
  data: {
    batchId,
    openedAt: START,
    terms,
    message: open({ variables: {}, attachments: [], metadata: {} }),
    chunkLines: 2,
    chunkBytes: 1000,
    request: 'digest' as KeyedHash,
    planAt: START,
  },
});
const chunk = (n: number, accepted: number): BatchCommand => ({
  type: 'AddChunk',
  data: {
    chunk: n,
    ...(accepted > 0 && { notificationId: `notification-${String(n)}` as NotificationId }),
    lines: { from: 2 * n + 1, to: 2 * n + 2 },
    accepted,
    rejections: [2 * n + 1, 2 * n + 2].slice(accepted).map((line) => ({ line, code: 'invalid_email', detail: 'write it as local@domain' })),
    digest: `digest ${String(n)}` as KeyedHash,
    now: START,
  },
});
beforeAll(async () => {
  model = await openReadModel(batchesProjection);
});
afterAll(() => model.close());
beforeEach(async () => {
  await model.clear();
  house = await openHouse();
  await run(id(1), opening(id(1)), chunk(0, 2), chunk(1, 1), chunk(2, 0), { type: 'CloseBatch', data: { chunks: 3, now: START } });
  await run(id(2), opening(id(2)), chunk(0, 2), { type: 'PauseBatch', data: { now: START } });
  await run(id(3), opening(id(3)), { type: 'PauseBatch', data: { now: START } }, { type: 'ResumeBatch', data: { now: START } });
  await run(
    id(4),
    opening(id(4)),
    { type: 'RescheduleBatch', data: { schedule, planAt: schedule.at, now: START } },
    { type: 'CancelBatch', data: { reason: 'wrong list', now: START } },
    chunk(0, 2),
  );
});

test('each event twice comes to the same rows as one batch', async () => {
  const { once, again, singly } = await bothWays(model, await house.recorded());
  expect(again).toStrictEqual(once);
  expect(singly).toStrictEqual(once);
  expect(['batches', 'batch_chunks', 'batch_rejections'].map((table) => once[table]?.length)).toStrictEqual([4, 5, 3]);
  expect(JSON.stringify(once)).not.toContain('wrong list');
});

test('a gate reads the state of many batches at once', async () => {
  await model.apply(await house.recorded());
  const states = await model.asWorker((tx) => batchStatesOf(tx, V1, ACME, [id(1), id(2), id(3), id(4), id(9)]));
  expect(Object.fromEntries(states)).toStrictEqual({
    [id(1)]: { status: 'closed' },
    [id(2)]: { status: 'paused' },
    [id(3)]: { status: 'open' },
    [id(4)]: { status: 'cancelled' },
  });
});

test('a batch is shown with its counts, and why it was cancelled is sealed', async () => {
  await model.apply(await house.recorded());
  const shown = await model.asTenant(ACME, (tx) => batchOf(tx, V1, ACME, id(1)));
  expect(shown).toStrictEqual({
    id: id(1),
    status: 'closed',
    terms,
    schedule: null,
    planAt: START,
    openedAt: START,
    closedAt: START,
    cancelledAt: null,
    reason: null,
    chunks: 3,
    accepted: 3,
    rejected: 3,
  });
  const cancelled = await model.asTenant(ACME, (tx) => batchOf(tx, V1, ACME, id(4)));
  expect(cancelled).toMatchObject({ status: 'cancelled', schedule, planAt: schedule.at, cancelledAt: START, accepted: 2 });
  expect(await house.vault.open(cancelled?.reason ? [cancelled.reason] : [])).toStrictEqual([{ value: 'wrong list' }]);
  expect(await model.asTenant('beta' as TenantId, (tx) => batchOf(tx, V1, ACME, id(1)))).toBe(undefined);
});

test('batches are listed newest first; refused lines in their order; notifications by chunk', async () => {
  await model.apply(await house.recorded());
  const page = (place?: string) =>
    model.asTenant(ACME, (tx) => batchesPage(tx, V1, ACME, { limit: 3, ...(place !== undefined && { place }) }));
  const first = await page();
  const second = await page(first.next ?? '');
  expect([...first.rows, ...second.rows].map((it) => it.id)).toStrictEqual([id(4), id(3), id(2), id(1)]);
  const lines = (place?: string) =>
    model.asTenant(ACME, (tx) =>
      rejectionsPage(tx, V1, { tenant: ACME, batch: id(1) }, { limit: 2, ...(place !== undefined && { place }) }),
    );
  const some = await lines();
  const rest = await lines(some.next ?? '');
  expect([...some.rows, ...rest.rows].map(({ line }) => line)).toStrictEqual([4, 5, 6]);
  expect(rest.next).toBe(null);
});
