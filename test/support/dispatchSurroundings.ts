import { createRenderer } from '../../src/adapters/templating/renderer.ts';
import type { EventLog, EventWrite } from '../../src/commands/ports.ts';
import { deliveryIdOf } from '../../src/domain/notification/delivery.ts';
import type { NotificationEvent } from '../../src/domain/notification/events.ts';
import { RETRY, type RetryPolicy } from '../../src/domain/policy/retry.ts';
import type { BatchId, DeliveryId, StreamName, SubjectId } from '../../src/domain/values/ids.ts';
import { batches } from '../../src/processes/batches/process.ts';
import type { BatchFacts, DispatchPorts, Localised, ProfileFacts } from '../../src/processes/dispatch/ports.ts';
import { dispatch } from '../../src/processes/dispatch/process.ts';
import type { Provider } from '../../src/processes/dispatch/provider.ts';
import { fakeProvider, type FakeProvider } from './fakeProvider.ts';
import { openHouse, type House } from './house.ts';
import { memoryActions, type MemoryActions } from './memoryActions.ts';
import { memoryReservations } from './memoryReservations.ts';

/** What the effects of a dispatch stand on, in memory; a test fills it, and lets things happen in between. */
export type DispatchSurroundings = {
  readonly house: House;
  readonly provider: FakeProvider;
  readonly providers: Map<string, FakeProvider>;
  readonly actions: MemoryActions;
  readonly reservations: ReturnType<typeof memoryReservations>;
  readonly profiles: Map<SubjectId, ProfileFacts>;
  readonly batchStates: Map<BatchId, BatchFacts>;
  /** Streams of facts of which an event is set aside. */
  readonly parked: Set<StreamName>;
  readonly templates: Map<string, Localised>;
  readonly files: Map<string, Uint8Array>;
  /** What the watch was told: planned outcomes, and drops by reason. */
  readonly told: {
    readonly planned: Readonly<Record<string, number>>[];
    readonly dropped: (readonly [string, number])[];
    readonly health: boolean[];
  };
  /** Called before each append of a worker: a test lets things happen there. */
  beforeAppend: (writes: readonly EventWrite[], nth: number) => Promise<void> | void;
  beforeFacts: () => Promise<void> | void;
  /** The most messages that were on their way and not recorded. */
  readonly mostUnrecorded: () => number;
  /** Types of the events of workers, one list per append. */
  readonly appends: () => readonly (readonly string[])[];
  readonly ports: DispatchPorts;
};

export type DispatchOptions = {
  readonly provider?: FakeProvider;
  readonly retry?: RetryPolicy;
  readonly leaseMs?: () => number;
  readonly allowlist?: DispatchPorts['allowlist'];
};

export async function openSurroundings({
  provider = fakeProvider(),
  retry = RETRY,
  leaseMs,
  allowlist,
}: DispatchOptions): Promise<DispatchSurroundings> {
  const house = await openHouse();
  const actions = memoryActions({
    processes: [dispatch, batches],
    now: () => house.clock.now(),
    newId: () => house.ids.uuid(),
    ...(leaseMs === undefined ? {} : { leaseMs }),
  });
  const unrecorded = countUnrecorded();
  const appended: (readonly string[])[] = [];
  let nth = 0;
  const log: EventLog = {
    read: (streams) => house.log.read(streams),
    append: async (writes) => {
      await around.beforeAppend(writes, nth++);
      const results = await house.log.append(writes);
      for (const [place, { events }] of writes.entries()) {
        if (results[place]?.ok !== true) continue;
        appended.push(events.map(({ type }) => type));
        unrecorded.recorded(events as readonly NotificationEvent[]);
      }
      return results;
    },
  };
  const around: Omit<DispatchSurroundings, 'ports'> = {
    house,
    provider,
    providers: new Map([[provider.id, provider]]),
    actions,
    reservations: memoryReservations(),
    profiles: new Map(),
    batchStates: new Map(),
    parked: new Set(),
    templates: new Map(),
    files: new Map(),
    told: { planned: [], dropped: [], health: [] },
    beforeAppend: () => undefined,
    beforeFacts: () => undefined,
    mostUnrecorded: unrecorded.most,
    appends: () => appended,
  };
  const given: Given = { around, log, watched: unrecorded.watched, retry };
  return Object.assign(around, { ports: { ...portsOf(given), ...(allowlist === undefined ? {} : { allowlist }) } });
}

type Given = {
  readonly around: Omit<DispatchSurroundings, 'ports'>;
  readonly log: EventLog;
  readonly watched: (it: FakeProvider) => Provider;
  readonly retry: RetryPolicy;
};

const found = <K, V>(all: ReadonlyMap<K, V>, keys: readonly K[]): ReadonlyMap<K, V> =>
  new Map(keys.flatMap((key) => (all.has(key) ? [[key, all.get(key)!] as const] : [])));

const portsOf = ({ around, log, watched, retry }: Given): DispatchPorts => {
  const { house, providers, told } = around;
  return {
    log,
    vault: house.vault,
    indexes: house.indexes,
    clock: house.clock,
    random: () => 0.5,
    claims: around.actions,
    facts: {
      profiles: async (_, subjects) => found(around.profiles, subjects),
      batches: async (_, ids) => {
        await around.beforeFacts();
        return found(around.batchStates, ids);
      },
      parked: async (streams) => new Set(streams.filter((it) => around.parked.has(it))),
    },
    material: {
      template: async (_, key, version) => around.templates.get(`${key} ${String(version)}`),
      sender: async () => ({ emailFrom: 'Shop <shop@example.com>', locale: 'en', timeZone: 'UTC' }),
      files: async (_, ids) => found(around.files, ids),
    },
    reservations: around.reservations,
    providers: {
      choose: ({ bound }) => watched((bound === undefined ? undefined : providers.get(bound)) ?? [...providers.values()][0]!),
      longestDeadlineMs: 5_000,
      report: (_, healthy) => told.health.push(healthy),
    },
    renderer: createRenderer(),
    retry,
    pauseRecheckMs: 900_000,
    pause: async (ms) => house.clock.advance(ms),
    watch: {
      planned: (outcomes) => told.planned.push(outcomes),
      handedOff: () => undefined,
      dropped: (why, number) => told.dropped.push([why, number]),
    },
  };
};

/** Messages that a provider was given and of which the log does not know what became. */
function countUnrecorded() {
  const unrecorded = new Map<string, number>();
  let most = 0;
  const count = (delivery: DeliveryId, by: number): void => {
    unrecorded.set(delivery, Math.max(0, (unrecorded.get(delivery) ?? 0) + by));
    most = Math.max(
      most,
      [...unrecorded.values()].reduce((sum, one) => sum + one, 0),
    );
  };
  const watching = new Map<FakeProvider, Provider>();
  return {
    most: () => most,
    recorded: (events: readonly NotificationEvent[]): void => {
      for (const delivery of recordedIn(events)) count(delivery, -1);
    },
    /** One for each, however often it is asked for. */
    watched: (it: FakeProvider): Provider => {
      const known = watching.get(it) ?? {
        ...it,
        send: (messages, signal) => {
          for (const { deliveryId } of messages) count(deliveryId, 1);
          return it.send(messages, signal);
        },
      };
      watching.set(it, known);
      return known;
    },
  };
}

const recordedIn = (events: readonly NotificationEvent[]): readonly DeliveryId[] =>
  events.flatMap((event) =>
    event.type === 'HandOffRecorded'
      ? event.data.results.flatMap(({ items }) => items.map((n) => deliveryIdOf(event.data.notificationId, n)))
      : [],
  );
