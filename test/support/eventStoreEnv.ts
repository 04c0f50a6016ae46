import { createHash, randomBytes } from 'node:crypto';
import { eventStoreUrl } from './eventStoreServer.ts';

/** For what looks into the log's own tables, or searches the data directory for what is in it. */
export const LOG_IN_DATABASE = { EVENT_STORE_URL: '' };

/** A log of its own in the EventStoreDB at this URL. */
export const logAt = (url: string): Readonly<Record<'EVENT_STORE_URL' | 'EVENT_STORE_PREFIX', string>> => ({
  EVENT_STORE_URL: url,
  EVENT_STORE_PREFIX: `test_${randomBytes(10).toString('hex')}`,
});

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Where EVENT_STORE_URL names an EventStoreDB, programs under test have their log there, unless they are told where. All that work on one database share a log, whichever way leads to it; databases of tests have random names
 * or passwords.
 */
export function withEventStore<Given extends Env>(env: Given, dataDir: string): Given {
  const url = eventStoreUrl();
  if (url === undefined || env['EVENT_STORE_URL'] !== undefined) return env;
  const database = env['DATABASE_URL'];
  const { password, pathname } = new URL(database ?? `file://${dataDir}`);
  const digest = createHash('sha256').update(`${password} ${pathname}`).digest('hex');
  return { ...env, EVENT_STORE_URL: url, EVENT_STORE_PREFIX: `test_${digest.slice(0, 20)}` };
}
