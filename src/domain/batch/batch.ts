import { assertNever } from '../kernel/assertNever.ts';
import type { Decider, Decision } from '../kernel/decider.ts';
import { open } from '../kernel/personal.ts';
import { reject } from '../kernel/rejection.ts';
import type { Instant } from '../values/instant.ts';
import type { Schedule } from '../values/schedule.ts';
import type { BatchEvent, BatchOpened, ChunkAdded } from './events.ts';

export type BatchCommand =
  | { readonly type: 'OpenBatch'; readonly data: BatchOpened['data'] }
  | { readonly type: 'AddChunk'; readonly data: Omit<ChunkAdded['data'], 'batchId' | 'addedAt'> & { readonly now: Instant } }
  /** `chunks`: how many the upload had. */
  | { readonly type: 'CloseBatch'; readonly data: { readonly chunks: number; readonly now: Instant } }
  | { readonly type: 'PauseBatch' | 'ResumeBatch'; readonly data: { readonly now: Instant } }
  | { readonly type: 'CancelBatch'; readonly data: { readonly now: Instant; readonly reason?: string } }
  | { readonly type: 'RescheduleBatch'; readonly data: { readonly now: Instant; readonly schedule: Schedule; readonly planAt: Instant } };
export type BatchCode = 'batch_not_found' | 'batch_cancelled' | 'idempotency_key_reused' | 'chunk_out_of_order';

export type OpenedBatch = {
  readonly status: 'opened';
  readonly opened: BatchOpened['data'];
  readonly closed: boolean;
  readonly paused: boolean;
  readonly cancelled?: Instant;
  /** As it stands after reschedulings; chunks to come take it. */
  readonly schedule?: Schedule;
  readonly planAt: Instant;
  readonly chunks: ChunkAdded['data'][];
  readonly accepted: number;
  readonly rejected: number;
};
export type Batch = { readonly status: 'absent' } | OpenedBatch;

type Decided = Decision<BatchEvent, BatchCode>;

/** Under the key of this upload another one has come before. */
export const OTHER_LINES = reject(
  'idempotency_key_reused',
  'this Idempotency-Key came before with other lines; send the same upload again, or use a new key for a new one',
);
export const CANCELLED = reject('batch_cancelled', 'the batch has been cancelled, which is final; open another');

function openBatch(data: BatchOpened['data'], state: Batch): Decided {
  if (state.status === 'absent') return [{ type: 'BatchOpened', data }];
  return state.opened.request === data.request ? [] : OTHER_LINES;
}

type AddChunk = Extract<BatchCommand, { type: 'AddChunk' }>['data'];

/**
 * What the chunk's notification says has happened already, so a cancelled batch takes note of it too and is cancelled once more, for
 * those who cancel its notifications one by one.
 */
function addChunk({ now, ...chunk }: AddChunk, state: OpenedBatch): Decided {
  const before = state.chunks[chunk.chunk];
  if (before !== undefined) return before.digest === chunk.digest ? [] : OTHER_LINES;
  if (state.closed) return OTHER_LINES;
  if (chunk.chunk !== state.chunks.length) return reject('chunk_out_of_order', 'chunks are added one after the other, without gaps');
  const { batchId } = state.opened;
  const added: BatchEvent = { type: 'ChunkAdded', data: { batchId, ...chunk, addedAt: now } };
  return state.cancelled === undefined ? [added] : [added, { type: 'BatchCancelled', data: { batchId, cancelledAt: state.cancelled } }];
}

function closeBatch(chunks: number, now: Instant, state: OpenedBatch): Decided {
  if (chunks !== state.chunks.length) return OTHER_LINES;
  if (state.closed) return [];
  const { opened, accepted, rejected } = state;
  return [{ type: 'BatchClosed', data: { batchId: opened.batchId, chunks, accepted, rejected, closedAt: now } }];
}

function cancelBatch({ now, reason }: { readonly now: Instant; readonly reason?: string }, state: OpenedBatch): Decided {
  if (state.cancelled !== undefined) return [];
  const { batchId } = state.opened;
  return [{ type: 'BatchCancelled', data: { batchId, cancelledAt: now, ...(reason !== undefined && { reason: open(reason) }) } }];
}

function decide(command: BatchCommand, state: Batch): Decided {
  if (command.type === 'OpenBatch') return openBatch(command.data, state);
  if (state.status === 'absent') return reject('batch_not_found', 'there is no batch of this id');
  switch (command.type) {
    case 'AddChunk':
      return addChunk(command.data, state);
    case 'CloseBatch':
      return closeBatch(command.data.chunks, command.data.now, state);
    case 'CancelBatch':
      return cancelBatch(command.data, state);
    default:
      return state.cancelled === undefined ? steer(command, state) : CANCELLED;
  }
}

type Steer = Exclude<BatchCommand, { type: 'OpenBatch' | 'AddChunk' | 'CloseBatch' | 'CancelBatch' }>;
function steer(command: Steer, { opened: { batchId }, paused }: OpenedBatch): Decided {
  const { now } = command.data;
  switch (command.type) {
    case 'PauseBatch':
      return paused ? [] : [{ type: 'BatchPaused', data: { batchId, pausedAt: now } }];
    case 'ResumeBatch':
      return paused ? [{ type: 'BatchResumed', data: { batchId, resumedAt: now } }] : [];
    case 'RescheduleBatch': {
      const { schedule, planAt } = command.data;
      return [{ type: 'BatchRescheduled', data: { batchId, schedule, planAt, rescheduledAt: now } }];
    }
  }
}

function evolve(state: Batch, event: BatchEvent): Batch {
  if (event.type === 'BatchOpened') return openedWith(event.data);
  if (state.status === 'absent') return state;
  switch (event.type) {
    case 'ChunkAdded':
      // Pushed, not copied: a million recipients are 2,000 chunks.
      state.chunks.push(event.data);
      return { ...state, accepted: state.accepted + event.data.accepted, rejected: state.rejected + event.data.rejections.length };
    case 'BatchClosed':
      return { ...state, closed: true };
    case 'BatchPaused':
      return { ...state, paused: true };
    case 'BatchResumed':
      return { ...state, paused: false };
    case 'BatchCancelled':
      return { ...state, cancelled: event.data.cancelledAt };
    case 'BatchRescheduled':
      return { ...state, schedule: event.data.schedule, planAt: event.data.planAt };
    case 'BatchCarriedOut':
      return state;
    default:
      return assertNever(event);
  }
}

const openedWith = (opened: BatchOpened['data']): OpenedBatch => ({
  status: 'opened',
  opened,
  closed: false,
  paused: false,
  ...(opened.terms.schedule && { schedule: opened.terms.schedule }),
  planAt: opened.planAt,
  chunks: [],
  accepted: 0,
  rejected: 0,
});

/** One message to any number of recipients, in chunks. */
export const batch: Decider<BatchCommand, Batch, BatchEvent, BatchCode> = { initial: () => ({ status: 'absent' }), decide, evolve };
