import { isRejection, reject, type Rejection } from '../domain/kernel/rejection.ts';
import { PortError } from '../domain/kernel/portError.ts';
import { present } from '../domain/kernel/present.ts';
import type { NotificationEvent } from '../domain/notification/events.ts';
import type { Notification, RequestedNotification } from '../domain/notification/evolve.ts';
import type { NotificationCode, NotificationCommand } from '../domain/notification/notification.ts';
import { planAtOf } from '../domain/policy/wallTime.ts';
import type { KeyedHash, NotificationId, Position, TenantId } from '../domain/values/ids.ts';
import type { Schedule } from '../domain/values/schedule.ts';
import { contextOf, partOf, type Caller, type ContextPorts } from './caller.ts';
import { handleMany, type Outcome } from './handle.ts';
import type { Subjects } from './ports.ts';
import { NOTIFICATION } from './registry.ts';
import { readNotifications, settlingHandOffs, type Concerned, type Settled, type SettlingPorts, type States } from './settlingHandOffs.ts';

export type ControlPorts = ContextPorts &
  SettlingPorts & {
    readonly subjects: Subjects;
    /** A page of ids by the caller's `key` (hashed), after the look-up has passed the head that was read on arrival; empty behind the last. */
    readonly findByKey: (tenant: TenantId, key: KeyedHash, after?: NotificationId) => Promise<readonly NotificationId[]>;
  };
export type Cancellation = Settled & { readonly position?: Position };
/** `signal`: nobody waits for the answer any more. */
type Told = { readonly reason?: string; readonly signal?: AbortSignal };
type Refusal = Rejection<NotificationCode | 'notification_not_found'>;
type Handled = Outcome<Notification, NotificationEvent, NotificationCode>;

/** Notifications that are cancelled in one go: each may hold 500 recipients. */
const AT_ONCE = 100;
/** A cancellation by key ends after so many milliseconds; what it came to stays cancelled. */
const CANCEL_MS = 30_000;
const unfinished = (): PortError =>
  new PortError('unavailable', 'cancel_unfinished', 'not all that was requested under the key was come to: ask again');

/** Cancel, reschedule and redrive notifications (docs/architecture.md, step 5). */
export function notificationControls(ports: ControlPorts) {
  const commands = handleMany(ports.log, NOTIFICATION);

  async function send(
    caller: Caller,
    route: string,
    ids: readonly NotificationId[],
    make: (id: NotificationId) => NotificationCommand,
  ): Promise<readonly Handled[]> {
    const context = await contextOf(ports, caller, route);
    return commands(ids.map((id, place) => ({ id, input: make(id), context: partOf(context, place) })));
  }
  const now = (): ReturnType<ContextPorts['clock']['now']> => ports.clock.now();

  async function cancel(caller: Caller, id: NotificationId, { reason, signal }: Told = {}): Promise<Cancellation | Refusal> {
    const [outcome] = await send(caller, 'cancel', [id], () => ({
      type: 'CancelNotification',
      data: { now: now(), ...present({ reason }) },
    }));
    if (outcome instanceof PortError) throw outcome;
    if (outcome !== undefined && isRejection<NotificationCode>(outcome)) return outcome;
    const settling = settlingHandOffs(ports, caller.tenant);
    await settling.count(new Map([[id, undefined]]), statesIn([id], [outcome]));
    return { ...(await settling.end(signal)), ...present({ position: outcome?.position }) };
  }

  /** Everything that was requested under the caller's key; of some recipients only, where they are named. */
  async function cancelByKey(
    caller: Caller,
    input: { readonly key: string; readonly recipientIds?: readonly string[] },
    { reason, signal }: Told = {},
  ): Promise<Cancellation | Refusal> {
    const { tenant } = caller;
    const [hash] = await ports.indexes.hash(tenant, 'key', [input.key]);
    const wanted = input.recipientIds && (await subjectsOf(tenant, input.recipientIds));
    const settling = settlingHandOffs(ports, tenant);
    const said = outcomesSaid();
    const until = ports.clock.epochMs() + CANCEL_MS;
    let found = 0;
    for await (const ids of hash === undefined ? [] : requestedUnder(tenant, hash)) {
      if (signal?.aborted === true || ports.clock.epochMs() >= until) throw unfinished();
      found += ids.length;
      const concerned = await concernedOf(tenant, ids, wanted);
      const outcomes = await send(caller, 'cancel', [...concerned.keys()], (id) => ({
        type: 'CancelNotification',
        data: { now: now(), ...present({ reason, recipients: concerned.get(id) }) },
      }));
      said.add(outcomes);
      await settling.count(concerned, statesIn([...concerned.keys()], outcomes));
    }
    if (found === 0) return reject('notification_not_found', 'nothing was requested under this key');
    if (!said.anyDone()) return reject('nothing_to_cancel', 'every delivery has been sent or has ended; there is nothing left to cancel');
    return { ...(await settling.end(signal)), ...present({ position: said.position() }) };
  }

  /** In pieces that are small enough to be worked on at once. */
  async function* requestedUnder(tenant: TenantId, key: KeyedHash): AsyncIterable<readonly NotificationId[]> {
    for (let ids = await ports.findByKey(tenant, key); ids.length > 0; ids = await ports.findByKey(tenant, key, ids.at(-1)))
      for (let at = 0; at < ids.length; at += AT_ONCE) yield ids.slice(at, at + AT_ONCE);
  }

  async function subjectsOf(tenant: TenantId, recipientIds: readonly string[]): Promise<ReadonlySet<string>> {
    const found = await ports.subjects.find(
      tenant,
      recipientIds.map((recipientId) => ({ recipientId })),
    );
    return new Set<string>(found.filter((it) => it !== 'erased' && it !== 'unknown'));
  }

  /** Those of the notifications that concern these people, with where they stand in each. */
  async function concernedOf(tenant: TenantId, ids: readonly NotificationId[], wanted?: ReadonlySet<string>): Promise<Concerned> {
    if (wanted === undefined) return new Map(ids.map((id) => [id, undefined]));
    const states = await readNotifications(ports.log, tenant, ids);
    return new Map(
      [...states].flatMap(([id, { requested }]) => {
        const places = requested.recipients.filter((it) => wanted.has(it.subject)).map((it) => it.index);
        return places.length === 0 ? [] : [[id, places] as const];
      }),
    );
  }

  async function reschedule(
    caller: Caller,
    id: NotificationId,
    schedule: Schedule,
  ): Promise<{ readonly moved: number; readonly position?: Position } | Refusal> {
    const [outcome] = await send(caller, 'reschedule', [id], () => ({
      type: 'RescheduleNotification',
      data: { now: now(), schedule, planAt: planAtOf(schedule, now()) },
    }));
    return countOf(outcome, 'NotificationRescheduled');
  }

  /** Dead letters of one notification, all or by delivery, on their way again. */
  async function redrive(
    caller: Caller,
    id: NotificationId,
    items?: readonly number[],
    reason?: string,
  ): Promise<{ readonly moved: number; readonly position?: Position } | Refusal> {
    const more = { ...(items === undefined ? {} : { items }), ...(reason === undefined ? {} : { reason }) };
    const [outcome] = await send(caller, 'redrive', [id], () => ({ type: 'RedriveDeliveries', data: { now: now(), ...more } }));
    return countOf(outcome, 'DeliveriesRedriven');
  }

  return { cancel, cancelByKey, reschedule, redrive };
}

function countOf(
  outcome: Handled | undefined,
  type: 'NotificationRescheduled' | 'DeliveriesRedriven',
): { readonly moved: number; readonly position?: Position } | Refusal {
  if (outcome === undefined) throw new PortError('unavailable', 'no_outcome', 'the log gave no outcome');
  if (outcome instanceof PortError) throw outcome;
  if (isRejection<NotificationCode>(outcome)) return outcome;
  const moved = outcome.events.reduce((sum, event) => sum + (event.type === type ? event.data.items.length : 0), 0);
  return { moved, ...(outcome.position === undefined ? {} : { position: outcome.position }) };
}

/** As commands have left them; without those that were refused or failed, and what an earlier try of the same command had left, which is older. */
function statesIn(ids: readonly NotificationId[], outcomes: readonly (Handled | undefined)[]): States {
  const states = new Map<NotificationId, RequestedNotification>();
  for (const [at, id] of ids.entries()) {
    const it = outcomes[at];
    if (it === undefined || it instanceof PortError || isRejection<NotificationCode>(it) || it.repeated) continue;
    if (it.state.status === 'requested') states.set(id, it.state);
  }
  return states;
}

/** What many commands came to. What stands in the way of one keeps no other from being carried out: that is told at the end. */
function outcomesSaid() {
  let failed: PortError | undefined;
  let position: Position | undefined;
  let anyDone = false;
  return {
    add: (outcomes: readonly Handled[]): void => {
      for (const it of outcomes) {
        if (it instanceof PortError) failed ??= it;
        else if (!isRejection<NotificationCode>(it)) {
          anyDone = true;
          if (it.position !== undefined && (position === undefined || position < it.position)) position = it.position;
        }
      }
    },
    /** @throws PortError when one could not be carried out. */
    anyDone: (): boolean => {
      if (failed !== undefined) throw failed;
      return anyDone;
    },
    position: (): Position | undefined => position,
  };
}
