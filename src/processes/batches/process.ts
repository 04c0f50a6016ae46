import type { BatchEvent } from '../../domain/batch/events.ts';
import type { Recorded } from '../../domain/kernel/metadata.ts';
import type { BatchId } from '../../domain/values/ids.ts';
import type { Instant } from '../../domain/values/instant.ts';
import type { Process, Reaction } from '../process.ts';

/** A batch's state has to reach its notifications: what was asked for and not carried out yet is one action per batch. */
export const batches: Process<BatchEvent> = {
  name: 'batches',
  nouns: ['batch'],
  types: ['BatchResumed', 'BatchCancelled', 'BatchRescheduled', 'BatchCarriedOut'],
  react: ({ event }: Recorded<BatchEvent>): readonly Reaction[] => {
    switch (event.type) {
      case 'BatchResumed':
        return carryOut(event.data.batchId, event.data.resumedAt);
      case 'BatchCancelled':
        return carryOut(event.data.batchId, event.data.cancelledAt);
      case 'BatchRescheduled':
        return carryOut(event.data.batchId, event.data.rescheduledAt);
      case 'BatchCarriedOut':
        return [{ do: 'settle', kinds: ['applyBatch'], id: event.data.batchId, items: 'all' }];
      default:
        return [];
    }
  },
};

const carryOut = (batchId: BatchId, dueAt: Instant): readonly Reaction[] => [
  { do: 'settle', kinds: ['applyBatch'], id: batchId, items: 'all' },
  { do: 'ask', kind: 'applyBatch', id: batchId, items: [], priority: 'high', dueAt },
];
