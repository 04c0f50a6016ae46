import { EventStoreDBClient } from '@eventstore/db-client';
import { PortError } from '../../../domain/kernel/portError.ts';
import { within } from '../within.ts';
import { enduring } from './enduring.ts';
import { codeOf } from './failure.ts';

/** The client's own schemes; a KurrentDB speaks the same protocol. */
const SCHEMES = /^(?:esdb|kurrentdb)(\+discover)?:\/\//;
/** The first server that says when a subscription has caught up. */
const [MAJOR, MINOR] = [23, 10];
/** Milliseconds for the calls that are open to end. */
const DISPOSE_MS = 2_000;

export type Connection = { readonly client: EventStoreDBClient; readonly release: () => Promise<void> };

type Shared = { readonly client: EventStoreDBClient; users: number };
/**
 * One client for each server: in a process all clients share one account of what they wait for, and a break of one's stream of appends rejects
 * what all others wait for.
 */
const clients = new Map<string, Shared>();

/** Opens nothing yet. @throws PortError `invalid`, `bad_event_store_url`, for what the client cannot read; its own words quote the password. */
export function connectionTo(url: string): Connection {
  const shared: Shared = clients.get(url) ?? { client: clientOf(url), users: 0 };
  clients.set(url, shared);
  shared.users += 1;
  let isReleased = false;
  return {
    client: shared.client,
    release: async () => {
      if (isReleased) return;
      isReleased = true;
      shared.users -= 1;
      if (shared.users > 0) return;
      clients.delete(url);
      await within(DISPOSE_MS, shared.client.dispose()).catch(() => undefined);
    },
  };
}

function clientOf(url: string): EventStoreDBClient {
  try {
    return enduring(EventStoreDBClient.connectionString(url.replace(SCHEMES, 'esdb$1://')));
  } catch {
    throw new PortError('invalid', 'bad_event_store_url', 'the event store’s URL is not one that its client reads');
  }
}

/** @throws PortError `unavailable` when the server does not answer in time (ms), `invalid`, `event_store_too_old`. */
export async function checkVersion(client: EventStoreDBClient, ms: number): Promise<void> {
  // Protected by the client's types, and the one place where it keeps what the server said of itself.
  const { capabilities } = client as unknown as { readonly capabilities: Promise<{ readonly serverVersion: string }> };
  const version = await within(ms, capabilities).then(
    ({ serverVersion }) => serverVersion,
    (error: unknown) => {
      throw new PortError('unavailable', 'event_store_unreachable', `the event store does not answer (${codeOf(error)})`);
    },
  );
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > MAJOR || (major === MAJOR && minor >= MINOR)) return;
  const found = /^[\d.]+$/.test(version) ? version : 'of an unknown version';
  throw new PortError(
    'invalid',
    'event_store_too_old',
    `the event store is ${found}; it has to be ${String(MAJOR)}.${String(MINOR)} or newer`,
  );
}
