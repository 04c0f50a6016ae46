import fc from 'fast-check';
import { isRejection } from '../../src/domain/kernel/rejection.ts';
import { WORK, type Delivery } from '../../src/domain/notification/delivery.ts';
import type { NotificationEvent } from '../../src/domain/notification/events.ts';
import type { RequestedNotification } from '../../src/domain/notification/evolve.ts';
import type { Answer } from '../../src/domain/notification/handOff.ts';
import { notification, type NotificationCommand } from '../../src/domain/notification/notification.ts';
import { RETRY } from '../../src/domain/policy/retry.ts';
import { epochMsOf, instantOf } from '../../src/domain/values/instant.ts';
import { requested, stateAfter, subjectNo, T0, TRACE } from './notifications.ts';

/** What a worker could do next to the notification as it is, drawn at random; `seeds` choose deliveries and answers. */
export type Step = {
  readonly kind: 'plan' | 'handOff' | 'recover' | 'answer' | 'cancel' | 'reschedule' | 'release' | 'redrive';
  readonly seed: number;
  readonly ms: number;
};
const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(
    'plan',
    'plan',
    'handOff',
    'handOff',
    'recover',
    'answer',
    'answer',
    'answer',
    'answer',
    'cancel',
    'reschedule',
    'release',
    'redrive',
  ),
  seed: fc.nat(2 ** 30),
  ms: fc.nat(20_000),
});
const pick = <T>(from: readonly T[], seed: number): T => from[seed % from.length]!;
const some = (state: RequestedNotification, kind: string, seed: number): readonly Delivery[] =>
  [...state.deliveries.values()].filter((it, place) => WORK[it.status] === kind && (seed >> (place % 12)) % 2 === 0);

/** The command that a step leads to in this state; undefined: none. `at0`: milliseconds since the epoch. */
export function commandOf(
  state: RequestedNotification,
  claims: readonly string[],
  { kind, seed, ms }: Step,
  at0: number,
): NotificationCommand | undefined {
  const now = instantOf(at0 + ms);
  const base = { claim: `claim${String(at0)}`, until: instantOf(at0 + ms + 30_000), now };
  switch (kind) {
    case 'plan': {
      const due = some(state, 'plan', seed);
      const goers: number[] = [];
      const outcomes = due.map(({ n }, place) => {
        const draw = (seed >> (place % 10)) % 6;
        if (draw < 3) goers.push(n);
        if (draw === 3) return { n, trace: TRACE, plan: 'suppress' as const, code: 'no_address' as const };
        if (draw === 4)
          return {
            n,
            trace: TRACE,
            plan: 'defer' as const,
            code: pick(['scheduled', 'batch_paused'] as const, seed),
            until: instantOf(at0 + 90_000),
          };
        if (draw === 5)
          return n % 2 === 0
            ? { n, trace: TRACE, plan: 'leave' as const }
            : { n, trace: TRACE, plan: 'fail' as const, code: 'template_invalid' };
        return { n, trace: TRACE, plan: 'go' as const };
      });
      const firsts = goers.filter((n) => (n + seed) % 2 === 0);
      const rest = goers.filter((n) => !firsts.includes(n));
      const start = firsts.map((n) => ({ items: [n], attempt: state.deliveries.get(n)!.attempt, provider: 'p' }));
      return { type: 'PlanDeliveries', data: { ...base, outcomes, start, later: rest.length > 0 ? [{ items: rest, at: now }] : [] } };
    }
    case 'handOff': {
      const due = some(state, 'handOff', seed);
      const stopped = due.filter(({ n }) => (n + seed) % 5 === 0);
      const start = due.filter((it) => !stopped.includes(it)).map(({ n, attempt }) => ({ items: [n], attempt, provider: 'p' }));
      const outcomes = stopped.map(({ n }, place) =>
        place % 2 === 0
          ? { n, trace: TRACE, plan: 'suppress' as const, code: 'no_address' as const }
          : { n, trace: TRACE, plan: 'defer' as const, code: 'batch_paused' as const, until: instantOf(at0 + 70_000) },
      );
      return { type: 'PlanDeliveries', data: { ...base, outcomes, start, later: [] } };
    }
    case 'recover': {
      const due = some(state, 'recover', seed);
      const again = due.filter(({ n }) => (n + seed) % 3 === 0).map(({ n, attempt }) => ({ items: [n], attempt, provider: 'p' }));
      const rest = due.filter(({ n }) => (n + seed) % 3 !== 0);
      const unknown = rest.filter((_, place) => place % 2 === 0).map(({ n }) => n);
      const later = rest.filter((_, place) => place % 2 === 1).map(({ n }) => ({ n, at: instantOf(at0 + 50_000) }));
      return { type: 'RecoverDeliveries', data: { ...base, again, unknown, later } };
    }
    case 'answer': {
      if (claims.length === 0) return undefined;
      const claim = pick(claims.slice(-4), seed); // mostly of late
      const all = [...state.deliveries.values()].filter((_, place) => (seed >> (place % 12)) % 2 === 1);
      const answers = all.map(({ n, attempt }): Answer => {
        const of = { n, attempt, provider: 'p', subject: subjectNo(n >> 3) };
        const draw = (seed + n) % 7;
        if (draw < 2) return { ...of, outcome: 'accepted' };
        if (draw === 2) return { ...of, outcome: 'refused', kind: 'permanent', code: 'no' };
        if (draw === 3) return { ...of, outcome: 'refused', kind: 'transient', code: 'no' };
        if (draw === 4) return { ...of, outcome: 'refused', kind: 'throttled', code: 'no', retryAfterMs: 1_000 };
        return draw === 5 ? { ...of, outcome: 'unknown', code: 'timeout', takesKeys: seed % 2 === 0 } : { ...of, outcome: 'returned' };
      });
      const next = some(state, 'handOff', seed >> 3).map(({ n, attempt, starts }) => ({
        group: { items: [n], attempt, provider: 'p' },
        starts: [starts - (seed % 11 === 0 ? 1 : 0)],
      }));
      return { type: 'RecordAnswers', data: { ...base, claim, jitter: 0.3, retry: { ...RETRY, maxTries: 2 }, answers, next } };
    }
    case 'cancel':
      return { type: 'CancelNotification', data: { now, recipients: [seed % 3] } };
    case 'reschedule':
      return {
        type: 'RescheduleNotification',
        data: { now, schedule: { at: instantOf(at0 + 60_000 + (seed % 3)) }, planAt: instantOf(at0 + 60_000) },
      };
    case 'release':
      return { type: 'ReleaseNotification', data: { now } };
    case 'redrive':
      return { type: 'RedriveDeliveries', data: { now } };
  }
}

export const TERMS = [
  { channels: ['email', 'sms'] },
  { channels: ['email', 'sms', 'push'], routing: { method: 'first', until: 'accepted' } },
  { channels: ['email', 'sms'], routing: { method: 'first', until: 'delivered', waitMs: 60_000 } },
  { channels: ['email', 'sms'], unknownOutcome: 'hold' },
] as const;

/** What to do to a notification, drawn: which terms it has, and step after step. */
export const history = fc.tuple(fc.nat(TERMS.length - 1), fc.array(step, { minLength: 1, maxLength: 40 }));
export type History = readonly [number, readonly Step[]];
export type Played = { readonly events: readonly NotificationEvent[]; readonly state: RequestedNotification };

/** A log that the decider made of a history, and its fold. */
export function decidedHistory([which, steps]: History): Played {
  const events: NotificationEvent[] = [requested({ people: 3, terms: TERMS[which]! })];
  let now = epochMsOf(T0);
  const claims: string[] = [];
  for (const one of steps) {
    now += one.ms;
    const state = stateAfter(...events);
    const command = commandOf(state, claims, one, now);
    const decision = command === undefined ? [] : notification.decide(command, state);
    if (isRejection(decision)) continue;
    events.push(...structuredClone(decision));
    for (const event of decision) if (event.type === 'HandOffStarted') claims.push(event.data.claim);
  }
  return { events, state: stateAfter(...events) };
}
