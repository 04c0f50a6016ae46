import type { Projection, Transaction } from '../../consumers/ports.ts';
import { eventsOf } from '../../domain/kernel/eventsOf.ts';
import type { ApiKeyCreated, Settings, TenantEvent } from '../../domain/tenant/events.ts';
import { tenantStorage } from '../../domain/tenant/storage.ts';
import { Rows } from '../rows.ts';
import { upsert } from '../upsert.ts';

type TenantRow = {
  tenant: string;
  created: { readonly name: string; readonly createdAt: string };
  settings: Settings;
  version: number;
  position: string;
};
type KeyRow = {
  tenant: string;
  id: string;
  hash: string;
  key: Omit<ApiKeyCreated['data'], 'hash' | 'request'>;
  revoked_at: string;
  created_position: string;
  position: string;
};

const tenantEvents = eventsOf<TenantEvent>(tenantStorage);

/** `tenants`: names and settings; `api_keys`: found by hash, before it is known whose they are. */
export const tenantsProjection: Projection = {
  name: 'tenants',
  version: 1,
  nouns: ['tenant'],
  facts: false,
  tables: ['tenants', 'api_keys'],
  schema: (suffix) => `
    create table tenants${suffix} (
      tenant text collate "C" primary key,
      created json,
      settings json,
      version integer,
      position text collate "C" not null
    );
    comment on table tenants${suffix} is 'Tenants and their settings.';
    select tidings_protect('tenants${suffix}');
    create table api_keys${suffix} (
      tenant text collate "C" not null,
      id text collate "C" not null,
      -- SHA-256 of the key, base64url.
      hash text collate "C",
      key json,
      revoked_at timestamptz,
      created_position text collate "C",
      position text collate "C" not null,
      primary key (tenant, id)
    );
    create index api_keys${suffix}_hash on api_keys${suffix} (hash);
    create index api_keys${suffix}_newest on api_keys${suffix} (tenant, created_position desc);
    comment on table api_keys${suffix} is 'API keys by hash; the keys themselves are nowhere.';
    select tidings_protect('api_keys${suffix}');`,
  apply: async (recorded, tx, suffix) => {
    const tenants = new Rows<TenantRow>();
    const keys = new Rows<KeyRow>();
    for (const { event, meta, position } of tenantEvents(recorded)) {
      const tenant = meta.tenantId;
      switch (event.type) {
        case 'TenantCreated': {
          const { name, createdAt } = event.data;
          tenants.set(tenant, { tenant, created: { name, createdAt }, position });
          break;
        }
        case 'SettingsChanged':
          tenants.set(tenant, { tenant, settings: event.data.settings, version: event.data.version, position });
          break;
        case 'ApiKeyCreated': {
          const { hash, request: _, ...key } = event.data;
          keys.set(`${tenant} ${key.id}`, { tenant, id: key.id, hash, key, created_position: position, position });
          break;
        }
        case 'ApiKeyRevoked':
          keys.set(`${tenant} ${event.data.id}`, { tenant, id: event.data.id, revoked_at: event.data.revokedAt, position });
          break;
        case 'RequestNoted':
          break;
      }
    }
    if (tenants.size > 0) await writeTenants(tx, suffix, tenants);
    if (keys.size > 0) await writeKeys(tx, suffix, keys);
  },
};

const writeTenants = (tx: Transaction, suffix: string, rows: Rows<TenantRow>) =>
  tx.query({
    text: upsert(`tenants${suffix}`, 'tenant text, created json, settings json, version integer, position text', {
      key: ['tenant'],
      absent: 'stays',
    }),
    values: [rows.json()],
  });

const writeKeys = (tx: Transaction, suffix: string, rows: Rows<KeyRow>) =>
  tx.query({
    text: upsert(
      `api_keys${suffix}`,
      'tenant text, id text, hash text, key json, revoked_at timestamptz, created_position text, position text',
      { key: ['tenant', 'id'], absent: 'stays' },
    ),
    values: [rows.json()],
  });
