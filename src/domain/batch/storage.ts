import { count, firstVersion, instant, list, optional, shape, text } from '../kernel/schema.ts';
import type { StorageOf } from '../kernel/storage.ts';
import { scheduleSchema, termsSchema } from '../values/messageSchema.ts';
import type { BatchEvent } from './events.ts';

const of = { batchId: text };

/** How the events of a batch are stored. */
export const batchStorage = {
  BatchOpened: firstVersion(
    shape({
      ...of,
      openedAt: instant,
      terms: termsSchema,
      message: text,
      chunkLines: count,
      chunkBytes: count,
      request: text,
      planAt: instant,
    }),
    [{ path: 'message', class: 'content' }],
  ),
  ChunkAdded: firstVersion(
    shape({
      ...of,
      chunk: count,
      notificationId: optional(text),
      type: optional(text),
      lines: shape({ from: count, to: count }),
      accepted: count,
      rejections: list(shape({ line: count, code: text, detail: text, subject: optional(text) })),
      digest: text,
      addedAt: instant,
    }),
  ),
  BatchClosed: firstVersion(shape({ ...of, chunks: count, accepted: count, rejected: count, closedAt: instant })),
  BatchPaused: firstVersion(shape({ ...of, pausedAt: instant })),
  BatchResumed: firstVersion(shape({ ...of, resumedAt: instant })),
  BatchCancelled: firstVersion(shape({ ...of, cancelledAt: instant, reason: optional(text) }), [{ path: 'reason', class: 'content' }]),
  BatchRescheduled: firstVersion(shape({ ...of, schedule: scheduleSchema, planAt: instant, rescheduledAt: instant })),
  BatchCarriedOut: firstVersion(shape({ ...of, carriedOutAt: instant })),
} satisfies StorageOf<BatchEvent>;
