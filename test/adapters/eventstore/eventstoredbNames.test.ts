import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openEventStoreDb } from '../../../src/adapters/eventstore/eventstoredb/eventStoreDb.ts';
import type { EventStore, Filter, StoredEvent } from '../../../src/adapters/eventstore/port.ts';
import type { StreamName } from '../../../src/domain/values/ids.ts';
import { aStream, eventsOf, ids, readUntil, refusal, someEvents } from '../../contract/eventStore/samples.ts';
import { eventStoreServer, type TestEventStore } from '../../support/eventStoreServer.ts';

const unique = randomBytes(6).toString('hex');
const NAMES = [`a${unique}`, `a${unique}b`, undefined];
let server: TestEventStore;
let stores: readonly EventStore[];

beforeAll(async () => {
  server = await eventStoreServer();
  stores = await Promise.all(NAMES.map((prefix) => openEventStoreDb({ url: server.url, ...(prefix === undefined ? {} : { prefix }) })));
});
afterAll(async () => {
  for (const store of stores) await store.close();
  await server.close();
});

describe('installations that share a server', () => {
  test('have the same stream each for itself, and read no events of one another, however they ask', async () => {
    const stream = aStream();
    const from = await stores[0]!.head();
    const written = stores.map(() => someEvents(3));
    await Promise.all(stores.map((store, i) => store.append(stream, 'absent', written[i]!.slice(0, 2))));
    await Promise.all(stores.map((store, i) => store.append(stream, 1, written[i]!.slice(2))));
    const [noun = ''] = stream.split('-');
    const filters: readonly Filter[] = [{}, { nouns: [noun] }, { types: [written[0]![0]!.type] }];
    for (const [i, store] of stores.entries()) {
      const [own, others] = [ids(written[i]!), written.filter((_, k) => k !== i).flatMap(ids)];
      const ofTheseThree = (events: readonly StoredEvent[]) => events.filter(({ id }) => own.includes(id) || others.includes(id));
      expect(ids(await store.readStream(stream))).toStrictEqual(own);
      for (const filter of filters) {
        const { events } = await store.readAll(from, filter, 10_000);
        const subscribed = await readUntil(store.subscribe(from, filter, new AbortController().signal), (seen) =>
          ids(eventsOf(seen)).includes(own[2]!),
        );
        for (const found of [events, eventsOf(subscribed)]) {
          expect(ids(ofTheseThree(found))).toStrictEqual(own);
          expect(new Set(ofTheseThree(found).map((event) => event.stream))).toStrictEqual(new Set([stream]));
        }
      }
    }
  });

  test('take no stream name that would be taken for one of another installation', async () => {
    const stream = `${NAMES[0]!}:sample-acme_1` as StreamName;
    for (const store of stores) {
      expect(await refusal(store.append(stream, 'absent', someEvents(1)))).toStrictEqual({ kind: 'invalid', code: 'bad_stream' });
      expect(await refusal(store.readStream(stream))).toStrictEqual({ kind: 'invalid', code: 'bad_stream' });
    }
  });
});
