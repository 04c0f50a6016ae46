import type { Fact } from '../kernel/decider.ts';
import type { Personal } from '../kernel/personal.ts';
import type { Message, Terms } from '../values/message.ts';
import type { BatchId, KeyedHash, NotificationId, SubjectId } from '../values/ids.ts';
import type { Instant } from '../values/instant.ts';
import type { Schedule } from '../values/schedule.ts';

/** One message to any number of recipients: the message stands here once, the recipients in the notifications of the chunks. */
export type BatchOpened = Fact<
  'BatchOpened',
  {
    readonly batchId: BatchId;
    readonly openedAt: Instant;
    readonly terms: Terms;
    /** Shared by many, so under the period's key alone. */
    readonly message: Personal<Message>;
    /** What a chunk holds at most; fixed, so that an upload sent again makes the same chunks. */
    readonly chunkLines: number;
    /** Of the raw lines, in UTF-8. */
    readonly chunkBytes: number;
    /** Keyed digest of the message as it was sent. */
    readonly request: KeyedHash;
    /** From when on it is to be planned. */
    readonly planAt: Instant;
  }
>;
/** `line`: from 1, of the recipients; nothing personal in `detail`. `subject`: only where no notification of the chunk tells who it was. */
export type LineRefusal = { readonly line: number; readonly code: string; readonly detail: string; readonly subject?: SubjectId };
/** Written after the notification of the chunk. */
export type ChunkAdded = Fact<
  'ChunkAdded',
  {
    readonly batchId: BatchId;
    /** From 0, without gaps. */
    readonly chunk: number;
    /** Absent: nobody in the chunk was accepted, so there is no notification. */
    readonly notificationId?: NotificationId;
    /** Of the message: only where there is no notification to tell it. */
    readonly type?: string;
    /** Both inclusive. */
    readonly lines: { readonly from: number; readonly to: number };
    readonly accepted: number;
    readonly rejections: readonly LineRefusal[];
    /** Keyed digest of the raw lines. */
    readonly digest: KeyedHash;
    readonly addedAt: Instant;
  }
>;
export type BatchClosed = Fact<
  'BatchClosed',
  {
    readonly batchId: BatchId;
    readonly chunks: number;
    readonly accepted: number;
    readonly rejected: number;
    readonly closedAt: Instant;
  }
>;
export type BatchPaused = Fact<'BatchPaused', { readonly batchId: BatchId; readonly pausedAt: Instant }>;
export type BatchResumed = Fact<'BatchResumed', { readonly batchId: BatchId; readonly resumedAt: Instant }>;
/** Can be written again: a chunk whose notification was requested just before is cancelled by the second, which repeats instant but not reason. */
export type BatchCancelled = Fact<
  'BatchCancelled',
  { readonly batchId: BatchId; readonly cancelledAt: Instant; readonly reason?: Personal<string> }
>;
export type BatchRescheduled = Fact<
  'BatchRescheduled',
  { readonly batchId: BatchId; readonly schedule: Schedule; readonly planAt: Instant; readonly rescheduledAt: Instant }
>;

/** Its notifications have been told what the newest pause, resumption, rescheduling or cancellation means for them. */
export type BatchCarriedOut = Fact<'BatchCarriedOut', { readonly batchId: BatchId; readonly carriedOutAt: Instant }>;

export type BatchEvent =
  BatchOpened | ChunkAdded | BatchClosed | BatchPaused | BatchResumed | BatchCancelled | BatchRescheduled | BatchCarriedOut;
