import type { Transaction } from '../../consumers/ports.ts';
import type { ApiKeyCreated, KeyMode, Scope, Settings } from '../../domain/tenant/events.ts';
import { DEFAULT_SETTINGS } from '../../domain/tenant/settings.ts';
import type { TenantId } from '../../domain/values/ids.ts';
import type { Instant } from '../../domain/values/instant.ts';
import { pageOf, type Page, type PageRequest } from '../../domain/values/page.ts';

export type TenantView = {
  readonly name: string;
  readonly createdAt: Instant;
  readonly settings: Settings;
  /** Of the settings; 0: nobody has changed them. */
  readonly version: number;
};
/** A key that was not revoked; whether it has expired is for the caller's clock to say. */
export type KeyGrant = {
  readonly id: string;
  readonly tenant: TenantId;
  readonly scopes: readonly Scope[];
  readonly mode: KeyMode;
  readonly expiresAt?: Instant;
};
export type ApiKeyView = Omit<ApiKeyCreated['data'], 'hash' | 'request'> & { readonly revokedAt: Instant | null };

export async function tenantOf(tx: Transaction, suffix: string, tenant: TenantId): Promise<TenantView | undefined> {
  const [row] = await tx.query<{
    readonly created: { readonly name: string; readonly createdAt: Instant };
    readonly settings: Settings | null;
    readonly version: number | null;
  }>({
    name: `tenant_of${suffix}`,
    text: `select created, settings, version from tenants${suffix} where tenant = $1`,
    values: [tenant],
  });
  return row === undefined ? undefined : { ...row.created, settings: row.settings ?? DEFAULT_SETTINGS, version: row.version ?? 0 };
}

/**
 * By the SHA-256 (base64url) of the key. Whose it is comes out of it, so this runs as the worker's role, which row-level security lets
 * see all tenants. An attacker cannot choose the digest of a guess, so that the index compares prefixes tells nothing.
 */
export async function grantOf(tx: Transaction, suffix: string, hash: string): Promise<KeyGrant | undefined> {
  const [row] = await tx.query<{ readonly tenant: TenantId; readonly key: Omit<KeyGrant, 'tenant'> & { readonly name: string } }>({
    name: `grant_of${suffix}`,
    text: `select tenant, key from api_keys${suffix} where hash = $1 and revoked_at is null`,
    values: [hash],
  });
  if (row === undefined) return undefined;
  const { id, scopes, mode, expiresAt } = row.key;
  return { id, tenant: row.tenant, scopes, mode, ...(expiresAt !== undefined && { expiresAt }) };
}

/** Newest first, revoked ones too. */
export async function apiKeysOf(
  tx: Transaction,
  suffix: string,
  tenant: TenantId,
  { limit, place }: PageRequest,
): Promise<Page<ApiKeyView>> {
  const rows = await tx.query<{ readonly key: Omit<ApiKeyView, 'revokedAt'>; readonly revoked_at: Instant | null; readonly place: string }>(
    {
      name: `api_keys_of${suffix}`,
      text: `select key, revoked_at, created_position as place from api_keys${suffix}
      where tenant = $1 and ($2::text is null or created_position < $2) order by created_position desc limit $3`,
      values: [tenant, place ?? null, limit + 1],
    },
  );
  const { rows: shown, next } = pageOf(rows, limit, (last) => last.place);
  return { rows: shown.map(({ key, revoked_at }) => ({ ...key, revokedAt: revoked_at })), next };
}
