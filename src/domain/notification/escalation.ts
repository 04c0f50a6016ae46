import { plusMs, type Instant } from '../values/instant.ts';
import type { Routing } from '../values/routing.ts';
import { channelOf, indexOf, nOf, WORK, type Delivery } from './delivery.ts';
import type { Escalated, HandOffResult } from './events.ts';
import type { RequestedNotification } from './evolve.ts';
import type { Outcome } from './plan.ts';

/** A second channel would say the same again, or come too late as well. */
const NOT_BY_ANOTHER: ReadonlySet<string> = new Set(['duplicate', 'expired']);

/**
 * Routing `first`: whom a plan leaves without a channel, although one was left for the one before it: that one could not be made, or
 * was suppressed when its retry was due.
 */
export function escalatedByPlan(state: RequestedNotification, outcomes: readonly Outcome[], at: Instant): readonly Escalated[] {
  const { routing, channels } = state.requested.terms;
  if (routing.method !== 'first') return [];
  const outcomeOf = new Map(outcomes.map((it) => [it.n, it]));
  const next = [...new Set(outcomes.map(({ n }) => indexOf(n)))].flatMap((index) => {
    const all = channels.flatMap((channel) => state.deliveries.get(nOf(index, channel)) ?? []);
    if (all.some((it) => serves(it, outcomeOf.get(it.n)))) return [];
    const failed = all.findLastIndex((it) => fails(it, outcomeOf.get(it.n)));
    return failed < 0 ? [] : (all.slice(failed + 1).find((it) => isLeft(it, outcomeOf.get(it.n)))?.n ?? []);
  });
  return next.length > 0 ? [{ items: next, at }] : [];
}

/** The person gets it on this channel, or may have it. */
function serves(it: Delivery, outcome: Outcome | undefined): boolean {
  if (outcome !== undefined) return outcome.plan === 'go' || outcome.plan === 'defer';
  return WORK[it.status] !== undefined || it.status === 'sent' || it.status === 'unknown';
}
function fails(it: Delivery, outcome: Outcome | undefined): boolean {
  if (outcome === undefined || it.doubt) return false;
  return outcome.plan === 'fail' || (outcome.plan === 'suppress' && !NOT_BY_ANOTHER.has(outcome.code));
}
const isLeft = (it: Delivery, outcome: Outcome | undefined): boolean =>
  outcome === undefined ? it.status === 'left' : outcome.plan === 'leave';

/** Routing `first`: who is asked next when this channel has failed, or is not confirmed in time. */
export function escalatedByResult(
  state: RequestedNotification,
  it: Delivery,
  result: HandOffResult,
  now: Instant,
): { readonly n: number; readonly at: Instant } | undefined {
  const { routing, channels } = state.requested.terms;
  const waitMs = it.unwanted ? undefined : waitAfter(result, it, routing);
  if (waitMs === undefined) return undefined;
  const rest = channels.slice(channels.indexOf(channelOf(it.n)) + 1).map((channel) => nOf(indexOf(it.n), channel));
  const n = rest.find((one) => state.deliveries.get(one)?.status === 'left');
  return n === undefined ? undefined : { n, at: plusMs(now, waitMs) };
}

/** Milliseconds until the next channel's turn; undefined: its turn does not come. */
function waitAfter({ result }: HandOffResult, { doubt }: Delivery, routing: Routing): number | undefined {
  if (routing.method !== 'first') return undefined;
  if (result === 'failed' || result === 'dead') return doubt ? undefined : 0;
  return result === 'sent' && routing.until === 'delivered' ? routing.waitMs : undefined;
}
