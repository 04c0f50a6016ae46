import type { Transaction } from '../../consumers/ports.ts';
import { BUILT_IN_CATEGORIES } from '../../domain/catalogue/category.ts';
import type { Category, MessageType } from '../../domain/catalogue/events.ts';
import type { TenantId } from '../../domain/values/ids.ts';

/** `version`: the ETag; 0: built in. */
export type Versioned<Entry> = { readonly entry: Entry; readonly version: number };
export type CatalogueView = {
  readonly categories: ReadonlyMap<string, Versioned<Category>>;
  readonly types: ReadonlyMap<string, Versioned<MessageType>>;
};

type Row =
  | { readonly kind: 'category'; readonly key: string; readonly version: number; readonly entry: Category }
  | { readonly kind: 'type'; readonly key: string; readonly version: number; readonly entry: MessageType };

/** A tenant's whole catalogue, in order of keys, to be held in memory. */
export async function catalogueOf(tx: Transaction, suffix: string, tenant: TenantId): Promise<CatalogueView> {
  const rows = await tx.query<Row>({
    name: `catalogue_of${suffix}`,
    text: `select kind, key, version, entry from catalogue_entries${suffix} where tenant = $1 order by kind, key`,
    values: [tenant],
  });
  const categories = new Map<string, Versioned<Category>>([...BUILT_IN_CATEGORIES].map(([key, entry]) => [key, { entry, version: 0 }]));
  const types = new Map<string, Versioned<MessageType>>();
  for (const row of rows) {
    if (row.kind === 'category') categories.set(row.key, { entry: row.entry, version: row.version });
    else types.set(row.key, { entry: row.entry, version: row.version });
  }
  return { categories, types };
}

export async function categoryOf(tx: Transaction, suffix: string, tenant: TenantId, key: string): Promise<Versioned<Category> | undefined> {
  const [row] = await tx.query<Versioned<Category>>({
    name: `category_of${suffix}`,
    text: `select version, entry from catalogue_entries${suffix} where tenant = $1 and kind = 'category' and key = $2`,
    values: [tenant, key],
  });
  const builtIn = BUILT_IN_CATEGORIES.get(key);
  return row ?? (builtIn === undefined ? undefined : { entry: builtIn, version: 0 });
}

export async function typeOf(tx: Transaction, suffix: string, tenant: TenantId, key: string): Promise<Versioned<MessageType> | undefined> {
  const [row] = await tx.query<Versioned<MessageType>>({
    name: `type_of${suffix}`,
    text: `select version, entry from catalogue_entries${suffix} where tenant = $1 and kind = 'type' and key = $2`,
    values: [tenant, key],
  });
  return row;
}
