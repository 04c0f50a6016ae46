import type { Projection } from '../../consumers/ports.ts';
import type { AccessEntry, AuditEvent, RejectionEntry } from '../../domain/audit/events.ts';
import { auditStorage } from '../../domain/audit/storage.ts';
import { eventsOf } from '../../domain/kernel/eventsOf.ts';
import { jsonRows } from '../rows.ts';

const auditEvents = eventsOf<AuditEvent>(auditStorage);

const KINDS: Readonly<Record<AuditEvent['type'], string>> = {
  AccessRecorded: 'access',
  CommandRejected: 'rejection',
  AdministrationRecorded: 'administration',
};

/** `audit_entries`: one row an entry, found by who, what, whom and when. */
export const auditProjection: Projection = {
  name: 'audit',
  version: 1,
  nouns: ['audit'],
  facts: false,
  tables: ['audit_entries'],
  schema: (suffix) => `
    create table audit_entries${suffix} (
      tenant text collate "C" not null,
      -- Of the event, and the entry's place in it.
      position text collate "C" not null,
      n integer not null,
      kind text collate "C" not null check (kind in ('access', 'rejection', 'administration')),
      at timestamptz not null,
      actor text collate "C" not null,
      action text collate "C" not null,
      resource text collate "C" not null,
      subject text collate "C",
      entry json not null,
      primary key (tenant, position, n)
    );
    create index audit_entries${suffix}_actor on audit_entries${suffix} (tenant, actor, position);
    create index audit_entries${suffix}_subject on audit_entries${suffix} (tenant, subject, position) where subject is not null;
    create index audit_entries${suffix}_at on audit_entries${suffix} (tenant, at);
    comment on table audit_entries${suffix} is 'Who saw what, who was refused what, who changed what; people by subject only.';
    select tidings_protect('audit_entries${suffix}');`,
  apply: async (recorded, tx, suffix) => {
    const rows = auditEvents(recorded).flatMap(({ event, meta, position }) =>
      event.data.entries.map((entry: AccessEntry | RejectionEntry, n) => ({
        tenant: meta.tenantId,
        position,
        n,
        kind: KINDS[event.type],
        at: entry.at,
        actor: entry.actor.id,
        action: entry.action,
        resource: entry.resource,
        subject: entry.subject ?? null,
        entry,
      })),
    );
    if (rows.length === 0) return;
    await tx.query({
      text: `insert into audit_entries${suffix} (tenant, position, n, kind, at, actor, action, resource, subject, entry)
        select tenant, position, n, kind, at, actor, action, resource, subject, entry
        from json_to_recordset($1) as r (tenant text, position text, n integer, kind text, at timestamptz, actor text, action text,
          resource text, subject text, entry json)
        on conflict do nothing`,
      values: [jsonRows(rows)],
    });
  },
};
