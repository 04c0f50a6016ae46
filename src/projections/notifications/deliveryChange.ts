import { assertNever } from '../../domain/kernel/assertNever.ts';
import { present } from '../../domain/kernel/present.ts';
import type { DeliveriesPlanned, Escalated, HandOffResult, NotificationEvent, PlannedGroup } from '../../domain/notification/events.ts';
import type { Instant } from '../../domain/values/instant.ts';

/** One try of a delivery, as `attempts` shows it. */
export type Attempt = {
  readonly attempt: number;
  readonly provider: string;
  readonly at: Instant;
  readonly outcome: string;
  readonly code?: string;
};

/** What events say of deliveries; what those of a batch of events say is joined, so that each delivery is written once. */
export type DeliveryChange = {
  revision: number;
  status: string;
  /** The status ends it unsent: it is `unknown` instead where some start has no answer of its own. */
  unsent: boolean;
  /** The first thing that happened in this batch is a start: over an open one it leaves a doubt. */
  startsFirst: boolean;
  doubt: boolean;
  tries: number;
  /** Null: none any more; absent: as it was. */
  code?: string | null;
  provider?: string;
  locale?: string;
  plannedAt?: Instant;
  dueAt: Instant | null;
  sentAt?: Instant;
  attempts?: Attempt[];
  /** The only attempt of this change is a first one that was taken: the columns tell it. */
  plain?: boolean;
};

/** Deliveries of whom an event says the same. `messageIds`: one for each. */
export type Changed = {
  readonly items: readonly number[];
  readonly change: DeliveryChange;
  readonly messageIds?: readonly (string | null)[];
};

const change = (revision: number, status: string): DeliveryChange => ({
  revision,
  status,
  unsent: false,
  startsFirst: false,
  doubt: false,
  tries: 0,
  dueAt: null,
});

/** The later of two changes of one delivery on top of the earlier. */
export function join(earlier: DeliveryChange | undefined, later: DeliveryChange): DeliveryChange {
  if (earlier === undefined) return later;
  return {
    ...earlier,
    ...later,
    startsFirst: earlier.startsFirst,
    doubt: earlier.doubt || later.doubt || (later.startsFirst && earlier.status === 'sending'),
    tries: earlier.tries + later.tries,
    // The first of each counts, as it does across batches.
    ...present({ plannedAt: earlier.plannedAt ?? later.plannedAt, sentAt: earlier.sentAt ?? later.sentAt }),
    ...attemptsOf(earlier, later),
  };
}

function attemptsOf(earlier: DeliveryChange, later: DeliveryChange): Pick<DeliveryChange, 'attempts' | 'plain'> {
  const attempts = [...(earlier.attempts ?? []), ...(later.attempts ?? [])];
  const plain = attempts.length === 1 && (later.plain ?? earlier.plain ?? false);
  return attempts.length > 0 ? { attempts, plain } : {};
}

type Later = Exclude<NotificationEvent, { type: 'NotificationRequested' }>;

export function changesOf(event: Later, revision: number): readonly Changed[] {
  switch (event.type) {
    case 'DeliveriesPlanned':
      return [
        ...event.data.planned.map((group) => ({ items: group.items, change: planned(revision, group, event.data) })),
        ...calledUpon(event.data.escalated, revision),
      ];
    case 'HandOffStarted':
      return event.data.started.map(({ items, provider, locale }) => ({
        items,
        change: { ...change(revision, 'sending'), startsFirst: true, code: null, provider, ...(locale !== undefined && { locale }) },
      }));
    case 'HandOffRecorded':
      return [
        ...event.data.results.map((group) => answered(group, event.data.recordedAt, revision)),
        ...calledUpon(event.data.escalated, revision),
      ];
    case 'DeliveriesRedriven':
      return [{ items: event.data.items, change: { ...change(revision, 'queued'), code: null } }];
    case 'NotificationRescheduled':
      return [{ items: event.data.items, change: { ...change(revision, 'deferred'), code: 'scheduled', dueAt: event.data.planAt } }];
    case 'NotificationCancelled':
      return [{ items: event.data.items, change: { ...change(revision, 'cancelled'), unsent: true, code: null } }];
    default:
      return assertNever(event);
  }
}

function planned(revision: number, group: PlannedGroup, { plannedAt }: DeliveriesPlanned['data']): DeliveryChange {
  switch (group.plan) {
    case 'go':
      return { ...change(revision, 'queued'), plannedAt, code: null };
    case 'suppress':
      return { ...change(revision, group.code === 'expired' ? 'expired' : 'suppressed'), unsent: true, plannedAt, code: group.code };
    case 'defer':
      return { ...change(revision, 'deferred'), plannedAt, dueAt: group.until, code: group.code };
    case 'fail':
      return { ...change(revision, 'failed'), unsent: true, plannedAt, code: group.code };
    case 'leave':
      return { ...change(revision, 'left'), plannedAt };
    default:
      return assertNever(group);
  }
}

const calledUpon = (escalated: readonly Escalated[], revision: number): readonly Changed[] =>
  escalated.map(({ items, at }) => ({ items, change: { ...change(revision, 'deferred'), code: 'scheduled', dueAt: at } }));

const STATUS: Readonly<Record<HandOffResult['result'], string>> = {
  sent: 'sent',
  retry: 'queued',
  returned: 'queued',
  failed: 'failed',
  dead: 'dead_lettered',
  unknown: 'unknown',
  cancelled: 'cancelled',
};

function answered(group: HandOffResult, recordedAt: Instant, revision: number): Changed {
  const { items, result, provider, attempt } = group;
  const code = group.code === undefined ? {} : { code: group.code };
  const base = { ...change(revision, STATUS[result]), provider, ...code };
  if (result === 'returned') return { items, change: { ...base, dueAt: group.retryAt } };
  const tried = { tries: 1, attempts: [{ attempt, provider, at: recordedAt, outcome: result, ...code }] };
  if (result === 'retry') return { items, change: { ...base, ...tried, plain: false, doubt: group.doubt, dueAt: group.retryAt } };
  if (result === 'sent') {
    const status = group.captured === true ? 'captured' : 'sent';
    const taken = { ...base, ...tried, status, sentAt: recordedAt, code: group.code ?? null, plain: attempt === 1 };
    return { items, change: taken, ...present({ messageIds: group.messageIds }) };
  }
  return { items, change: { ...base, ...tried, plain: false, unsent: result !== 'unknown', doubt: result === 'unknown' } };
}
