import { isRejection } from '../../src/domain/kernel/rejection.ts';
import { absent, evolve, type RequestedNotification } from '../../src/domain/notification/evolve.ts';
import { notification, type NotificationCommand } from '../../src/domain/notification/notification.ts';
import type { InlinePerson, NotificationEvent, NotificationRequested, RequestedRecipient } from '../../src/domain/notification/events.ts';
import type { Profile } from '../../src/domain/recipient/events.ts';
import type { NotificationId, SubjectId } from '../../src/domain/values/ids.ts';
import type { Content } from '../../src/domain/values/content.ts';
import type { Message, OwnPart, Terms } from '../../src/domain/values/message.ts';
import { streamOf } from '../../src/domain/values/streams.ts';
import { dispatchEffect } from '../../src/processes/dispatch/effects.ts';
import type { ActionKind, Claim, Effect } from '../../src/processes/process.ts';
import { openSurroundings, type DispatchOptions, type DispatchSurroundings } from './dispatchSurroundings.ts';
import { ACME } from './house.ts';
import { requested } from './notifications.ts';

export const CONTENT: Content = { email: { subject: 'Hello {{ name }}', text: 'Hi {{ name }}' }, sms: { text: 'Hi {{ name }}' } };

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

/** What a test does with it. */
type Verbs = {
  readonly effect: Effect;
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
};
export type DispatchBench = DispatchSurroundings & Verbs;

export async function openDispatch(options: DispatchOptions = {}): Promise<DispatchBench> {
  const around = await openSurroundings(options);
  const { house, actions, ports } = around;
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

  let consumed = 0;
  const verbs: Verbs = {
    effect,
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
      around.profiles.set(of, { version, profile: sealed!, endpoints: {} });
    },
    consume: async () => {
      const all = await house.recorded();
      if (all.length > consumed) actions.consume(all.slice(consumed));
      consumed = all.length;
    },
    claim: async (kind) => {
      await verbs.consume();
      return actions.claim(kind);
    },
    work: async (kind) => {
      const claim = await verbs.claim(kind);
      if (claim === undefined) return false;
      try {
        actions.finish(claim.id, await effect(claim, new AbortController().signal));
      } catch (error) {
        actions.putOff(claim.id);
        throw error;
      } finally {
        await verbs.consume();
      }
      return true;
    },
    drain: async () => {
      for (let rounds = 0; rounds < 200; rounds += 1) {
        const worked = [];
        for (const kind of ['plan', 'handOff', 'recover'] as const) worked.push(await verbs.work(kind));
        if (!worked.some(Boolean)) return;
      }
      throw new Error('it never comes to an end');
    },
    onwards: async (times = 1) => {
      for (let time = 0; time < times; time += 1) {
        const next = actions.nextDue();
        if (next === undefined) return;
        if (next > house.clock.now()) house.clock.set(next);
        await verbs.drain();
      }
    },
    state: stateOf,
    statuses: async (id) => Object.fromEntries([...(await stateOf(id)).deliveries].map(([n, { status }]) => [n, status])),
    events: async (id) => (await eventsOf(id)).map(({ event }) => event),
  };
  return Object.assign(around, verbs);
}
