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

/** For one event: its places of one class share one, so that 500 people's handles hold one text between them. */
export function aadsOf(event: Omit<AadParts, 'class'>): (dataClass: DataClass) => string {
  const made = new Map<DataClass, string>();
  return (dataClass) => {
    const aad = made.get(dataClass) ?? aadOf({ ...event, class: dataClass });
    made.set(dataClass, aad);
    return aad;
  };
}

/** None of the parts can hold the bar. */
export const aadOf = ({ tenant, stream, eventId, type, class: dataClass, schemaVersion }: AadParts): string =>
  `${tenant}|${stream}|${eventId}|${type}|${dataClass}|${schemaVersion}`;
