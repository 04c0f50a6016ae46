import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { openEventStoreDb } from '../../../src/adapters/eventstore/eventstoredb/eventStoreDb.ts';
import { memoryEventStore } from '../../../src/adapters/eventstore/memory/memoryEventStore.ts';
import type { EventStore } from '../../../src/adapters/eventstore/port.ts';
import { isRejection } from '../../../src/domain/kernel/rejection.ts';
import type { Recorded } from '../../../src/domain/kernel/metadata.ts';
import type { NotificationEvent } from '../../../src/domain/notification/events.ts';
import { notification } from '../../../src/domain/notification/notification.ts';
import type { StreamName } from '../../../src/domain/values/ids.ts';
import { epochMsOf } from '../../../src/domain/values/instant.ts';
import { streamOf } from '../../../src/domain/values/streams.ts';
import { batchesProjection } from '../../../src/projections/batches/projection.ts';
import { notificationsProjection } from '../../../src/projections/notifications/projection.ts';
import { eventStoreServer } from '../../support/eventStoreServer.ts';
import { ACME, openHouse, START, type House } from '../../support/house.ts';
import { commandOf, history, TERMS, type History } from '../../support/notificationHistory.ts';
import { NOTIFICATION_ID, requested, stateAfter, T0 } from '../../support/notifications.ts';
import { freshDatabase } from '../../support/postgres.ts';
import { openReadModel } from '../../support/readModel.ts';
import { openStore } from './postgresStore.ts';

const HISTORIES = 1_000;
const AT_ONCE = 50;
const histories = fc.sample(history, { numRuns: HISTORIES, seed: Number(process.env['SEED'] ?? Date.now() % 1_000_000_007) });

const undo: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const one of undo.toReversed()) await one();
});

const stores = {
  memory: (): Promise<EventStore> => Promise.resolve(memoryEventStore()),
  postgres: async (): Promise<EventStore> => {
    const database = await freshDatabase(['log']);
    const { store, close } = await openStore(database.url);
    undo.push(database.close, close);
    return store;
  },
  eventstoredb: async (): Promise<EventStore> => {
    const server = await eventStoreServer();
    const store = await openEventStoreDb({ url: server.url });
    undo.push(server.close, () => store.close());
    return store;
  },
};

const idOf = (nth: number): string => `019a0000-0000-7000-9000-${String(nth).padStart(12, '0')}`;
const nameOf = (nth: number): StreamName => streamOf('notification', ACME, idOf(nth));
/** The histories are all of one notification: each becomes its own. */
const asOf = <T>(nth: number, value: T): T => JSON.parse(JSON.stringify(value).replaceAll(NOTIFICATION_ID, idOf(nth))) as T;

/** One history, decided upon what the log says; some appends are repeated, some come too late. What the log answered, places apart. */
async function play({ log }: House, nth: number, [which, steps]: History): Promise<readonly unknown[]> {
  const stream = nameOf(nth);
  const told: unknown[] = [];
  const append = async (at: number | 'absent', events: readonly NotificationEvent[], step: number): Promise<boolean> => {
    const commandId = `${String(nth)}.${String(step)}`;
    const envelope = {
      commandId,
      correlationId: commandId,
      causationId: commandId,
      actor: { kind: 'system', id: 'test' } as const,
      occurredAt: START,
    };
    const [result] = await log.append([{ stream, at, events, envelope }]);
    told.push(result?.ok === true ? result.revision : result?.conflict === true ? { actual: result.actual } : result?.error.code);
    return result?.ok === true;
  };
  const first = asOf(nth, requested({ people: 3, terms: TERMS[which]! }));
  await append('absent', [first], 0);
  const claims: string[] = [];
  let now = epochMsOf(T0);
  for (const [place, step] of steps.entries()) {
    now += step.ms;
    const events = (await log.read<NotificationEvent>([stream])).get(stream)?.map(({ event }) => event) ?? [];
    const state = stateAfter(...events);
    const command = commandOf(state, claims, step, now);
    const decision = command === undefined ? [] : notification.decide(command, state);
    if (isRejection(decision) || decision.length === 0) continue;
    const at = events.length - 1;
    const decided = asOf(nth, decision);
    if (step.seed % 5 === 0) await append(at === 0 ? 'absent' : at - 1, decided, 1_000 + place);
    await append(at, decided, place + 1);
    if (step.seed % 4 === 0) await append(at, decided, place + 1);
    for (const event of decided) if (event.type === 'HandOffStarted') claims.push(event.data.claim);
  }
  return told;
}

/** Without positions, which a store gives of its own, and without what is sealed, which is never the same twice. */
const unplaced = (value: unknown): string =>
  JSON.stringify(value)
    .replaceAll(/"(position|sealed|digest)":"[^"]*"/g, '"$1":"…"')
    .replaceAll(/"\d{16}(?:\d{4})?"/g, '"…"');

async function lived(open: () => Promise<EventStore>) {
  const house = await openHouse(await open());
  const before = await house.store.head();
  const told: (readonly unknown[])[] = [];
  for (let from = 0; from < HISTORIES; from += AT_ONCE)
    told.push(...(await Promise.all(histories.slice(from, from + AT_ONCE).map((one, place) => play(house, from + place, one)))));
  const read = await house.log.read([...told.keys()].map(nameOf));
  // By a feed from before to the head, as consumers have it.
  const all: Recorded[] = [];
  for (let [after, isOver] = [before, false]; !isOver;) {
    const page = await house.feed.readAll(after, { nouns: ['notification'] }, 500);
    all.push(...page.events.filter((event): event is Recorded => 'event' in event));
    [after, isOver] = [page.upTo, page.caughtUp];
  }
  const rows: unknown[] = [];
  for (const projection of [notificationsProjection, batchesProjection]) {
    const model = await openReadModel(projection);
    for (let from = 0; from < all.length; from += 500) await model.apply(all.slice(from, from + 500));
    for (const [table, found] of Object.entries(await model.rows())) rows.push([table, found.map(unplaced).sort()]);
    await model.close();
  }
  return { told, events: [...read.values()].map(unplaced), rows, count: all.length };
}

test(
  '1,000 random histories of commands come to the same events, answers and read models on every store',
  { timeout: 900_000 },
  async () => {
    const [memory, ...others] = [await lived(stores.memory), await lived(stores.postgres), await lived(stores.eventstoredb)];
    expect(memory.count).toBeGreaterThan(3 * HISTORIES);
    expect(memory.told.flat().filter((it) => typeof it === 'object').length).toBeGreaterThan(HISTORIES / 5);
    for (const other of others) {
      expect(other.told).toStrictEqual(memory.told);
      expect(other.events).toStrictEqual(memory.events);
      expect(other.rows).toStrictEqual(memory.rows);
    }
  },
);
