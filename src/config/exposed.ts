import type { Config } from '../config.ts';
import { CHANNELS } from '../domain/values/channel.ts';
import { crossesInClear } from './databases.ts';
import { eventStoreCrossesInClear } from './eventStore.ts';
import { redisCrossesInClear } from './limits.ts';
import type { Settings } from './settings.ts';

/** What may be permitted by name (`TIDINGS_ALLOW`) where a mistake would reach people. */
export const PERMITS = [
  'generated-secrets',
  'unencrypted-database',
  'capture',
  ...CHANNELS.map((channel) => `capture:${channel}` as const),
] as const;

type Checked = Pick<Config, 'adminKey' | 'masterKeys' | 'providers' | 'database' | 'keys' | 'eventStore' | 'redisUrl'>;
type Permits = ReadonlySet<string>;

const permit = (name: string): string => `or permit it by name: TIDINGS_ALLOW=${name}`;

function refuseGenerated(settings: Settings, config: Checked, permits: Permits): void {
  if (permits.has('generated-secrets')) return;
  const expected = `a secret of your own, ${permit('generated-secrets')}`;
  if (config.adminKey === undefined) settings.wrong('TIDINGS_ADMIN_KEY', expected);
  if (config.masterKeys === undefined) settings.wrong('TIDINGS_MASTER_KEYS', expected);
}

/** Captured messages reach nobody: on a system that people rely on, that has to be meant. */
function refuseCapture(settings: Settings, config: Checked, permits: Permits): void {
  if (permits.has('capture')) return;
  for (const channel of CHANNELS) {
    if (!config.providers[channel].includes('capture') || permits.has(`capture:${channel}`)) continue;
    settings.wrong(`${channel.toUpperCase()}_PROVIDERS`, `a provider that sends (capture reaches nobody), ${permit(`capture:${channel}`)}`);
  }
}

function refuseInClear(settings: Settings, config: Checked, permits: Permits): void {
  if (config.eventStore === 'memory') settings.wrong('EVENT_STORE_URL', 'a store that outlives the process; memory: is for tests');
  if (permits.has('unencrypted-database')) return;
  const databases = { DATABASE_URL: config.database, TIDINGS_KEYS_URL: config.keys, EVENT_STORE_URL: config.eventStore };
  for (const [name, urls] of Object.entries(databases)) {
    if (typeof urls !== 'object') continue;
    if ('esdb' in urls ? eventStoreCrossesInClear(urls) : crossesInClear(urls.url) || crossesInClear(urls.migrationUrl))
      settings.wrong(
        name,
        `an encrypted connection (${'esdb' in urls ? 'tls' : 'sslmode=verify-full'}), ${permit('unencrypted-database')}`,
      );
  }
}

function refuseRedisInClear(settings: Settings, { redisUrl }: Checked, permits: Permits): void {
  if (redisUrl === undefined || permits.has('unencrypted-database') || !redisCrossesInClear(redisUrl)) return;
  settings.wrong('REDIS_URL', `an encrypted connection (rediss://), ${permit('unencrypted-database')}`);
}

/** Where a mistake reaches people or crosses the network, what is fine on a laptop has to be permitted by name. */
export function refuseUnsafe(settings: Settings, config: Checked, permits: Permits): void {
  refuseGenerated(settings, config, permits);
  refuseCapture(settings, config, permits);
  refuseInClear(settings, config, permits);
  refuseRedisInClear(settings, config, permits);
}
