import { EventStoreDBClient } from '@eventstore/db-client';
import { startEventStoreDouble, type DoubleOptions, type EventStoreDouble } from './eventstoredb/eventStoreDouble.ts';
import { ranAgainst } from './ranAgainst.ts';
import { eventStoreBinary, startEventStoreBinary, type OwnProcess } from './eventstoredb/ownProcess.ts';

/** An EventStoreDB for tests, real or not. Others may use it at the same time: streams get random names. */
export type TestEventStore = {
  /** What it is and where it came from, in a line for a report. */
  readonly name: string;
  readonly real: boolean;
  readonly version: string;
  /** `esdb://…`, as the client takes it. */
  readonly url: string;
  /** Absent where the server is somebody else's. */
  readonly process?: Pick<OwnProcess, 'stop' | 'start' | 'freeze' | 'thaw'>;
  /** What misbehaves on request; absent where the server is real. */
  readonly double?: EventStoreDouble;
  readonly close: () => Promise<void>;
};

/** Names the double that stands at EVENT_STORE_URL, where it is no server. */
export const DOUBLE = 'EVENT_STORE_DOUBLE';

/** `EVENT_STORE_URL=double:`: the whole run has its logs in one, as it would in a server. */
export const wantsDouble = (): boolean => process.env['EVENT_STORE_URL'] === 'double:';

/** EVENT_STORE_URL where it names an EventStoreDB or a KurrentDB (it may name a Postgres); the client knows only the older name. */
export function eventStoreUrl(): string | undefined {
  const url = process.env['EVENT_STORE_URL'] ?? '';
  const match = /^(?:esdb|kurrentdb)(\+discover)?:\/\/(.+)$/.exec(url);
  return match === null ? undefined : `esdb${match[1] ?? ''}://${match[2] ?? ''}`;
}

const DOUBLED = 'the double of EventStoreDB';

/**
 * EVENT_STORE_URL → `EventStore.ClusterNode`, `eventstored` or `kurrentd` on PATH → the double. A container is not looked for:
 * testcontainers is no dependency; give its address in EVENT_STORE_URL.
 */
export async function eventStoreServer(options: DoubleOptions = {}): Promise<TestEventStore> {
  const url = eventStoreUrl();
  return url === undefined ? eventStoreOfItsOwn(options) : reported(await namedServer(url));
}

/** The same for a test that stops it: what EVENT_STORE_URL names is somebody else's. */
export async function eventStoreOfItsOwn(options: DoubleOptions = {}): Promise<TestEventStore> {
  const binary = eventStoreBinary();
  return reported(await (binary === undefined ? standIn(options) : ownServer(binary)));
}

function reported(server: TestEventStore): TestEventStore {
  ranAgainst({ part: 'EventStoreDB', name: server.name, real: server.real });
  return server;
}

async function namedServer(url: string): Promise<TestEventStore> {
  const version = await versionOf(url);
  const real = url !== process.env[DOUBLE];
  const name = `${real ? 'EventStoreDB' : DOUBLED} ${version} (EVENT_STORE_URL)`;
  return { name, real, version, url, close: () => Promise.resolve() };
}

async function ownServer(binary: string): Promise<TestEventStore> {
  const own = await startEventStoreBinary(binary);
  const version = await versionOf(own.url);
  const { stop, start, freeze, thaw, close, url } = own;
  return { name: `EventStoreDB ${version} (${binary})`, real: true, version, url, process: { stop, start, freeze, thaw }, close };
}

async function standIn(options: DoubleOptions): Promise<TestEventStore> {
  const double = await startEventStoreDouble(options);
  const { stop, start, url, close } = double;
  const control = { stop, start, freeze: double.freeze, thaw: double.thaw };
  const version = await versionOf(url);
  return { name: `${DOUBLED} ${version}`, real: false, version, url, process: control, double, close };
}

/** What the server says of itself when a client connects; the client keeps it to itself. */
async function versionOf(url: string): Promise<string> {
  const client = EventStoreDBClient.connectionString(url);
  const { capabilities } = client as unknown as { readonly capabilities: Promise<{ readonly serverVersion: string }> };
  const { serverVersion } = await capabilities;
  await client.dispose();
  return serverVersion;
}
