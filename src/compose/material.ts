import { LRUCache } from 'lru-cache';
import { MOVED_CHANNEL } from '../consumers/notices.ts';
import type { CatalogueView, Catalogues, PublishedTemplates } from '../commands/notificationPorts.ts';
import { channelsOf } from '../domain/values/content.ts';
import { CHANNELS } from '../domain/values/channel.ts';
import { DEFAULT_SETTINGS } from '../domain/tenant/settings.ts';
import type { Settings } from '../domain/tenant/events.ts';
import type { TenantId } from '../domain/values/ids.ts';
import type { Material, Sender } from '../processes/dispatch/ports.ts';
import { catalogueOf } from '../projections/catalogue/queries.ts';
import { versionOf, type VersionView } from '../projections/templates/queries.ts';
import { tenantOf } from '../projections/tenants/queries.ts';
import type { Closing } from './closing.ts';
import type { ReadModels } from './readModels.ts';

/** What changes rarely and is read with every message: kept some seconds, and let go when its read model moves. */
export type Kept = {
  readonly catalogues: Catalogues;
  readonly templates: PublishedTemplates;
  readonly settingsOf: (tenant: TenantId) => Promise<Settings>;
  readonly senderOf: Material['sender'];
  readonly templateOf: Material['template'];
  /** Forgets everything: after a command whose result is to be seen at once. */
  readonly forget: () => void;
};

const KEPT_MS = 5000;
const KEPT_ENTRIES = 1000;

export async function openMaterial(models: ReadModels, emailFrom: string, closing: Closing): Promise<Kept> {
  const catalogues = new LRUCache<TenantId, Promise<CatalogueView>>({ max: KEPT_ENTRIES, ttl: KEPT_MS });
  const settings = new LRUCache<TenantId, Promise<Settings>>({ max: KEPT_ENTRIES, ttl: KEPT_MS });
  const current = new LRUCache<string, Promise<VersionView | undefined>>({ max: KEPT_ENTRIES, ttl: KEPT_MS });
  // A published version never changes.
  const versions = new LRUCache<string, Promise<VersionView | undefined>>({ max: KEPT_ENTRIES });
  const forget = (): void => {
    for (const cache of [catalogues, settings, current]) cache.clear();
  };
  const unlisten = await models.db.listen(MOVED_CHANNEL, (projection) => {
    if (projection === undefined || WATCHED.has(projection)) forget();
  });
  closing.add('material', unlisten);

  const settingsOf = (tenant: TenantId): Promise<Settings> =>
    kept(settings, tenant, async () => {
      const view = await models.asWorker(tenant, 'tenants', (tx, suffix) => tenantOf(tx, suffix, tenant));
      return view?.settings ?? DEFAULT_SETTINGS;
    });

  const viewOf = (tenant: TenantId): Promise<CatalogueView> =>
    kept(catalogues, tenant, async () => {
      const [{ types, categories }, { unknownTypes }] = await Promise.all([
        models.asWorker(tenant, 'catalogue', (tx, suffix) => catalogueOf(tx, suffix, tenant)),
        settingsOf(tenant),
      ]);
      return { type: (key) => types.get(key)?.entry, categoryClass: (key) => categories.get(key)?.entry.class, unknownTypes };
    });

  const find = async (tenant: TenantId, key: string, version?: number): Promise<VersionView | undefined> => {
    const cache = version === undefined ? current : versions;
    const name = `${tenant} ${key} ${String(version ?? '')}`;
    const found = await kept(cache, name, () =>
      models.asWorker(tenant, 'templates', (tx, suffix) =>
        versionOf(tx, suffix, { tenant, key, ...(version === undefined ? {} : { version }) }),
      ),
    );
    // That there is none yet may be over in a moment.
    if (found === undefined) cache.delete(name);
    return found;
  };

  return {
    catalogues: { viewOf },
    templates: {
      find: async (tenant, key, version) => {
        const found = await find(tenant, key, version);
        return found && factsOf(found);
      },
    },
    settingsOf,
    senderOf: async (tenant) => senderOf(await settingsOf(tenant), emailFrom),
    templateOf: async (tenant, key, version) => (await find(tenant, key, version))?.content,
    forget,
  };
}

const WATCHED: ReadonlySet<string> = new Set(['tenants', 'catalogue', 'templates']);

/** A look-up under way is shared; one that failed is not kept. */
function kept<K extends string, V>(cache: LRUCache<K, Promise<V>>, key: K, load: () => Promise<V>): Promise<V> {
  const known = cache.get(key);
  if (known !== undefined) return known;
  const loading = load();
  cache.set(key, loading);
  loading.catch(() => cache.delete(key));
  return loading;
}

function factsOf({ version, content }: VersionView): { version: number; channels: (typeof CHANNELS)[number][]; variablesSchema?: object } {
  const covered = new Set(Object.values(content.locales).flatMap((it) => channelsOf(it)));
  const channels = CHANNELS.filter((channel) => covered.has(channel));
  return { version, channels, ...(content.variablesSchema === undefined ? {} : { variablesSchema: content.variablesSchema }) };
}

function senderOf({ sender, locale, timeZone }: Settings, emailFrom: string): Sender {
  const from =
    sender.email === undefined ? emailFrom : sender.name === undefined ? sender.email : `${quoted(sender.name)} <${sender.email}>`;
  return {
    emailFrom: from,
    locale: locale ?? 'en',
    timeZone: timeZone ?? 'UTC',
    ...(sender.replyTo === undefined ? {} : { replyTo: sender.replyTo }),
    ...(sender.sms === undefined ? {} : { smsFrom: sender.sms }),
  };
}

/** A display name as a quoted string (RFC 5322 §3.2.4). */
const quoted = (name: string): string => `"${name.replaceAll(/["\\]/g, '\\$&')}"`;
