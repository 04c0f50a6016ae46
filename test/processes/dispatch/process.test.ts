import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Recorded } from '../../../src/domain/kernel/metadata.ts';
import { isRejection } from '../../../src/domain/kernel/rejection.ts';
import { WORK, type Delivery } from '../../../src/domain/notification/delivery.ts';
import type { NotificationEvent } from '../../../src/domain/notification/events.ts';
import type { RequestedNotification } from '../../../src/domain/notification/evolve.ts';
import type { Answer } from '../../../src/domain/notification/handOff.ts';
import { notification, type NotificationCommand } from '../../../src/domain/notification/notification.ts';
import { RETRY } from '../../../src/domain/policy/retry.ts';
import type { Position, StreamName, TenantId } from '../../../src/domain/values/ids.ts';
import { instantOf, epochMsOf, type Instant } from '../../../src/domain/values/instant.ts';
import { dispatch } from '../../../src/processes/dispatch/process.ts';
import { memoryActions, workOf } from '../../support/memoryActions.ts';
import {
  at,
  cancelled,
  ended,
  goes,
  left,
  NOTIFICATION_ID,
  OF,
  planned,
  recorded,
  requested,
  retried,
  sent,
  started,
  stateAfter,
  subjectNo,
  T0,
  TRACE,
} from '../../support/notifications.ts';

const log = (events: readonly NotificationEvent[]): readonly Recorded<NotificationEvent>[] =>
  events.map((event, revision) => ({
    id: `event-${String(revision)}`,
    stream: `notification-acme_${NOTIFICATION_ID}` as StreamName,
    revision,
    position: String(revision).padStart(6, '0') as Position,
    event,
    meta: {
      tenantId: 'acme' as TenantId,
      commandId: 'c',
      correlationId: 'c',
      causationId: 'c',
      actor: { kind: 'system', id: 'test' },
      occurredAt: T0,
      schemaVersion: 1,
      digest: '',
    },
  }));
const react = (event: NotificationEvent) => dispatch.react(log([event])[0]!);
const ask = (kind: string, items: readonly number[], dueAt: Instant) => ({
  do: 'ask',
  kind,
  id: NOTIFICATION_ID,
  items,
  priority: 'normal',
  dueAt,
});
const settle = (kinds: readonly string[], items: readonly number[]) => ({ do: 'settle', kinds, id: NOTIFICATION_ID, items });

describe('each event asks for what it leaves to be done and settles what it did', () => {
  test('a request: everything is to be planned', () => {
    expect(react(requested({ people: 2, terms: { channels: ['email', 'sms'] }, planAt: at(9) }))).toStrictEqual([
      ask('plan', [0, 1, 8, 9], at(9)),
    ]);
  });
  test('a plan: what goes later, what is deferred, who is called upon', () => {
    const groups = [
      goes(0, 8),
      left(9),
      { plan: 'defer', code: 'scheduled', until: at(99), items: [16], trace: 0 } as const,
      { plan: 'fail', code: 'template_invalid', items: [24], trace: 0 } as const,
    ];
    expect(react(planned(groups, { later: [{ items: [8], at: at(1) }], escalated: [{ items: [9], at: at(2) }] }))).toStrictEqual([
      settle(['plan', 'handOff'], [0, 8, 9, 16, 24]),
      ask('handOff', [8], at(1)),
      ask('plan', [16], at(99)),
      ask('plan', [9], at(2)),
    ]);
  });
  test('a start: it is to be recovered when the claim has run out', () => {
    expect(react(started('c1', [0, 8]))).toStrictEqual([settle(['handOff', 'recover'], [0, 8]), ask('recover', [0, 8], at(30_000))]);
  });
  test('a record: what is tried again, by instant, and who is called upon', () => {
    const results = [
      sent([0]),
      retried([8]),
      retried([16], { attempt: 2 }),
      ended('failed', [24]),
      { items: [32], attempt: 1, provider: 'smtp', result: 'returned', retryAt: at(1) } as const,
    ];
    expect(react(recorded('c1', results, { escalated: [{ items: [25], at: at(3) }] }))).toStrictEqual([
      settle(['plan', 'handOff', 'recover'], [0, 8, 16, 24, 32]),
      ask('handOff', [8, 16], at(10_000)),
      ask('handOff', [32], at(1)),
      ask('plan', [25], at(3)),
    ]);
  });
  test('a cancellation: nothing of what it ends; never a recovery', () => {
    expect(react(cancelled([0, 8], [16]))).toStrictEqual([settle(['plan', 'handOff'], [0, 8])]);
  });
  test('what is redriven or moved is planned anew', () => {
    expect(react({ type: 'DeliveriesRedriven', data: { ...OF, items: [0], redrivenAt: at(4) } })).toStrictEqual([ask('plan', [0], at(4))]);
    expect(react({ type: 'NotificationRescheduled', data: { ...OF, items: [0], planAt: at(5), rescheduledAt: T0 } })).toStrictEqual([
      settle(['plan', 'handOff'], [0]),
      ask('plan', [0], at(5)),
    ]);
  });
});

/** What a worker could do next to the notification as it is, drawn at random; `seeds` choose deliveries and answers. */
type Step = {
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

function commandOf(
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

const TERMS = [
  { channels: ['email', 'sms'] },
  { channels: ['email', 'sms', 'push'], routing: { method: 'first', until: 'accepted' } },
  { channels: ['email', 'sms'], routing: { method: 'first', until: 'delivered', waitMs: 60_000 } },
  { channels: ['email', 'sms'], unknownOutcome: 'hold' },
] as const;

/** A log that the decider made, and the work that its fold leaves, with its instants. */
function play(which: number, steps: readonly Step[]): { readonly events: readonly NotificationEvent[]; readonly work: readonly string[] } {
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
  const work = [...stateAfter(...events).deliveries.values()].flatMap((it) => {
    const kind = WORK[it.status];
    return kind === undefined ? [] : [`${kind} ${String(it.n)} ${it.until ?? 'never'}`];
  });
  return { events, work: work.sort() };
}

describe('I6: the table derived from any log is exactly what that log leaves to be done, and when', () => {
  const history = fc.tuple(fc.nat(TERMS.length - 1), fc.array(step, { minLength: 1, maxLength: 40 }));
  const tableOf = (events: readonly NotificationEvent[], batch: number): readonly string[] => {
    const actions = memoryActions({ processes: [dispatch], now: () => T0, newId: () => 'claim' });
    const all = log(events);
    for (let from = 0; from < all.length; from += batch) actions.consume(all.slice(from, from + batch));
    return workOf(actions.rows());
  };

  test.each([1, 3, 1_000])('read in batches of %i', (batch) => {
    fc.assert(
      fc.property(history, ([which, steps]) => {
        const { events, work } = play(which, steps);
        expect(tableOf(events, batch)).toStrictEqual(work);
      }),
      { numRuns: 300 },
    );
  });

  test('the histories reach every state', () => {
    const seen = new Set<string>();
    for (const [which, steps] of fc.sample(history, { numRuns: 400, seed: 7 })) {
      for (const it of stateAfter(...play(which, steps).events).deliveries.values()) seen.add(it.status);
    }
    expect([...seen].sort()).toStrictEqual(Object.keys(WORK).sort());
  });
});
