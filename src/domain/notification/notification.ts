import { canonicalJson } from '../kernel/canonicalJson.ts';
import type { Decider, Decision } from '../kernel/decider.ts';
import { KEY_REUSED } from '../kernel/keyReused.ts';
import { open } from '../kernel/personal.ts';
import { reject } from '../kernel/rejection.ts';
import type { Instant } from '../values/instant.ts';
import { indexOf, WORK, type Delivery } from './delivery.ts';
import type { Schedule } from '../values/schedule.ts';
import type { NotificationEvent, NotificationRequested } from './events.ts';
import { absent, evolve, type Notification, type RequestedNotification } from './evolve.ts';
import { recordAnswers, type RecordAnswers } from './handOff.ts';
import { ofNotification, planDeliveries, recoverDeliveries, type PlanDeliveries, type RecoverDeliveries } from './plan.ts';

export type NotificationCommand =
  | { readonly type: 'RequestNotification'; readonly data: NotificationRequested['data'] }
  | { readonly type: 'PlanDeliveries'; readonly data: PlanDeliveries }
  | { readonly type: 'RecoverDeliveries'; readonly data: RecoverDeliveries }
  | { readonly type: 'RecordAnswers'; readonly data: RecordAnswers }
  | { readonly type: 'CancelNotification'; readonly data: CancelNotification }
  | {
      readonly type: 'RescheduleNotification';
      readonly data: { readonly now: Instant; readonly schedule: Schedule; readonly planAt: Instant };
    }
  | { readonly type: 'ReleaseNotification'; readonly data: { readonly now: Instant } }
  | { readonly type: 'RedriveDeliveries'; readonly data: RedriveDeliveries };

/** `recipients`: places in the request; absent: everyone. */
export type CancelNotification = { readonly now: Instant; readonly recipients?: readonly number[]; readonly reason?: string };
/** `items`: deliveries' n; absent: all dead letters of the notification. */
export type RedriveDeliveries = { readonly now: Instant; readonly items?: readonly number[]; readonly reason?: string };

export type NotificationCode =
  'idempotency_key_reused' | 'notification_not_found' | 'nothing_to_cancel' | 'nothing_to_reschedule' | 'nothing_to_redrive';
type Decided = Decision<NotificationEvent, NotificationCode>;

export const notification: Decider<NotificationCommand, Notification, NotificationEvent, NotificationCode> = {
  initial: absent,
  decide,
  evolve,
};

function decide(command: NotificationCommand, state: Notification): Decided {
  if (command.type === 'RequestNotification') return request(command.data, state);
  if (state.status === 'absent') return reject('notification_not_found', 'there is no notification of this id');
  switch (command.type) {
    case 'PlanDeliveries':
      return planDeliveries(command.data, state);
    case 'RecoverDeliveries':
      return recoverDeliveries(command.data, state);
    case 'RecordAnswers':
      return recordAnswers(command.data, state);
    case 'CancelNotification':
      return cancel(command.data, state);
    case 'RescheduleNotification':
      return reschedule(command.data, state);
    case 'ReleaseNotification':
      return release(command.data, state);
    case 'RedriveDeliveries':
      return redrive(command.data, state);
  }
}

/** Its id comes from the caller's idempotency key, so a repeat finds the stream there: same body, nothing new; another, refused. */
function request(data: NotificationRequested['data'], state: Notification): Decided {
  if (state.status === 'absent') return [{ type: 'NotificationRequested', data }];
  if (state.requested.request === data.request) return [];
  return KEY_REUSED;
}

/** Ends what waits; what is in flight is only marked: its result still decides, and no further try is made. */
function cancel({ now, recipients, reason }: CancelNotification, state: RequestedNotification): Decided {
  const chosen = (it: Delivery): boolean => recipients === undefined || recipients.includes(indexOf(it.n));
  const waiting = numbers(state, (it) => chosen(it) && isWaiting(it));
  const inFlight = numbers(state, (it) => chosen(it) && it.status === 'open' && !it.unwanted);
  if (waiting.length + inFlight.length === 0) {
    return numbers(state, (it) => chosen(it) && (it.status === 'cancelled' || it.unwanted)).length > 0
      ? []
      : reject('nothing_to_cancel', 'every delivery has been sent or has ended; there is nothing left to cancel');
  }
  return [
    {
      type: 'NotificationCancelled',
      data: {
        ...ofNotification(state),
        items: waiting,
        open: inFlight,
        cancelledAt: now,
        ...(reason === undefined ? {} : { reason: open(reason) }),
      },
    },
  ];
}

const isWaiting = (it: Delivery): boolean => WORK[it.status] === 'plan' || WORK[it.status] === 'handOff';
const numbers = (state: RequestedNotification, test: (it: Delivery) => boolean): readonly number[] =>
  [...state.deliveries.values()].filter(test).map((it) => it.n);

/** Moves what was never started: what the provider has refused once is on its own clock. To where it is already: nothing new. */
function reschedule(
  { now, schedule, planAt }: { now: Instant; schedule: Schedule; planAt: Instant },
  state: RequestedNotification,
): Decided {
  const items = numbers(state, (it) => isWaiting(it) && it.starts === 0);
  if (items.length === 0)
    return reject('nothing_to_reschedule', 'every delivery has been started or has ended; request a new notification');
  if (state.schedule !== undefined && canonicalJson(state.schedule) === canonicalJson(schedule)) return [];
  return [{ type: 'NotificationRescheduled', data: { ...ofNotification(state), schedule, planAt, items, rescheduledAt: now } }];
}

/** After a pause: what it held back is due now. */
function release({ now }: { now: Instant }, state: RequestedNotification): Decided {
  const items = numbers(state, (it) => it.status === 'deferred' && it.code === 'batch_paused');
  return items.length === 0
    ? []
    : [{ type: 'NotificationRescheduled', data: { ...ofNotification(state), planAt: now, items, rescheduledAt: now } }];
}

const isDeadLetter = (it: Delivery): boolean => it.status === 'failed' || it.status === 'dead' || it.status === 'unknown';
function redrive({ now, items: wanted, reason }: RedriveDeliveries, state: RequestedNotification): Decided {
  const items = numbers(state, (it) => isDeadLetter(it) && (wanted === undefined || wanted.includes(it.n)));
  if (items.length === 0)
    return reject('nothing_to_redrive', 'only failed, dead-lettered and unknown deliveries can be sent on their way again');
  return [
    {
      type: 'DeliveriesRedriven',
      data: { ...ofNotification(state), items, redrivenAt: now, ...(reason === undefined ? {} : { reason: open(reason) }) },
    },
  ];
}
