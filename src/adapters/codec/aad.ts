import type { DataClass } from '../../domain/kernel/personal.ts';
import type { StreamName, TenantId } from '../../domain/values/ids.ts';

/** The place that a sealed value of an event is tied to. */
export type AadParts = {
  readonly tenant: TenantId;
  readonly stream: StreamName;
  readonly eventId: string;
  readonly type: string;
  readonly class: DataClass;
  /** As stored, not as read. */
  readonly schemaVersion: number;
};

/** None of the parts can hold the bar. */
export const aadOf = ({ tenant, stream, eventId, type, class: dataClass, schemaVersion }: AadParts): string =>
  `${tenant}|${stream}|${eventId}|${type}|${dataClass}|${schemaVersion}`;
