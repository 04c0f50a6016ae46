import { isRejection, reject, type Rejection } from '../domain/kernel/rejection.ts';
import { PortError } from '../domain/kernel/portError.ts';
import { indexOf } from '../domain/notification/delivery.ts';
import type { NotificationEvent } from '../domain/notification/events.ts';
import type { Notification, RequestedNotification } from '../domain/notification/evolve.ts';
import type { NotificationCode, NotificationCommand } from '../domain/notification/notification.ts';
import { planAtOf } from '../domain/policy/wallTime.ts';
import type { KeyedHash, NotificationId, Position, TenantId } from '../domain/values/ids.ts';
import { epochMsOf } from '../domain/values/instant.ts';
import type { Schedule } from '../domain/values/schedule.ts';
import { streamOf } from '../domain/values/streams.ts';
import { foldNotification } from './foldNotification.ts';
import { contextOf, partOf, type Caller, type ContextPorts } from './caller.ts';
import { handleMany, type Outcome } from './handle.ts';
import type { EventLog, Subjects } from './ports.ts';
import { NOTIFICATION } from './registry.ts';

export type ControlPorts = ContextPorts & {
  readonly log: EventLog;
  readonly subjects: Subjects;
  /** Ids by the caller's `key` (hashed), after the look-up has passed the head that was read on arrival. */
  readonly findByKey: (tenant: TenantId, key: KeyedHash) => Promise<readonly NotificationId[]>;
  /** Waits this many milliseconds on the service's clock. */
  readonly pause: (ms: number) => Promise<void>;
};
/** `cancelled`, `alreadySent`: counts of deliveries; `pending`: what is in flight did not settle in time. */
export type Cancellation = {
  readonly cancelled: number;
  readonly alreadySent: number;
  readonly pending: boolean;
  readonly position?: Position;
};
type Refusal = Rejection<NotificationCode | 'notification_not_found'>;
type Handled = Outcome<Notification, NotificationEvent, NotificationCode>;

/** How long an answer waits for hand-offs in flight; past it the answer is `pending`, never a false "cancelled". */
const SETTLE_MS = 5000;
const LOOK_AGAIN_MS = 50;

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

  async function cancel(caller: Caller, id: NotificationId, reason?: string): Promise<Cancellation | Refusal> {
    const [outcome] = await send(caller, 'cancel', [id], () => ({
      type: 'CancelNotification',
      data: { now: now(), ...(reason === undefined ? {} : { reason }) },
    }));
    if (outcome instanceof PortError) throw outcome;
    if (outcome !== undefined && isRejection<NotificationCode>(outcome)) return outcome;
    return settled(caller.tenant, [id], outcome?.position);
  }

  /** Everything that was requested under the caller's key; of some recipients only, where they are named. */
  async function cancelByKey(
    caller: Caller,
    input: { readonly key: string; readonly recipientIds?: readonly string[]; readonly reason?: string },
  ): Promise<Cancellation | Refusal> {
    const { tenant } = caller;
    const [hash] = await ports.indexes.hash(tenant, 'key', [input.key]);
    const ids = hash === undefined ? [] : await ports.findByKey(tenant, hash);
    if (ids.length === 0) return reject('notification_not_found', 'nothing was requested under this key');
    const places = input.recipientIds === undefined ? undefined : await placesOf(tenant, ids, input.recipientIds);
    const reason = input.reason === undefined ? {} : { reason: input.reason };
    const concerned = places === undefined ? ids : ids.filter((id) => (places.get(id) ?? []).length > 0);
    const outcomes = await send(caller, 'cancel', concerned, (id) => {
      const recipients = places?.get(id);
      return { type: 'CancelNotification', data: { now: now(), ...reason, ...(recipients === undefined ? {} : { recipients }) } };
    });
    const failed = outcomes.find((it) => it instanceof PortError);
    if (failed !== undefined) throw failed;
    const done = outcomes.flatMap((it) => (it instanceof PortError || isRejection<NotificationCode>(it) ? [] : [it]));
    if (done.length === 0) return reject('nothing_to_cancel', 'every delivery has been sent or has ended; there is nothing left to cancel');
    const position = done
      .map((it) => it.position)
      .filter((it) => it !== undefined)
      .sort()
      .at(-1);
    return settled(tenant, concerned, position, places);
  }

  /** Where these people stand in each notification. */
  async function placesOf(
    tenant: TenantId,
    ids: readonly NotificationId[],
    recipientIds: readonly string[],
  ): Promise<ReadonlyMap<NotificationId, readonly number[]>> {
    const found = await ports.subjects.find(
      tenant,
      recipientIds.map((recipientId) => ({ recipientId })),
    );
    const wanted = new Set<string>(found.filter((it) => it !== 'erased' && it !== 'unknown'));
    const states = await load(tenant, ids);
    return new Map(
      [...states].map(([id, state]) => [id, state.requested.recipients.filter((it) => wanted.has(it.subject)).map((it) => it.index)]),
    );
  }

  async function load(tenant: TenantId, ids: readonly NotificationId[]): Promise<ReadonlyMap<NotificationId, RequestedNotification>> {
    const streams = await ports.log.read<NotificationEvent>(ids.map((id) => streamOf('notification', tenant, id)));
    return new Map(
      ids.flatMap((id) => {
        const state = foldNotification(streams.get(streamOf('notification', tenant, id)) ?? []);
        return state === undefined ? [] : [[id, state] as const];
      }),
    );
  }

  /** Waits until no start is open within its `until`: then what the log says of a delivery is final. Bounded. */
  async function settled(
    tenant: TenantId,
    ids: readonly NotificationId[],
    position?: Position,
    places?: ReadonlyMap<NotificationId, readonly number[]>,
  ): Promise<Cancellation> {
    const deadline = ports.clock.epochMs() + SETTLE_MS;
    for (;;) {
      const states = await load(tenant, ids);
      const deliveries = [...states].flatMap(([id, state]) =>
        [...state.deliveries.values()].filter((it) => places?.get(id)?.includes(indexOf(it.n)) ?? true),
      );
      const open = deliveries.filter((it) => it.status === 'open');
      const count = (...statuses: readonly string[]): number => deliveries.filter((it) => statuses.includes(it.status)).length;
      const answer = {
        cancelled: count('cancelled'),
        alreadySent: count('sent', 'unknown'),
        ...(position === undefined ? {} : { position }),
      };
      if (open.every((it) => it.until === undefined || epochMsOf(it.until) <= ports.clock.epochMs()))
        return { ...answer, pending: open.length > 0 };
      if (ports.clock.epochMs() >= deadline) return { ...answer, pending: true };
      await ports.pause(LOOK_AGAIN_MS);
    }
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
