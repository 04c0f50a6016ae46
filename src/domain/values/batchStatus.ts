export const BATCH_STATUSES = ['open', 'closed', 'paused', 'cancelled'] as const;
export type BatchStatus = (typeof BATCH_STATUSES)[number];

/** Nothing of it goes, for now or for good. */
export const isHeld = (status: BatchStatus): boolean => status === 'paused' || status === 'cancelled';
