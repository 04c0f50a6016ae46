import { createRenderer } from '../../src/adapters/templating/renderer.ts';
import type { EventLog, EventWrite } from '../../src/commands/ports.ts';
import { isRejection } from '../../src/domain/kernel/rejection.ts';
import { absent, evolve, type RequestedNotification } from '../../src/domain/notification/evolve.ts';
import { notification, type NotificationCommand } from '../../src/domain/notification/notification.ts';
import type { InlinePerson, NotificationEvent, NotificationRequested, RequestedRecipient } from '../../src/domain/notification/events.ts';
import { deliveryIdOf } from '../../src/domain/notification/delivery.ts';
import type { Profile } from '../../src/domain/recipient/events.ts';
import { RETRY, type RetryPolicy } from '../../src/domain/policy/retry.ts';
import type { BatchId, DeliveryId, NotificationId, StreamName, SubjectId } from '../../src/domain/values/ids.ts';
import type { Content } from '../../src/domain/values/content.ts';
import type { Message, OwnPart, Terms } from '../../src/domain/values/message.ts';
import { streamOf } from '../../src/domain/values/streams.ts';
import { batches } from '../../src/processes/batches/process.ts';
import { dispatchEffect } from '../../src/processes/dispatch/effects.ts';
import type {
  BatchFacts,
  DispatchPorts,
  Holder,
  Localised,
  ProfileFacts,
  ReservationRequest,
  Reservations,
} from '../../src/processes/dispatch/ports.ts';
import { dispatch } from '../../src/processes/dispatch/process.ts';
import type { Outgoing, Provider, SendResult } from '../../src/processes/dispatch/provider.ts';
import type { ActionKind, Claim, Effect } from '../../src/processes/process.ts';
import { ACME, openHouse, type House } from './house.ts';
import { memoryActions, type MemoryActions } from './memoryActions.ts';
import { requested } from './notifications.ts';

/** A provider that does what the test says, and writes down all that it took. */
export type FakeProvider = Provider & {
  /** What it took, in order: a known key is not taken twice where it takes keys. */
  readonly ledger: Outgoing[];
  /** Sizes of the calls. */
  readonly calls: number[];
  /** The answer to a message; undefined: accepted. It may await what the test wants to happen meanwhile. */
  script: (message: Outgoing, call: number, signal?: AbortSignal) => SendResult | undefined | Promise<SendResult | undefined>;
  /** A message that is answered so was taken all the same. */
  tookAnyway: (message: Outgoing) => boolean;
};

export function fakeProvider(more: Partial<Pick<Provider, 'id' | 'takesKeys' | 'deadlineMs' | 'window'>> = {}): FakeProvider {
  const keys = new Set<string>();
  const it: FakeProvider = {
    id: 'smtp',
    channels: ['email', 'sms', 'push', 'in_app', 'webhook', 'wallet'],
    takesKeys: false,
    deadlineMs: 5_000,
    window: 10,
    ledger: [],
    calls: [],
    script: () => undefined,
    tookAnyway: () => false,
    send: async (messages, signal) => {
      const call = it.calls.push(messages.length) - 1;
      const results: SendResult[] = [];
      for (const message of messages) {
        const said = await it.script(message, call, signal);
        const isKnown = it.takesKeys && keys.has(message.key);
        if ((said === undefined || said.outcome === 'accepted' || it.tookAnyway(message)) && !isKnown) {
          it.ledger.push(message);
          keys.add(message.key);
        }
        results.push(said ?? { outcome: 'accepted', providerMessageId: `id of ${message.key}` });
      }
      return results;
    },
    close: async () => undefined,
    ...more,
  };
  return it;
}

/** Reservations as the table has them, in memory. */
export function memoryReservations(): Reservations & { readonly held: ReadonlyMap<string, Holder> } {
  const held = new Map<string, Holder>();
  return {
    held,
    reserve: async (wanted, now) =>
      wanted.map(({ tenant, key, delivery, until, over }: ReservationRequest) => {
        const place = `${tenant} ${key}`;
        const holder = held.get(place);
        const isVain = over !== undefined && holder?.delivery === over.delivery && holder.until === over.until;
        if (holder !== undefined && holder.until > now && holder.delivery !== delivery && !isVain) return holder;
        held.set(place, { delivery, until });
        return 'reserved';
      }),
  };
}

type PersonOf = { readonly name: string; readonly person?: InlinePerson | null; readonly own?: OwnPart };
export type Asked = {
  readonly people?: number | readonly PersonOf[];
  readonly terms?: Partial<Terms>;
  readonly content?: Content;
  readonly message?: Partial<Message>;
  readonly data?: Partial<NotificationRequested['data']>;
  /** Of the messages of all recipients under one key of one person. */
  readonly sole?: boolean;
};
export type DispatchBench = {
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
  readonly effect: Effect;
  readonly ports: DispatchPorts;
  readonly request: (asked?: Asked) => Promise<NotificationId>;
  readonly command: (id: NotificationId, command: NotificationCommand) => Promise<void>;
  readonly subject: (name: string) => Promise<SubjectId>;
  readonly profile: (name: string, profile: Partial<Profile>, version?: number) => Promise<void>;
  readonly consume: () => Promise<void>;
  /** One claimed group from claim to end; false: nothing of the kind is due. What it throws is thrown. */
  readonly work: (kind: ActionKind) => Promise<boolean>;
  readonly claim: (kind: ActionKind) => Promise<Claim | undefined>;
  /** All that is due now, until nothing is. */
  readonly drain: () => Promise<void>;
  /** On to the instant of the next action, and all that is due then; so often. */
  readonly onwards: (times?: number) => Promise<void>;
  readonly state: (id: NotificationId) => Promise<RequestedNotification>;
  readonly statuses: (id: NotificationId) => Promise<Readonly<Record<number, string>>>;
  readonly events: (id: NotificationId) => Promise<readonly NotificationEvent[]>;
  /** Types of its events, one list per append. */
  readonly appends: () => readonly (readonly string[])[];
};

export async function openDispatch(
  more: {
    readonly provider?: FakeProvider;
    readonly retry?: RetryPolicy;
    readonly leaseMs?: () => number;
    readonly allowlist?: DispatchPorts['allowlist'];
  } = {},
): Promise<DispatchBench> {
  const house = await openHouse();
  const provider = more.provider ?? fakeProvider();
  const providers = new Map([[provider.id, provider]]);
  const actions = memoryActions({
    processes: [dispatch, batches],
    now: () => house.clock.now(),
    newId: () => house.ids.uuid(),
    ...(more.leaseMs === undefined ? {} : { leaseMs: more.leaseMs }),
  });
  const reservations = memoryReservations();
  const [profiles, batchStates, templates, files] = [
    new Map<SubjectId, ProfileFacts>(),
    new Map<BatchId, BatchFacts>(),
    new Map<string, Localised>(),
    new Map<string, Uint8Array>(),
  ];
  const parked = new Set<StreamName>();
  const told: DispatchBench['told'] = { planned: [], dropped: [], health: [] };
  const unrecorded = new Map<string, number>();
  const appended: (readonly string[])[] = [];
  let [most, nth, consumed] = [0, 0, 0];

  const count = (delivery: DeliveryId, by: number): void => {
    unrecorded.set(delivery, Math.max(0, (unrecorded.get(delivery) ?? 0) + by));
    most = Math.max(
      most,
      [...unrecorded.values()].reduce((sum, one) => sum + one, 0),
    );
  };
  const log: EventLog = {
    read: (streams) => house.log.read(streams),
    append: async (writes) => {
      await bench.beforeAppend(writes, nth++);
      const results = await house.log.append(writes);
      for (const [place, { events }] of writes.entries()) {
        if (results[place]?.ok !== true) continue;
        appended.push(events.map(({ type }) => type));
        for (const delivery of recordedIn(events as readonly NotificationEvent[])) count(delivery, -1);
      }
      return results;
    },
  };
  const watched = (it: FakeProvider): Provider => ({
    ...it,
    send: (messages, signal) => {
      for (const { deliveryId } of messages) count(deliveryId, 1);
      return it.send(messages, signal);
    },
  });
  const watching = new Map<FakeProvider, Provider>();
  const watchedOnce = (it: FakeProvider): Provider => {
    const known = watching.get(it) ?? watched(it);
    watching.set(it, known);
    return known;
  };

  const ports: DispatchPorts = {
    log,
    vault: house.vault,
    indexes: house.indexes,
    clock: house.clock,
    random: () => 0.5,
    claims: actions,
    facts: {
      profiles: async (_, subjects) => new Map(subjects.flatMap((it) => (profiles.has(it) ? [[it, profiles.get(it)!] as const] : []))),
      batches: async (_, ids) => {
        await bench.beforeFacts();
        return new Map(ids.flatMap((it) => (batchStates.has(it) ? [[it, batchStates.get(it)!] as const] : [])));
      },
      parked: async (streams) => new Set(streams.filter((it) => parked.has(it))),
    },
    material: {
      template: async (_, key, version) => templates.get(`${key} ${String(version)}`),
      sender: async () => ({ emailFrom: 'Shop <shop@example.com>', locale: 'en', timeZone: 'UTC' }),
      files: async (_, ids) => new Map(ids.flatMap((id) => (files.has(id) ? [[id, files.get(id)!] as const] : []))),
    },
    reservations,
    providers: {
      choose: ({ bound }) => watchedOnce((bound === undefined ? undefined : providers.get(bound)) ?? [...providers.values()][0]!),
      longestDeadlineMs: 5_000,
      report: (_, healthy) => told.health.push(healthy),
    },
    renderer: createRenderer(),
    retry: more.retry ?? RETRY,
    pauseRecheckMs: 900_000,
    pause: async (ms) => house.clock.advance(ms),
    watch: {
      planned: (outcomes) => told.planned.push(outcomes),
      handedOff: () => undefined,
      dropped: (why, number) => told.dropped.push([why, number]),
    },
    ...(more.allowlist === undefined ? {} : { allowlist: more.allowlist }),
  };
  const effect = dispatchEffect(ports);
  const stream = (id: NotificationId) => streamOf('notification', ACME, id);
  const eventsOf = async (id: NotificationId) => (await house.log.read<NotificationEvent>([stream(id)])).get(stream(id)) ?? [];
  const stateOf = async (id: NotificationId): Promise<RequestedNotification> => {
    const state = (await eventsOf(id)).reduce((so, { event }) => evolve(so, event), absent());
    if (state.status === 'absent') throw new Error('there is no such notification');
    return state;
  };
  const envelope = () => {
    const id = house.ids.uuid();
    return {
      commandId: id,
      correlationId: 'correlation',
      causationId: id,
      actor: { kind: 'system', id: 'test' },
      occurredAt: house.clock.now(),
    } as const;
  };
  const subject = async (name: string): Promise<SubjectId> => {
    const [found] = await house.subjects.resolve(ACME, [{ recipientId: name }]);
    if (found === undefined || found === 'erased') throw new Error('erased');
    return found;
  };

  const bench: DispatchBench = {
    house,
    provider,
    providers,
    actions,
    reservations,
    profiles,
    batchStates,
    parked,
    templates,
    files,
    told,
    beforeAppend: () => undefined,
    beforeFacts: () => undefined,
    mostUnrecorded: () => most,
    effect,
    ports,
    subject,
    request: async ({ people = 1, terms = {}, content = CONTENT, message = {}, data = {}, sole = false } = {}) => {
      const id = house.ids.uuid() as NotificationId;
      const named =
        typeof people === 'number' ? Array.from({ length: people }, (_, index): PersonOf => ({ name: `p${String(index)}` })) : people;
      const recipients = await Promise.all(
        named.map(async ({ name, person = { email: `${name}@example.com` }, own }, index): Promise<RequestedRecipient> => ({
          index,
          subject: await subject(name),
          ...(person === null ? {} : { person: { open: person } }),
          ...(own === undefined ? {} : { own: { open: own } }),
        })),
      );
      const now = house.clock.now();
      const event = requested({
        terms,
        data: {
          notificationId: id,
          requestedAt: now,
          recipients,
          ...(sole ? { soleSubject: recipients[0]!.subject } : {}),
          message: { open: { content, variables: {}, attachments: [], metadata: {}, ...message } },
          planAt: now,
          ...data,
        },
      });
      const [result] = await house.log.append([{ stream: stream(id), at: 'absent', events: [event], envelope: envelope() }]);
      if (result?.ok !== true) throw new Error('the request was not appended', { cause: result });
      return id;
    },
    command: async (id, command) => {
      const [state, events] = [await stateOf(id), await eventsOf(id)];
      const decision = notification.decide(command, state);
      if (isRejection(decision)) throw new Error(decision.rejected);
      if (decision.length === 0) return;
      const [result] = await house.log.append([{ stream: stream(id), at: events.length - 1, events: decision, envelope: envelope() }]);
      if (result?.ok !== true) throw new Error('the command was not appended');
    },
    profile: async (name, profile, version = 1) => {
      const of = await subject(name);
      const value: Profile = { attributes: {}, tags: [], ...profile };
      const [sealed] = await house.vault.seal([
        {
          value,
          tenant: ACME,
          subject: of,
          class: 'identity',
          period: house.clock.now().slice(0, 7),
          aad: `profile ${name} ${String(version)}`,
        },
      ]);
      profiles.set(of, { version, profile: sealed!, endpoints: {} });
    },
    consume: async () => {
      const all = await house.recorded();
      if (all.length > consumed) actions.consume(all.slice(consumed));
      consumed = all.length;
    },
    claim: async (kind) => {
      await bench.consume();
      return actions.claim(kind);
    },
    work: async (kind) => {
      const claim = await bench.claim(kind);
      if (claim === undefined) return false;
      try {
        actions.finish(claim.id, await effect(claim, new AbortController().signal));
      } catch (error) {
        actions.putOff(claim.id);
        throw error;
      } finally {
        await bench.consume();
      }
      return true;
    },
    drain: async () => {
      for (let rounds = 0; rounds < 200; rounds += 1) {
        const worked = [];
        for (const kind of ['plan', 'handOff', 'recover'] as const) worked.push(await bench.work(kind));
        if (!worked.some(Boolean)) return;
      }
      throw new Error('it never comes to an end');
    },
    onwards: async (times = 1) => {
      for (let time = 0; time < times; time += 1) {
        const next = actions.nextDue();
        if (next === undefined) return;
        if (next > house.clock.now()) house.clock.set(next);
        await bench.drain();
      }
    },
    state: stateOf,
    statuses: async (id) => Object.fromEntries([...(await stateOf(id)).deliveries].map(([n, { status }]) => [n, status])),
    events: async (id) => (await eventsOf(id)).map(({ event }) => event),
    appends: () => appended,
  };
  return bench;
}

const recordedIn = (events: readonly NotificationEvent[]): readonly DeliveryId[] =>
  events.flatMap((event) =>
    event.type === 'HandOffRecorded'
      ? event.data.results.flatMap(({ items }) => items.map((n) => deliveryIdOf(event.data.notificationId, n)))
      : [],
  );

export const CONTENT: Content = { email: { subject: 'Hello {{ name }}', text: 'Hi {{ name }}' }, sms: { text: 'Hi {{ name }}' } };
