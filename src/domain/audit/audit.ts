import type { Decider } from '../kernel/decider.ts';
import type { AccessEntry, AdministrationEntry, AuditEvent, RejectionEntry } from './events.ts';

export type AuditEntry =
  | { readonly kind: 'access'; readonly entry: AccessEntry }
  | { readonly kind: 'rejection'; readonly entry: RejectionEntry }
  | { readonly kind: 'administration'; readonly entry: AdministrationEntry };
export type RecordEntries = { readonly type: 'RecordEntries'; readonly data: { readonly entries: readonly AuditEntry[] } };

/** A tenant's day. It has no state: everything that happened is recorded, and nothing is refused. */
export type Audit = { readonly status: 'open' };

const OPEN: Audit = { status: 'open' };

/** At most one event of each kind, whatever the number of entries. */
export const audit: Decider<RecordEntries, Audit, AuditEvent, never> = {
  initial: () => OPEN,
  decide: ({ data: { entries } }) => {
    const access = entries.flatMap((it) => (it.kind === 'access' ? [it.entry] : []));
    const rejections = entries.flatMap((it) => (it.kind === 'rejection' ? [it.entry] : []));
    const administration = entries.flatMap((it) => (it.kind === 'administration' ? [it.entry] : []));
    const events: readonly AuditEvent[] = [
      { type: 'AccessRecorded', data: { entries: access } },
      { type: 'CommandRejected', data: { entries: rejections } },
      { type: 'AdministrationRecorded', data: { entries: administration } },
    ];
    return events.filter(({ data }) => data.entries.length > 0);
  },
  evolve: (state) => state,
};
