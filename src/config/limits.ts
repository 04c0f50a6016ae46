import type { RateLimitSizes } from '../http/rateLimits.ts';
import { isLoopback, withoutPassword } from './databases.ts';
import type { Settings } from './settings.ts';

const EXPECTED = 'a URL such as rediss://user:password@host:6379, with /1 for another database than 0, and without options';
const DATABASE = /^(?:\/\d{0,4})?$/;

/** Where limits are counted for all processes; undefined: each counts for itself. */
export function readRedis(settings: Settings): string | undefined {
  const text = settings.secret('REDIS_URL', withoutPassword);
  if (text === undefined || isRedis(text)) return text;
  settings.wrong('REDIS_URL', EXPECTED);
  return undefined;
}

function isRedis(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, pathname, search, hash } = new URL(text);
  return (protocol === 'redis:' || protocol === 'rediss:') && hostname !== '' && DATABASE.test(pathname) && `${search}${hash}` === '';
}

/** Whether what is said to this Redis, its password among it, crosses a network in clear. */
export function redisCrossesInClear(text: string): boolean {
  const { protocol, hostname } = new URL(text);
  return protocol === 'redis:' && !isLoopback(hostname);
}

/** More than one process of this service can answer, so that nobody meets them by working. 0: none. */
export const readRateLimits = (settings: Settings): RateLimitSizes => {
  const size = (name: string, fallback: number): number => settings.integer(name, { fallback, least: 0, most: 100_000_000 });
  return {
    key: size('TIDINGS_RATE_LIMIT_KEY', 5000),
    tenant: size('TIDINGS_RATE_LIMIT_TENANT', 10_000),
    keyCommands: size('TIDINGS_RATE_LIMIT_KEY_COMMANDS', 300_000),
    tenantCommands: size('TIDINGS_RATE_LIMIT_TENANT_COMMANDS', 600_000),
    credentials: size('TIDINGS_RATE_LIMIT_CREDENTIALS', 600),
  };
};
