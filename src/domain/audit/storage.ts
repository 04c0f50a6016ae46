import { count, firstVersion, instant, list, oneOf, optional, shape, text } from '../kernel/schema.ts';
import type { StorageOf } from '../kernel/storage.ts';
import type { AuditEvent } from './events.ts';

const actor = shape({ kind: oneOf(['user', 'key', 'recipient', 'system']), id: text, onBehalfOf: optional(text) });
const entry = { at: instant, actor, action: text, resource: text, subject: optional(text), requestId: text };

const refused = shape({ type: text, people: list(shape({ index: count, subject: text, code: text, detail: text })) });

/** How the events of the audit are stored; they name people by subject only. */
export const auditStorage = {
  AccessRecorded: firstVersion(shape({ entries: list(shape(entry)) })),
  CommandRejected: firstVersion(shape({ entries: list(shape({ ...entry, code: text, refused: optional(refused) })) })),
  AdministrationRecorded: firstVersion(shape({ entries: list(shape(entry)) })),
} satisfies StorageOf<AuditEvent>;
