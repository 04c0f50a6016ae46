import { describe, expect, test } from 'vitest';
import { batch } from '../../../src/domain/batch/batch.ts';
import type { BatchEvent, BatchOpened, ChunkAdded } from '../../../src/domain/batch/events.ts';
import { open } from '../../../src/domain/kernel/personal.ts';
import type { BatchId, KeyedHash, NotificationId } from '../../../src/domain/values/ids.ts';
import type { Instant } from '../../../src/domain/values/instant.ts';
import { scenario } from '../../support/given.ts';

const NOW = '2026-11-21T10:00:00.000Z' as Instant;
const LATER = '2026-11-21T11:00:00.000Z' as Instant;
const batchId = '019a0000-0000-7000-8000-000000000000' as BatchId;
const schedule = { at: '2026-12-01T09:00:00.000Z' as Instant };
const opened: BatchOpened = {
  type: 'BatchOpened',
  data: {
    batchId,
    openedAt: NOW,
    terms: {
      type: 'offer',
      category: 'marketing',
      class: 'marketing',
      priority: 'low',
      mode: 'live',
      channels: ['email'],
      channelsNamed: false,
      routing: { method: 'all' },
      unknownOutcome: 'retry',
    },
    message: open({ variables: {}, attachments: [], metadata: {} }),
    chunkLines: 500,
    chunkBytes: 400_000,
    request: 'digest' as KeyedHash,
    planAt: NOW,
  },
};
const chunk = (n: number, digest = `digest ${String(n)}`): Omit<ChunkAdded['data'], 'batchId' | 'addedAt'> => ({
  chunk: n,
  notificationId: `notification ${String(n)}` as NotificationId,
  lines: { from: 500 * n + 1, to: 500 * n + 500 },
  accepted: 499,
  rejections: [{ line: 500 * n + 3, code: 'invalid_email', detail: 'write the address as local@domain' }],
  digest: digest as KeyedHash,
});
const added = (n: number): ChunkAdded => ({ type: 'ChunkAdded', data: { batchId, ...chunk(n), addedAt: NOW } });
const add = (n: number, digest?: string) => ({ type: 'AddChunk', data: { ...chunk(n, digest), now: LATER } }) as const;
const close = (chunks: number) => ({ type: 'CloseBatch', data: { chunks, now: LATER } }) as const;
const closed: BatchEvent = { type: 'BatchClosed', data: { batchId, chunks: 1, accepted: 499, rejected: 1, closedAt: NOW } };
const paused: BatchEvent = { type: 'BatchPaused', data: { batchId, pausedAt: NOW } };
const cancelled: BatchEvent = { type: 'BatchCancelled', data: { batchId, cancelledAt: NOW, reason: open('wrong list') } };
const { given, when } = scenario(batch);

describe('an upload', () => {
  test('opens the batch; the same again changes nothing, another is refused', () => {
    when({ type: 'OpenBatch', data: opened.data }).then(opened);
    given(opened).when({ type: 'OpenBatch', data: opened.data }).thenNothing();
    given(opened)
      .when({ type: 'OpenBatch', data: { ...opened.data, request: 'other' as KeyedHash } })
      .thenRejected('idempotency_key_reused');
  });
  test('adds its chunks in order, each once', () => {
    given(opened, added(0))
      .when(add(1))
      .then({ type: 'ChunkAdded', data: { batchId, ...chunk(1), addedAt: LATER } });
    given(opened, added(0)).when(add(0)).thenNothing();
    given(opened, added(0)).when(add(2)).thenRejected('chunk_out_of_order');
    given(opened, added(0)).when(add(0, 'other lines')).thenRejected('idempotency_key_reused');
  });
  test('closes with its counts; with fewer or more chunks than before it is another upload', () => {
    given(opened, added(0), added(1))
      .when(close(2))
      .then({ type: 'BatchClosed', data: { batchId, chunks: 2, accepted: 998, rejected: 2, closedAt: LATER } });
    given(opened, added(0), closed).when(close(1)).thenNothing();
    given(opened, added(0), added(1)).when(close(1)).thenRejected('idempotency_key_reused');
    given(opened, added(0), closed).when(add(1)).thenRejected('idempotency_key_reused');
  });
  test('a chunk whose notification was requested before a cancellation is cancelled with it', () => {
    given(opened, added(0), cancelled)
      .when(add(1))
      .then(
        { type: 'ChunkAdded', data: { batchId, ...chunk(1), addedAt: LATER } },
        { type: 'BatchCancelled', data: { batchId, cancelledAt: NOW } },
      );
  });
});

describe('a batch', () => {
  test('that is not there cannot be steered', () => {
    when({ type: 'PauseBatch', data: { now: LATER } }).thenRejected('batch_not_found');
    when(add(0)).thenRejected('batch_not_found');
  });
  test('is paused and resumed, each once', () => {
    const pause = { type: 'PauseBatch', data: { now: LATER } } as const;
    const resume = { type: 'ResumeBatch', data: { now: LATER } } as const;
    given(opened)
      .when(pause)
      .then({ type: 'BatchPaused', data: { batchId, pausedAt: LATER } });
    given(opened, paused).when(pause).thenNothing();
    given(opened, paused)
      .when(resume)
      .then({ type: 'BatchResumed', data: { batchId, resumedAt: LATER } });
    given(opened).when(resume).thenNothing();
    given(opened, paused, { type: 'BatchResumed', data: { batchId, resumedAt: NOW } })
      .when(pause)
      .then({ type: 'BatchPaused', data: { batchId, pausedAt: LATER } });
  });
  test('is cancelled once and for all', () => {
    given(opened)
      .when({ type: 'CancelBatch', data: { now: LATER, reason: 'wrong list' } })
      .then({ type: 'BatchCancelled', data: { batchId, cancelledAt: LATER, reason: open('wrong list') } });
    given(opened, cancelled)
      .when({ type: 'CancelBatch', data: { now: LATER } })
      .thenNothing();
    given(opened, paused, cancelled)
      .when({ type: 'ResumeBatch', data: { now: LATER } })
      .thenRejected('batch_cancelled');
    given(opened, cancelled)
      .when({ type: 'PauseBatch', data: { now: LATER } })
      .thenRejected('batch_cancelled');
    given(opened, cancelled)
      .when({ type: 'RescheduleBatch', data: { now: LATER, schedule, planAt: schedule.at } })
      .thenRejected('batch_cancelled');
  });
  test('that is rescheduled hands the new time to chunks to come', () => {
    const rescheduled: BatchEvent = { type: 'BatchRescheduled', data: { batchId, schedule, planAt: schedule.at, rescheduledAt: LATER } };
    given(opened)
      .when({ type: 'RescheduleBatch', data: { now: LATER, schedule, planAt: schedule.at } })
      .then(rescheduled);
    const state = [opened, rescheduled].reduce(batch.evolve, batch.initial());
    expect(state).toMatchObject({ schedule, planAt: schedule.at, opened: opened.data });
  });
});
