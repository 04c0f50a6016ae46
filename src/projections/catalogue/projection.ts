import type { Projection, Transaction } from '../../consumers/ports.ts';
import type { CatalogueEvent } from '../../domain/catalogue/events.ts';
import { catalogueStorage } from '../../domain/catalogue/storage.ts';
import { eventsOf } from '../../domain/kernel/eventsOf.ts';
import { Rows } from '../rows.ts';
import { upsert } from '../upsert.ts';

type EntryRow = { tenant: string; kind: 'category' | 'type'; key: string; version: number; entry: object; position: string };

const catalogueEvents = eventsOf<CatalogueEvent>(catalogueStorage);

/** `catalogue_entries`: what tenants declared; the built-in categories are added on reading. */
export const catalogueProjection: Projection = {
  name: 'catalogue',
  version: 1,
  nouns: ['catalogue'],
  facts: false,
  tables: ['catalogue_entries'],
  schema: (suffix) => `
    create table catalogue_entries${suffix} (
      tenant text collate "C" not null,
      kind text collate "C" not null check (kind in ('category', 'type')),
      key text collate "C" not null,
      version integer not null,
      entry json not null,
      position text collate "C" not null,
      primary key (tenant, kind, key)
    );
    comment on table catalogue_entries${suffix} is 'Categories and types of tenants.';
    select tidings_protect('catalogue_entries${suffix}');`,
  apply: async (recorded, tx, suffix) => {
    const rows = new Rows<EntryRow>();
    for (const { event, meta, position } of catalogueEvents(recorded)) {
      const { key, version } = event.data;
      const [kind, entry] =
        'category' in event.data ? (['category', event.data.category] as const) : (['type', event.data.messageType] as const);
      rows.set(`${meta.tenantId} ${kind} ${key}`, { tenant: meta.tenantId, kind, key, version, entry, position });
    }
    if (rows.size > 0) await write(tx, suffix, rows);
  },
};

const write = (tx: Transaction, suffix: string, rows: Rows<EntryRow>) =>
  tx.query({
    text: upsert(`catalogue_entries${suffix}`, 'tenant text, kind text, key text, version integer, entry json, position text', {
      key: ['tenant', 'kind', 'key'],
      absent: 'becomes null',
    }),
    values: [rows.json()],
  });
