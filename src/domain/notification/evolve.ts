import { assertNever } from '../kernel/assertNever.ts';
import type { Instant } from '../values/instant.ts';
import type { Schedule } from '../values/schedule.ts';
import { newDelivery, nOf, type Delivery, type DeliveryState } from './delivery.ts';
import type {
  DeliveriesPlanned,
  Escalated,
  HandOffRecorded,
  HandOffResult,
  HandOffStarted,
  NotificationCancelled,
  NotificationEvent,
  NotificationRequested,
  PlannedGroup,
} from './events.ts';

/** `requested`: all that was asked for; `deliveries` by n, also those that never become one (`left`). */
export type Notification =
  | { readonly status: 'absent' }
  | {
      readonly status: 'requested';
      readonly requested: NotificationRequested['data'];
      /** The newest: a notification can be rescheduled. */
      schedule: Schedule | undefined;
      readonly deliveries: Map<number, Delivery>;
    };
export type RequestedNotification = Extract<Notification, { status: 'requested' }>;

export const absent = (): Notification => ({ status: 'absent' });

/** Never judges; owns its state and mutates it (a copy of 500 deliveries per event is quadratic). */
export function evolve(state: Notification, event: NotificationEvent): Notification {
  if (event.type === 'NotificationRequested') return requested(event.data);
  // An event before the request cannot have been decided; a fold of such a stream has nothing to apply it to.
  if (state.status === 'absent') return state;
  if (event.type === 'NotificationRescheduled' && event.data.schedule !== undefined) state.schedule = event.data.schedule;
  apply(state.deliveries, event);
  return state;
}

function requested(data: NotificationRequested['data']): RequestedNotification {
  const deliveries = new Map<number, Delivery>();
  for (const { index } of data.recipients) {
    for (const channel of data.terms.channels) {
      const n = nOf(index, channel);
      deliveries.set(n, newDelivery(n, data.planAt));
    }
  }
  return { status: 'requested', requested: data, schedule: data.terms.schedule, deliveries };
}

type Later = Exclude<NotificationEvent, NotificationRequested>;
function apply(deliveries: Map<number, Delivery>, event: Later): void {
  switch (event.type) {
    case 'DeliveriesPlanned':
      planned(deliveries, event.data);
      return;
    case 'HandOffStarted':
      started(deliveries, event.data);
      return;
    case 'HandOffRecorded':
      recorded(deliveries, event.data);
      return;
    case 'DeliveriesRedriven':
      for (const it of each(deliveries, event.data.items)) redriven(it, event.data.redrivenAt);
      return;
    case 'NotificationRescheduled':
      for (const it of each(deliveries, event.data.items))
        Object.assign(it, { status: 'deferred', code: 'scheduled', until: event.data.planAt });
      return;
    case 'NotificationCancelled':
      cancelled(deliveries, event.data);
      return;
    default:
      assertNever(event);
  }
}

function* each(deliveries: Map<number, Delivery>, items: readonly number[]): Iterable<Delivery> {
  for (const n of items) {
    const it = deliveries.get(n);
    if (it !== undefined) yield it;
  }
}

/** Into a state that waits for no instant. */
const become = (it: Delivery, status: DeliveryState): void => {
  Object.assign(it, { status, until: undefined });
};
const endUnsent = (it: Delivery, status: 'suppressed' | 'failed' | 'dead' | 'cancelled'): void => {
  become(it, it.doubt ? 'unknown' : status);
};
const nextKey = (it: Delivery): { attempt: number } => ({ attempt: it.doubt ? it.attempt : it.attempt + 1 });

function redriven(it: Delivery, until: Instant): void {
  Object.assign(it, { status: 'new', tries: 0, spent: it.starts, unwanted: false, until, ...nextKey(it) });
}

function planned(deliveries: Map<number, Delivery>, data: DeliveriesPlanned['data']): void {
  for (const group of data.planned) for (const it of each(deliveries, group.items)) plan(it, group);
  for (const { items, at } of data.later) for (const it of each(deliveries, items)) it.until = at;
  escalate(deliveries, data.escalated);
}

function escalate(deliveries: Map<number, Delivery>, escalated: readonly Escalated[]): void {
  for (const { items, at } of escalated) {
    for (const it of each(deliveries, items))
      if (it.status === 'left') Object.assign(it, { status: 'deferred', code: 'scheduled', until: at });
  }
}

function plan(it: Delivery, group: PlannedGroup): void {
  switch (group.plan) {
    case 'go':
      become(it, 'planned');
      return;
    case 'suppress':
      it.code = group.code;
      endUnsent(it, 'suppressed');
      return;
    case 'defer':
      Object.assign(it, { status: 'deferred', code: group.code, until: group.until });
      return;
    case 'fail':
      it.code = group.code;
      endUnsent(it, 'failed');
      return;
    case 'leave':
      become(it, 'left');
      return;
    default:
      assertNever(group);
  }
}

function started(deliveries: Map<number, Delivery>, data: HandOffStarted['data']): void {
  for (const { items, provider } of data.started) {
    for (const it of each(deliveries, items)) {
      it.doubt ||= it.status === 'open'; // the start before this one has no answer of its own
      Object.assign(it, { status: 'open', claim: data.claim, until: data.until, provider });
      it.starts += 1;
    }
  }
}

/** Whether this claim's start is the newest open one: only then does anything but an acceptance count. */
export const isNewest = (it: Delivery, claim: string): boolean => it.status === 'open' && it.claim === claim;

function recorded(deliveries: Map<number, Delivery>, data: HandOffRecorded['data']): void {
  for (const group of data.results) {
    for (const it of each(deliveries, group.items)) {
      if (group.result !== 'sent' && !isNewest(it, data.claim)) continue;
      if (group.code !== undefined) it.code = group.code;
      answer(it, group);
    }
  }
  escalate(deliveries, data.escalated);
}

function answer(it: Delivery, group: HandOffResult): void {
  switch (group.result) {
    case 'sent':
      become(it, 'sent');
      return;
    case 'unknown':
      it.doubt = true; // so that, redriven, it keeps its key
      become(it, 'unknown');
      return;
    case 'returned':
      Object.assign(it, { status: 'retry', until: group.retryAt });
      return;
    case 'retry':
      again(it, group);
      return;
    case 'failed':
    case 'dead':
    case 'cancelled':
      endUnsent(it, group.result);
      return;
    default:
      assertNever(group);
  }
}

function again(it: Delivery, { retryAt: until, doubt, counts }: Extract<HandOffResult, { result: 'retry' }>): void {
  it.doubt ||= doubt;
  Object.assign(it, { status: 'retry', until, tries: it.tries + (counts ? 1 : 0), ...nextKey(it) });
}

function cancelled(deliveries: Map<number, Delivery>, data: NotificationCancelled['data']): void {
  for (const it of each(deliveries, data.items)) endUnsent(it, 'cancelled');
  for (const it of each(deliveries, data.open)) it.unwanted = true;
}
