import type { RecordedEvent } from './ledger.ts';

/** What a server heeds of a stream's metadata; `$maxAge` in seconds. */
export type StreamMetadata = { readonly $maxCount?: number; readonly $maxAge?: number; readonly $tb?: number };

export const tombstoneType = '$streamDeleted';

export const metastreamOf = (stream: string): string => `$$${stream}`;
export const originalOf = (stream: string): string => (stream.startsWith('$$') ? stream.slice(2) : stream);

/** A deletion that can be taken back is a truncation before a revision that no event ever has. */
export const softDeletion = ({ $tb }: StreamMetadata): boolean => $tb !== undefined && $tb > Number.MAX_SAFE_INTEGER;
export const UNDELETED_FROM = (revision: bigint): number => Number(revision);

/** The events of a stream that its metadata lets a reader see. */
export function visibleEvents(events: readonly RecordedEvent[], metadata: StreamMetadata, now: number): readonly RecordedEvent[] {
  const { $maxCount, $maxAge, $tb } = metadata;
  const first = Math.max($tb ?? 0, $maxCount === undefined ? 0 : events.length - $maxCount);
  const visible = first <= 0 ? events : events.slice(first);
  return $maxAge === undefined ? visible : visible.filter(({ created }) => created > now - $maxAge * 1_000);
}
