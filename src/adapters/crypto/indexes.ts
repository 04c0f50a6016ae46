import { createHmac, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Indexes as IndexesPort } from '../../commands/ports.ts';
import { trusted, type KeyedHash, type TenantId } from '../../domain/values/ids.ts';
import { purposeKey } from './derive.ts';
import { placeOfIndexKey, type KeyRows } from './keyRows.ts';
import { unwrap, wrap, type MasterKeys } from './masterKeys.ts';
import { framed, uuid8 } from './uuid8.ts';

const CACHED_TENANTS = 1_000;

/** Keyed hashes: HMAC-SHA-256 under a key per tenant and purpose, derived from the tenant's one index key, which never changes. */
export class Indexes implements IndexesPort {
  readonly #rows: KeyRows;
  readonly #masters: MasterKeys;
  /** Tenant → purpose → key. Never stale, since index keys are not rotated. */
  readonly #tenants = new LRUCache<TenantId, { readonly index: Buffer; readonly purposes: Map<string, Buffer> }>({ max: CACHED_TENANTS });

  constructor(rows: KeyRows, masters: MasterKeys) {
    this.#rows = rows;
    this.#masters = masters;
  }

  async hash(tenant: TenantId, purpose: string, values: readonly string[]): Promise<readonly KeyedHash[]> {
    const key = await this.#key(tenant, purpose);
    return values.map((value) => trusted<KeyedHash>(createHmac('sha256', key).update(value).digest('base64url')));
  }

  async uuid(tenant: TenantId, ...parts: readonly string[]): Promise<string> {
    const key = await this.#key(tenant, 'identity');
    return uuid8(createHmac('sha256', key).update(framed(parts)).digest());
  }

  async #key(tenant: TenantId, purpose: string): Promise<Buffer> {
    const cached = this.#tenants.get(tenant) ?? { index: await this.#indexKey(tenant), purposes: new Map<string, Buffer>() };
    this.#tenants.set(tenant, cached);
    const key = cached.purposes.get(purpose) ?? purposeKey(cached.index, purpose);
    cached.purposes.set(purpose, key);
    return key;
  }

  async #indexKey(tenant: TenantId): Promise<Buffer> {
    const place = placeOfIndexKey(tenant);
    return unwrap(this.#masters, await this.#rows.indexKey(tenant, wrap(this.#masters, randomBytes(32), place)), place);
  }
}
