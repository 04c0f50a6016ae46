import type { AuditEvent, RejectionEntry } from '../../domain/audit/events.ts';
import type { BatchEvent } from '../../domain/batch/events.ts';
import type { AnyFact } from '../../domain/kernel/decider.ts';
import type { Recorded } from '../../domain/kernel/metadata.ts';
import type { NotificationEvent } from '../../domain/notification/events.ts';
import type { RefusalRow } from './queries.ts';

/** A row of `refusals`; with its event's position, `n` tells it from the others of the event. */
export type RefusedRow = RefusalRow & { readonly tenant: string; readonly n: number };
type Refused = Omit<RefusalRow, 'position'>;
/** Those that can tell of somebody who was refused. */
type Telling = Extract<NotificationEvent | BatchEvent | AuditEvent, { type: 'NotificationRequested' | 'ChunkAdded' | 'CommandRejected' }>;

const TELLING: ReadonlySet<string> = new Set<Telling['type']>(['NotificationRequested', 'ChunkAdded', 'CommandRejected']);
const tells = (event: AnyFact): event is Telling => TELLING.has(event.type);

/** Whom an event names as refused; nobody of whom only the malformed address is known. */
export function refusalsIn({ event, meta, position }: Recorded): readonly RefusedRow[] {
  return tells(event) ? refusedBy(event).map((it, n) => ({ ...it, n, position, tenant: meta.tenantId })) : [];
}

function refusedBy({ type, data }: Telling): readonly Refused[] {
  if (type === 'CommandRejected') return data.entries.flatMap(ofEntry);
  if (type === 'NotificationRequested') {
    const { notificationId: notification, requestedAt, terms, batch } = data;
    const of = { notification, batch: batch?.batchId ?? null, requestedAt, type: terms.type };
    return data.refused.flatMap(({ index, code, detail, subject }) => (subject ? [{ ...of, subject, place: index, code, detail }] : []));
  }
  // A chunk with a notification is told by that.
  const { batchId: batch, type: asked, addedAt: requestedAt, rejections } = data;
  if (asked === undefined) return [];
  const of = { notification: null, batch, requestedAt, type: asked };
  return rejections.flatMap(({ line, code, detail, subject }) => (subject ? [{ ...of, subject, place: line, code, detail }] : []));
}

const ofEntry = ({ at: requestedAt, refused }: RejectionEntry): readonly Refused[] =>
  refused === undefined
    ? []
    : refused.people.map(({ index, ...it }) => ({ notification: null, batch: null, requestedAt, type: refused.type, place: index, ...it }));
