import type { Personal } from '../kernel/personal.ts';
import { retryAt, type RetryPolicy } from '../policy/retry.ts';
import type { SubjectId } from '../values/ids.ts';
import type { Instant } from '../values/instant.ts';
import { WORK, type Delivery } from './delivery.ts';
import { escalatedByResult } from './escalation.ts';
import type { HandOffRecorded, HandOffResult, HandOffStarted, NotificationEvent, StartedGroup } from './events.ts';
import { isNewest, type RequestedNotification } from './evolve.ts';
import { mayAskAgain, ofNotification } from './plan.ts';
import { joinAlike } from './results.ts';

/** What became of one started delivery. `returned`: not called, the claim had no time left or its process was to end. */
export type Answer = {
  readonly n: number;
  readonly attempt: number;
  readonly provider: string;
  readonly subject: SubjectId;
  readonly detail?: string;
} & (
  | { readonly outcome: 'accepted'; readonly messageId?: string; readonly captured?: boolean }
  | {
      readonly outcome: 'refused';
      readonly kind: 'permanent' | 'transient' | 'throttled';
      readonly code: string;
      readonly retryAfterMs?: number;
    }
  /** `takesKeys`: the provider sends a repeated key once, so asking again is safe. */
  | { readonly outcome: 'unknown'; readonly code: string; readonly takesKeys: boolean }
  | { readonly outcome: 'returned' }
);

export type RecordAnswers = {
  readonly claim: string;
  readonly until: Instant;
  readonly now: Instant;
  /** From [0, 1): one draw per record spreads retries; what failed together stays together. */
  readonly jitter: number;
  readonly retry: RetryPolicy;
  readonly answers: readonly Answer[];
  /** What this claim wants to start next, with the number of starts it knew of. */
  readonly next: readonly { readonly group: StartedGroup; readonly starts: readonly number[] }[];
};

/**
 * Results are facts: this is decided again on the newest log after every conflict, until the append succeeds. An acceptance counts
 * however late; anything else only from the newest open start (docs/architecture.md, step 10). The next sub-batch leaves out what was
 * cancelled or started elsewhere since.
 */
export function recordAnswers(command: RecordAnswers, state: RequestedNotification): readonly NotificationEvent[] {
  const of = ofNotification(state);
  const hold = state.requested.terms.unknownOutcome === 'hold';
  const results: HandOffResult[] = [];
  const details: { n: number; subject: SubjectId; detail: Personal<string> }[] = [];
  const escalations = new Map<Instant, number[]>();
  for (const answer of command.answers) {
    const it = state.deliveries.get(answer.n);
    const result = it === undefined ? undefined : resultOf(it, answer, { ...command, hold });
    if (it === undefined || result === undefined) continue;
    results.push(result);
    if (answer.detail !== undefined && answer.outcome !== 'accepted')
      details.push({ n: answer.n, subject: answer.subject, detail: { open: answer.detail } });
    const next = escalatedByResult(state, it, result, command.now);
    if (next !== undefined) escalations.set(next.at, [...(escalations.get(next.at) ?? []), next.n]);
  }
  const escalated = [...escalations].map(([at, items]) => ({ items, at }));
  const recorded: HandOffRecorded = {
    type: 'HandOffRecorded',
    data: { ...of, claim: command.claim, recordedAt: command.now, results: joinAlike(results), details, escalated },
  };
  const started = nextStart(command, state, of);
  return [...(results.length > 0 ? [recorded] : []), ...started];
}

function nextStart(
  command: RecordAnswers,
  state: RequestedNotification,
  of: Pick<HandOffStarted['data'], 'notificationId' | 'requestedAt' | 'priority'>,
): HandOffStarted[] {
  const started = command.next
    .map(({ group, starts }) => ({ ...group, items: group.items.filter((n, i) => mayStart(state.deliveries.get(n), group, starts[i])) }))
    .filter((group) => group.items.length > 0);
  const { claim, until, now: startedAt } = command;
  return started.length > 0 ? [{ type: 'HandOffStarted', data: { ...of, claim, until, startedAt, started } }] : [];
}

const mayStart = (it: Delivery | undefined, { attempt }: StartedGroup, starts: number | undefined): boolean =>
  it !== undefined && WORK[it.status] === 'handOff' && it.starts === starts && it.attempt === attempt;

/** Undefined: the answer says nothing that the log does not know better. */
function resultOf(it: Delivery, answer: Answer, command: Judged): HandOffResult | undefined {
  const base = { items: [it.n], attempt: answer.attempt, provider: answer.provider };
  if (answer.outcome === 'accepted') {
    return {
      ...base,
      result: 'sent',
      messageIds: [answer.messageId ?? null],
      ...(answer.captured === true ? { captured: true as const } : {}),
    };
  }
  if (!isNewest(it, command.claim)) return undefined;
  if (answer.outcome === 'returned') return returned(it, command, base);
  if (answer.outcome === 'unknown') return unanswered(it, answer, command, base);
  return refused(it, answer, command, base);
}

type Judged = RecordAnswers & { readonly hold: boolean };
type Base = Pick<HandOffResult, 'items' | 'attempt' | 'provider'>;

/** A provider whose calls take longer than claims last is never called: that ends as a dead letter too, and not in a circle. */
function returned(it: Delivery, { now, retry }: RecordAnswers, base: Base): HandOffResult {
  if (it.unwanted) return { ...base, result: 'cancelled' };
  return isExhausted(it, retry, false) ? { ...base, code: 'claim_over', result: 'dead' } : { ...base, result: 'returned', retryAt: now };
}

function unanswered(it: Delivery, answer: Extract<Answer, { outcome: 'unknown' }>, command: Judged, base: Base): HandOffResult {
  const coded = { ...base, code: answer.code };
  const mayAsk = mayAskAgain(it, { takesKeys: answer.takesKeys, hold: command.hold, maxStarts: command.retry.maxStarts });
  if (!mayAsk || isExhausted(it, command.retry, true)) return { ...coded, result: 'unknown' };
  return { ...coded, result: 'retry', doubt: true, counts: true, retryAt: retryAt(command.now, it.tries, command) };
}

function refused(it: Delivery, answer: Extract<Answer, { outcome: 'refused' }>, command: RecordAnswers, base: Base): HandOffResult {
  const coded = { ...base, code: answer.code };
  if (answer.kind === 'permanent') return { ...coded, result: 'failed' };
  if (it.unwanted) return { ...coded, result: 'cancelled' };
  const counts = answer.kind === 'transient';
  if (isExhausted(it, command.retry, counts)) return { ...coded, result: 'dead' };
  // What does not count as a try backs off by its starts, or a provider that throttles for an hour would use all of them up.
  const at = retryAt(command.now, counts ? it.tries : it.starts - it.spent - 1, command, answer.retryAfterMs);
  return { ...coded, result: 'retry', doubt: false, counts, retryAt: at };
}

const isExhausted = (it: Delivery, { maxTries, maxStarts }: RetryPolicy, counts: boolean): boolean =>
  (counts && it.tries + 1 >= maxTries) || it.starts - it.spent >= maxStarts;
