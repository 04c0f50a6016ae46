import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { WORK } from '../../../src/domain/notification/delivery.ts';
import type { NotificationEvent } from '../../../src/domain/notification/events.ts';
import type { Instant } from '../../../src/domain/values/instant.ts';
import { dispatch } from '../../../src/processes/dispatch/process.ts';
import { memoryActions, workOf } from '../../support/memoryActions.ts';
import { decidedHistory, history, type Played } from '../../support/notificationHistory.ts';
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
  T0,
} from '../../support/notifications.ts';
import { recordedLog } from '../../support/recordedLog.ts';

const react = (event: NotificationEvent) => dispatch.react(recordedLog([event])[0]!);
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
      // Under the claim that the writer names as its cause.
      { ...ask('handOff', [8], at(1)), heldBy: 'c' },
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

/** The work that a fold leaves, with its instants. */
const workLeft = ({ state }: Played): readonly string[] =>
  [...state.deliveries.values()]
    .flatMap((it) => {
      const kind = WORK[it.status];
      return kind === undefined ? [] : [`${kind} ${String(it.n)} ${it.until ?? 'never'}`];
    })
    .sort();

describe('I6: the table derived from any log is exactly what that log leaves to be done, and when', () => {
  const tableOf = (events: readonly NotificationEvent[], batch: number): readonly string[] => {
    const actions = memoryActions({ processes: [dispatch], now: () => T0, newId: () => 'claim' });
    const all = recordedLog(events);
    for (let from = 0; from < all.length; from += batch) actions.consume(all.slice(from, from + batch));
    return workOf(actions.rows());
  };

  test.each([1, 3, 1_000])('read in batches of %i', (batch) => {
    fc.assert(
      fc.property(history, (drawn) => {
        const played = decidedHistory(drawn);
        expect(tableOf(played.events, batch)).toStrictEqual(workLeft(played));
      }),
      { numRuns: 300 },
    );
  });

  test('the histories reach every state', () => {
    const seen = new Set<string>();
    for (const drawn of fc.sample(history, { numRuns: 400, seed: 7 }))
      for (const it of decidedHistory(drawn).state.deliveries.values()) seen.add(it.status);
    expect([...seen].sort()).toStrictEqual(Object.keys(WORK).sort());
  });
});
