import type { Recorded } from '../kernel/metadata.ts';
import type { Channel } from '../values/channel.ts';
import type { Position } from '../values/ids.ts';
import type { Instant } from '../values/instant.ts';
import type { GateVerdict } from '../values/verdict.ts';
import { timelineOf, type Aftermath } from './aftermath.ts';
import { channelOf, indexOf, nOf } from './delivery.ts';
import type { DeliveriesPlanned, Escalated, HandOffRecorded, HandOffStarted, NotificationEvent } from './events.ts';
import { absent, evolve } from './evolve.ts';
import { sentenceOf } from './sentence.ts';

/** A gate's verdict, with the instant of the plan it belongs to. */
export type ExplainedGate = GateVerdict & { readonly at: Instant };
/** One event as it concerned the delivery. `position` proves where it stands in the log. */
export type TimelineEntry = {
  readonly at: Instant;
  readonly event: NotificationEvent['type'] | 'EngagementRecorded';
  readonly what: string;
  readonly code?: string;
  readonly provider?: string;
  readonly attempt?: number;
  readonly position: Position;
};
export type Explanation = {
  readonly n: number;
  readonly channel: Channel;
  /** Of the newest plan, every gate that ran. */
  readonly gates: readonly ExplainedGate[];
  readonly timeline: readonly TimelineEntry[];
  /** For a person to read; made on reading and stored nowhere. */
  readonly sentence: string;
};

/**
 * Why a delivery went, or did not, and what became of it: read from the log alone, so that it is there for as long as the log is.
 * `aftermath`: of this delivery. Undefined: no such delivery.
 */
export function explain(
  events: readonly Recorded<NotificationEvent>[],
  n: number,
  aftermath: readonly Aftermath[] = [],
): Explanation | undefined {
  const state = events.reduce((so, { event }) => evolve(so, event), absent());
  if (state.status === 'absent') return undefined;
  const it = state.deliveries.get(n);
  if (it === undefined) return undefined;
  const timeline = [...events.flatMap((recorded) => entryOf(recorded, n)), ...timelineOf(aftermath)].sort(byPosition);
  const gates = events.reduce<readonly ExplainedGate[]>((so, { event }) => gatesOf(event, n) ?? so, []);
  const { terms } = state.requested;
  return { n, channel: channelOf(n), gates, timeline, sentence: sentenceOf({ delivery: it, terms, gates, timeline, aftermath }) };
}

const byPosition = (a: TimelineEntry, b: TimelineEntry): number => (a.position < b.position ? -1 : a.position > b.position ? 1 : 0);

/** The deliveries of one recipient, by their place in the request. */
export const deliveriesOf = (channels: readonly Channel[], index: number): readonly number[] =>
  channels.map((channel) => nOf(index, channel));

function gatesOf(event: NotificationEvent, n: number): readonly ExplainedGate[] | undefined {
  if (event.type !== 'DeliveriesPlanned') return undefined;
  const group = event.data.planned.find(({ items }) => items.includes(n));
  const trace = group && event.data.traces[group.trace];
  return trace?.map((verdict) => ({ ...verdict, at: event.data.plannedAt }));
}

type What = Omit<TimelineEntry, 'at' | 'event' | 'position'>;
function entryOf({ event, position }: Recorded<NotificationEvent>, n: number): readonly TimelineEntry[] {
  const what = whatOf(event, n);
  return what === undefined ? [] : [{ at: happenedAt(event), event: event.type, ...what, position }];
}

/** The event's own instant, which read models show too; its metadata says when it was written, some milliseconds later. */
function happenedAt({ type, data }: NotificationEvent): Instant {
  switch (type) {
    case 'NotificationRequested':
      return data.requestedAt;
    case 'DeliveriesPlanned':
      return data.plannedAt;
    case 'HandOffStarted':
      return data.startedAt;
    case 'HandOffRecorded':
      return data.recordedAt;
    case 'DeliveriesRedriven':
      return data.redrivenAt;
    case 'NotificationRescheduled':
      return data.rescheduledAt;
    case 'NotificationCancelled':
      return data.cancelledAt;
  }
}

function whatOf(event: NotificationEvent, n: number): What | undefined {
  switch (event.type) {
    case 'NotificationRequested':
      return when(
        event.data.recipients.some(({ index }) => index === indexOf(n)),
        'requested',
      );
    case 'DeliveriesPlanned':
      return planned(event, n);
    case 'HandOffStarted':
      return started(event, n);
    case 'HandOffRecorded':
      return recorded(event, n);
    case 'DeliveriesRedriven':
      return when(event.data.items.includes(n), 'redriven');
    case 'NotificationRescheduled':
      return when(event.data.items.includes(n), event.data.schedule === undefined ? 'released' : 'rescheduled');
    case 'NotificationCancelled':
      return (
        when(event.data.items.includes(n), 'cancelled') ?? when(event.data.open.includes(n), 'cancellation came while it was in flight')
      );
  }
}

const when = (concerned: boolean, what: string): What | undefined => (concerned ? { what } : undefined);

function planned({ data }: DeliveriesPlanned, n: number): What | undefined {
  if (isCalledUpon(data.escalated, n)) return { what: CALLED_UPON };
  const group = data.planned.find(({ items }) => items.includes(n));
  return group && { what: PLANNED[group.plan], ...('code' in group ? { code: group.code } : {}) };
}

const isCalledUpon = (escalated: readonly Escalated[], n: number): boolean => escalated.some(({ items }) => items.includes(n));
const CALLED_UPON = 'called upon, since the channel before did not do';
const PLANNED = { go: 'planned', suppress: 'suppressed', defer: 'deferred', fail: 'failed', leave: 'left for another channel' } as const;

function started({ data }: HandOffStarted, n: number): What | undefined {
  const group = data.started.find(({ items }) => items.includes(n));
  return group && { what: 'hand-off started', provider: group.provider, attempt: group.attempt };
}

const RECORDED = {
  sent: 'accepted by the provider',
  retry: 'to be tried again',
  returned: 'not called, to be tried again',
  failed: 'refused for good',
  dead: 'given up after all attempts',
  unknown: 'outcome unknown',
  cancelled: 'cancelled',
} as const;

function recorded({ data }: HandOffRecorded, n: number): What | undefined {
  const group = data.results.find(({ items }) => items.includes(n));
  if (group === undefined) return when(isCalledUpon(data.escalated, n), CALLED_UPON);
  return {
    what: RECORDED[group.result],
    provider: group.provider,
    attempt: group.attempt,
    ...(group.code === undefined ? {} : { code: group.code }),
  };
}
