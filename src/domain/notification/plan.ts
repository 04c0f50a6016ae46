import { present } from '../kernel/present.ts';
import { plusMs, type Instant } from '../values/instant.ts';
import type { Trace, VerdictCode } from '../values/verdict.ts';
import { indexOf, WORK, type Delivery } from './delivery.ts';
import { escalatedByPlan } from './escalation.ts';
import type {
  DeliveriesPlanned,
  HandOffRecorded,
  HandOffResult,
  HandOffStarted,
  NotificationEvent,
  PlannedGroup,
  StartedGroup,
} from './events.ts';
import type { RequestedNotification } from './evolve.ts';
import { joinAlike } from './results.ts';

/** What the gates said of one delivery. */
export type Outcome = { readonly n: number; readonly trace: Trace } & (
  | { readonly plan: 'go' | 'leave' }
  | { readonly plan: 'suppress'; readonly code: VerdictCode }
  | { readonly plan: 'defer'; readonly code: VerdictCode; readonly until: Instant }
  | { readonly plan: 'fail'; readonly code: string }
);

export type PlanDeliveries = {
  readonly claim: string;
  /** The claim's end. */
  readonly until: Instant;
  readonly now: Instant;
  readonly outcomes: readonly Outcome[];
  /** The first sub-batch: it is started in the same append; what else goes asks for a hand-off. */
  readonly start: readonly StartedGroup[];
  readonly later: DeliveriesPlanned['data']['later'];
};

/** The plan of what is due, and the start of its first sub-batch, at the revision that was loaded. */
export function planDeliveries(command: PlanDeliveries, state: RequestedNotification): readonly NotificationEvent[] {
  const of = ofNotification(state);
  const { traces, planned } = grouped(command.outcomes, state);
  const { claim, until, now, start, later } = command;
  const events: NotificationEvent[] = [];
  const escalated = escalatedByPlan(state, command.outcomes, now);
  const reserved = present({ reserved: reservedBy(state, planned, now) });
  if (planned.length > 0) {
    events.push({ type: 'DeliveriesPlanned', data: { ...of, plannedAt: now, traces, planned, later, escalated, ...reserved } });
  }
  if (start.length > 0) events.push({ type: 'HandOffStarted', data: { ...of, claim, until, startedAt: now, started: start } });
  return events;
}

function reservedBy(
  { requested: { terms, recipients } }: RequestedNotification,
  planned: readonly PlannedGroup[],
  now: Instant,
): DeliveriesPlanned['data']['reserved'] {
  const { dedup } = terms;
  const going = planned.flatMap((group) => (group.plan === 'go' ? group.items : []));
  if (dedup === undefined || going.length === 0) return undefined;
  const subjects = new Map(recipients.map(({ index, subject }) => [index, subject]));
  const holders = going.flatMap((n) => {
    const subject = subjects.get(indexOf(n));
    return subject === undefined ? [] : [{ n, subject }];
  });
  return { key: dedup.key, until: plusMs(now, dedup.windowMs), holders };
}

export type RecoverDeliveries = {
  readonly claim: string;
  readonly until: Instant;
  readonly now: Instant;
  /** Goes to the provider again, with the same attempt and so the same key. */
  readonly again: readonly StartedGroup[];
  /** Cancelled, held by policy, or a gate says no: the provider may have it, and nobody will ask again. */
  readonly unknown: readonly number[];
  /** A gate says later (a paused batch): asked again then, under the same key. */
  readonly later: readonly { readonly n: number; readonly at: Instant }[];
};

/** What is done about starts whose claim ran out without an answer. */
export function recoverDeliveries(command: RecoverDeliveries, state: RequestedNotification): readonly NotificationEvent[] {
  const of = ofNotification(state);
  const { claim, until, now, again } = command;
  const laterAt = new Map(command.later.map(({ n, at }) => [n, at]));
  const given = [...command.unknown, ...laterAt.keys()].flatMap((n) => state.deliveries.get(n) ?? []).filter((it) => it.status === 'open');
  const recorded = [...new Set(given.map((it) => it.claim ?? ''))].map((oldClaim): HandOffRecorded => {
    // What nobody wants any more does not wait for a gate: a cancelled batch would hold it back for ever.
    const waits = (it: Delivery): Instant | undefined => (it.unwanted ? undefined : laterAt.get(it.n));
    const results = joinAlike(given.filter((it) => it.claim === oldClaim).map((it) => unanswered(it, waits(it))));
    return { type: 'HandOffRecorded', data: { ...of, claim: oldClaim, recordedAt: now, results, details: [], escalated: [] } };
  });
  const started: HandOffStarted[] =
    again.length > 0 ? [{ type: 'HandOffStarted', data: { ...of, claim, until, startedAt: now, started: again } }] : [];
  return [...recorded, ...started];
}

function unanswered(it: Delivery, retryAt: Instant | undefined): HandOffResult {
  const base = { items: [it.n], attempt: it.attempt, provider: it.provider ?? '', code: 'no_answer' };
  return retryAt === undefined ? { ...base, result: 'unknown' } : { ...base, result: 'retry', doubt: true, counts: false, retryAt };
}

/** A start without an answer may be made again: the provider takes keys or the type's policy allows a double, and it is still wanted. */
export const mayAskAgain = (
  it: Delivery,
  { takesKeys, hold, maxStarts }: { takesKeys: boolean; hold: boolean; maxStarts: number },
): boolean => (takesKeys || !hold) && !it.unwanted && it.starts - it.spent < maxStarts;

export const ofNotification = (
  state: RequestedNotification,
): Pick<DeliveriesPlanned['data'], 'notificationId' | 'requestedAt' | 'priority'> => ({
  notificationId: state.requested.notificationId,
  requestedAt: state.requested.requestedAt,
  priority: state.requested.terms.priority,
});

/** Never what is in flight: an open hand-off is not overwritten by what a gate says. */
const isPlannable = ({ status }: Delivery): boolean => status === 'left' || WORK[status] === 'plan' || WORK[status] === 'handOff';

/** Dictionary-codes verdicts: deliveries of one outcome and one trace are one group. */
function grouped(outcomes: readonly Outcome[], state: RequestedNotification): { traces: Trace[]; planned: PlannedGroup[] } {
  const traces: Trace[] = [];
  const place = placeOf(traces);
  const groups = new Map<string, { group: Outcome; trace: number; items: number[] }>();
  for (const outcome of outcomes) {
    const it = state.deliveries.get(outcome.n);
    if (it === undefined || !isPlannable(it)) continue;
    const trace = place(outcome.trace);
    const key = `${String(trace)} ${outcome.plan} ${'code' in outcome ? outcome.code : ''} ${'until' in outcome ? outcome.until : ''}`;
    const known = groups.get(key);
    if (known === undefined) groups.set(key, { group: outcome, trace, items: [outcome.n] });
    else known.items.push(outcome.n);
  }
  return {
    traces,
    planned: [...groups.values()].map(({ group: { n: _, trace: __, ...plan }, trace, items }) => ({ ...plan, items, trace })),
  };
}

/** Where a trace stands among those so far, which it joins if it is new. Most deliveries share one, and sharing is seen faster than likeness. */
function placeOf(traces: Trace[]): (trace: Trace) => number {
  const shared = new Map<Trace, number>();
  const alike = new Map<string, number>();
  return (trace) => {
    const known = shared.get(trace);
    if (known !== undefined) return known;
    const text = JSON.stringify(trace);
    const place = alike.get(text) ?? traces.push(trace) - 1;
    alike.set(text, place);
    shared.set(trace, place);
    return place;
  };
}
