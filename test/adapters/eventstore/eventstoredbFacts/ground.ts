import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import { binaryEvent, EventStoreDBClient, jsonEvent, type AllStreamResolvedEvent, type ResolvedEvent } from '@eventstore/db-client';
import { afterAll, beforeAll } from 'vitest';
import { eventStoreServer, type TestEventStore } from '../../../support/eventStoreServer.ts';

/*
 * What a server was seen to do, and the client with it: each line of those facts is a test here, through the client alone, against
 * whatever server there is, real or not. Streams have names of their own, as others may use the server too.
 */

/** A server for the tests of a file, with one client. */
export function atServer(find: () => Promise<TestEventStore> = eventStoreServer): {
  readonly server: () => TestEventStore;
  readonly client: () => EventStoreDBClient;
} {
  let [server, client]: [TestEventStore | undefined, EventStoreDBClient | undefined] = [undefined, undefined];
  beforeAll(async () => {
    server = await find();
    client = EventStoreDBClient.connectionString(server.url);
  });
  afterAll(async () => {
    await client?.dispose();
    await server?.close();
  });
  return { server: () => server!, client: () => client! };
}

export const newStream = (): string => `facts-${randomUUID()}`;

export const event = (id: string = randomUUID(), type = 'Seen') => jsonEvent({ id, type, data: { of: id } });
export const events = (count: number, type = 'Seen') => Array.from({ length: count }, () => event(randomUUID(), type));
/** `bytes`: of its data. */
export const eventOf = (bytes: number, metadata?: Uint8Array) =>
  binaryEvent({ id: randomUUID(), type: 'Bytes', data: new Uint8Array(bytes), ...(metadata === undefined ? {} : { metadata }) });

/** What is told of an error, of which a test compares what it names. */
export type Told = { readonly [field: string]: unknown };

/** The error that a promise comes to. @throws Error where it comes to something else. */
export async function failureOf(promise: Promise<unknown>): Promise<Told> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (outcome === undefined) throw new Error('it succeeded');
  return outcome as Told;
}

export const some = (told: Told, ...fields: readonly string[]): Told => Object.fromEntries(fields.map((field) => [field, told[field]]));

export async function all<T>(reading: AsyncIterable<T>): Promise<readonly T[]> {
  const found: T[] = [];
  for await (const each of reading) found.push(each);
  return found;
}

/** The ids of the events of a stream, in order. */
export async function idsIn(client: EventStoreDBClient, stream: string): Promise<readonly (string | undefined)[]> {
  return (await all<ResolvedEvent>(client.readStream(stream))).map(({ event: read }) => read?.id);
}

export const revisionsOf = (read: readonly ResolvedEvent[]): readonly (bigint | undefined)[] =>
  read.map(({ event: each }) => each?.revision);

/** The position of the last event of all. */
export async function headOf(client: EventStoreDBClient): Promise<bigint> {
  const [last] = await all<AllStreamResolvedEvent>(client.readAll({ direction: 'backwards', fromPosition: 'end', maxCount: 1 }));
  return last?.event?.position.commit ?? 0n;
}

export const at = (position: bigint) => ({ commit: position, prepare: position });

/** Resolves with what an emitter says under a name. */
export const once = (emitter: Readable, name: string): Promise<unknown> =>
  new Promise((resolve) => void emitter.once(name, (value: unknown) => resolve(value)));

/** Where a server of its own listens that has neither TLS nor a cluster. */
export function addressOf(url: string): { readonly host: string; readonly port: number } {
  const { hostname, port } = new URL(url.replace(/^esdb:/, 'http:'));
  return { host: hostname, port: port === '' ? 2_113 : Number(port) };
}
