import { describe, expect, test } from 'vitest';
import { notification, type NotificationCommand } from '../../../src/domain/notification/notification.ts';
import type { Outcome } from '../../../src/domain/notification/plan.ts';
import { nOf } from '../../../src/domain/notification/delivery.ts';
import type { Instant } from '../../../src/domain/values/instant.ts';
import type { Trace } from '../../../src/domain/values/verdict.ts';
import { scenario } from '../../support/given.ts';
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
  statusesAfter,
  T0,
  TRACE,
} from '../../support/notifications.ts';

const { given, when } = scenario(notification);
const request = (event = requested()): NotificationCommand => ({ type: 'RequestNotification', data: event.data });
const none: Trace = [{ gate: 'address', verdict: 'suppress', code: 'no_address', because: 'no email address is known of this person' }];
const plan = (outcomes: readonly Outcome[], more: object = {}): NotificationCommand => ({
  type: 'PlanDeliveries',
  data: { claim: 'c1', until: at(30_000), now: at(5), outcomes, start: [], later: [], ...more },
});

describe('requesting', () => {
  test('is recorded as it was asked for', () => {
    when(request()).then(requested());
  });
  test('the same again under the same id is nothing new', () => {
    given(requested(), planned([goes(0)]), started('c1', [0]))
      .when(request())
      .thenNothing();
  });
  test('another body under the same id is refused', () => {
    given(requested())
      .when(request(requested({ request: 'another' })))
      .thenRejected('idempotency_key_reused');
  });
  test('every recipient has a delivery on every channel, numbered by its place and the channel', () => {
    const state = stateAfter(requested({ people: 2, terms: { channels: ['sms', 'email'] }, planAt: at(7) }));
    expect([...state.deliveries.values()].map(({ n, status, until }) => [n, status, until])).toStrictEqual([
      [1, 'new', at(7)],
      [0, 'new', at(7)],
      [9, 'new', at(7)],
      [8, 'new', at(7)],
    ]);
    expect([nOf(0, 'wallet'), nOf(499, 'email')]).toStrictEqual([5, 3992]);
  });
});

test.each<NotificationCommand>([
  plan([]),
  { type: 'CancelNotification', data: { now: T0 } },
  { type: 'ReleaseNotification', data: { now: T0 } },
  { type: 'RedriveDeliveries', data: { now: T0 } },
])('nothing can be done to what was never requested: $type', (command) => {
  when(command).thenRejected('notification_not_found');
});

describe('planning', () => {
  test('deliveries of one outcome and one trace are one group, and each trace stands once', () => {
    given(requested({ people: 4 }))
      .when(
        plan([
          { n: 0, trace: TRACE, plan: 'go' },
          { n: 8, trace: none, plan: 'suppress', code: 'no_address' },
          { n: 16, trace: TRACE, plan: 'go' },
          { n: 24, trace: TRACE, plan: 'defer', code: 'scheduled', until: at(60_000) },
        ]),
      )
      .then(
        planned(
          [
            { plan: 'go', items: [0, 16], trace: 0 },
            { plan: 'suppress', code: 'no_address', items: [8], trace: 1 },
            { plan: 'defer', code: 'scheduled', until: at(60_000), items: [24], trace: 0 },
          ],
          { plannedAt: at(5), traces: [TRACE, none] },
        ),
      );
  });

  test('the start of the first sub-batch stands in the same append, what else goes is asked for', () => {
    const start = [{ items: [0], attempt: 1, provider: 'smtp', locale: 'de' }];
    const go: readonly Outcome[] = [0, 8].map((n) => ({ n, trace: TRACE, plan: 'go' }));
    given(requested({ people: 2 }))
      .when(plan(go, { start, later: [{ items: [8], at: at(5) }] }))
      .then(
        planned([goes(0, 8)], { plannedAt: at(5), later: [{ items: [8], at: at(5) }] }),
        started('c1', [0], { locale: 'de', startedAt: at(5) }),
      );
  });

  test('what was loaded for a retry and goes again is only started', () => {
    given(requested(), planned([goes(0)]), started('c0', [0]), recorded('c0', [retried([0])]))
      .when(plan([], { start: [{ items: [0], attempt: 2, provider: 'smtp' }] }))
      .then(started('c1', [0], { attempt: 2, startedAt: at(5) }));
  });

  test('a failure to render, and a channel that is left, are outcomes too', () => {
    given(requested({ terms: { channels: ['email', 'sms'], channelsNamed: false } }))
      .when(
        plan([
          { n: 0, trace: TRACE, plan: 'fail', code: 'template_invalid' },
          { n: 1, trace: none, plan: 'leave' },
        ]),
      )
      .then(
        planned(
          [
            { plan: 'fail', code: 'template_invalid', items: [0], trace: 0 },
            { plan: 'leave', items: [1], trace: 1 },
          ],
          { plannedAt: at(5), traces: [TRACE, none] },
        ),
      );
  });

  test('what is in flight or has ended is never overwritten by what a gate says', () => {
    const suppress = (n: number): Outcome => ({ n, trace: none, plan: 'suppress', code: 'no_address' });
    given(requested({ people: 3 }), planned([goes(0, 8, 16)]), started('c0', [0, 8]), recorded('c0', [sent([8])]), cancelled([16], [0]))
      .when(plan([0, 8, 16, 24].map(suppress)))
      .thenNothing();
  });

  test('leaves each delivery in the state that its group names, due when the group says', () => {
    const state = stateAfter(
      requested({ people: 6, planAt: at(1) }),
      planned(
        [
          goes(0, 8),
          { plan: 'suppress', code: 'no_address', items: [16], trace: 0 },
          { plan: 'defer', code: 'batch_paused', until: at(900), items: [24], trace: 0 },
          { plan: 'fail', code: 'template_invalid', items: [32], trace: 0 },
          left(40),
        ],
        { later: [{ items: [8], at: at(5) }] },
      ),
    );
    expect([...state.deliveries.values()].map(({ n, status, until, code }) => [n, status, until, code])).toStrictEqual([
      [0, 'planned', undefined, undefined],
      [8, 'planned', at(5), undefined],
      [16, 'suppressed', undefined, 'no_address'],
      [24, 'deferred', at(900), 'batch_paused'],
      [32, 'failed', undefined, 'template_invalid'],
      [40, 'left', undefined, undefined],
    ]);
  });
});

describe('cancelling', () => {
  const cancel = (more: object = {}): NotificationCommand => ({ type: 'CancelNotification', data: { now: at(9), ...more } });

  test('ends what waits and marks what is in flight', () => {
    given(
      requested({ people: 5 }),
      planned([goes(0, 8, 16), { plan: 'defer', code: 'batch_paused', until: at(900), items: [24], trace: 0 }]),
      started('c1', [0, 8]),
      recorded('c1', [retried([8])]),
    )
      .when(cancel({ reason: 'ordered by mistake' }))
      .then({
        type: 'NotificationCancelled',
        data: { ...OF, items: [8, 16, 24, 32], open: [0], cancelledAt: at(9), reason: { open: 'ordered by mistake' } },
      });
  });
  test('of some recipients only them', () => {
    given(requested({ people: 3, terms: { channels: ['email', 'sms'] } }))
      .when(cancel({ recipients: [1] }))
      .then({ type: 'NotificationCancelled', data: { ...OF, items: [8, 9], open: [], cancelledAt: at(9) } });
  });
  test('twice is once, also while its hand-off is open', () => {
    given(requested(), planned([goes(0)]), started('c1', [0]), cancelled([], [0]))
      .when(cancel())
      .thenNothing();
    given(requested(), cancelled([0]))
      .when(cancel())
      .thenNothing();
  });
  test('what has been sent, has failed or was suppressed cannot be cancelled', () => {
    given(
      requested({ people: 3 }),
      planned([goes(0, 8), { plan: 'suppress', code: 'no_address', items: [16], trace: 0 }]),
      started('c1', [0, 8]),
      recorded('c1', [sent([0]), ended('failed', [8])]),
    )
      .when(cancel())
      .thenRejected('nothing_to_cancel');
    given(requested({ people: 2 }), cancelled([0]), planned([goes(8)]), started('c1', [8]), recorded('c1', [sent([8])]))
      .when(cancel({ recipients: [1] }))
      .thenRejected('nothing_to_cancel');
  });
  test('what an unanswered start may have sent ends as unknown, not as cancelled', () => {
    const doubtful = [requested(), planned([goes(0)]), started('c1', [0]), recorded('c1', [retried([0], { doubt: true })])] as const;
    expect(statusesAfter(...doubtful, cancelled([0]))).toStrictEqual({ 0: 'unknown' });
  });
});

describe('rescheduling', () => {
  const schedule = { at: '2026-12-01T09:00:00.000Z' as Instant };
  const reschedule: NotificationCommand = { type: 'RescheduleNotification', data: { now: at(9), schedule, planAt: schedule.at } };
  const rescheduled = (items: readonly number[]) =>
    ({ type: 'NotificationRescheduled', data: { ...OF, schedule, planAt: schedule.at, items, rescheduledAt: at(9) } }) as const;

  test('moves what was never started', () => {
    given(requested({ people: 4 }), planned([goes(0, 8, 16)]), started('c1', [0, 8]), recorded('c1', [sent([0]), retried([8])]))
      .when(reschedule)
      .then(rescheduled([16, 24]));
  });
  test('what moved is deferred until then, and the newest schedule counts', () => {
    const state = stateAfter(requested(), rescheduled([0]));
    expect(state.schedule).toStrictEqual(schedule);
    expect([...state.deliveries.values()].map(({ status, until, code }) => [status, until, code])).toStrictEqual([
      ['deferred', schedule.at, 'scheduled'],
    ]);
  });
  test('to where it stands already is nothing new, however the schedule is written', () => {
    given(requested(), rescheduled([0]))
      .when(reschedule)
      .thenNothing();
    const local = { local: '2026-12-01T09:00', timeZone: 'recipient' };
    given(requested({ terms: { schedule: local } }))
      .when({
        type: 'RescheduleNotification',
        data: { now: at(9), schedule: { timeZone: 'recipient', local: '2026-12-01T09:00' }, planAt: T0 },
      })
      .thenNothing();
  });
  test('is refused when everything is under way or over', () => {
    given(requested(), planned([goes(0)]), started('c1', [0]), recorded('c1', [retried([0])]))
      .when(reschedule)
      .thenRejected('nothing_to_reschedule');
  });
});

describe('releasing after a pause', () => {
  const release: NotificationCommand = { type: 'ReleaseNotification', data: { now: at(9) } };
  test('makes due what the pause held back, and nothing else', () => {
    const held = planned([
      { plan: 'defer', code: 'batch_paused', until: at(900), items: [0], trace: 0 },
      { plan: 'defer', code: 'scheduled', until: at(900), items: [8], trace: 0 },
    ]);
    given(requested({ people: 2 }), held)
      .when(release)
      .then({ type: 'NotificationRescheduled', data: { ...OF, planAt: at(9), items: [0], rescheduledAt: at(9) } });
  });
  test('twice changes nothing', () => {
    given(requested()).when(release).thenNothing();
  });
  test('keeps the schedule', () => {
    const schedule = { at: at(1000) };
    const released = { type: 'NotificationRescheduled', data: { ...OF, planAt: at(9), items: [0], rescheduledAt: at(9) } } as const;
    expect(stateAfter(requested({ terms: { schedule } }), released).schedule).toStrictEqual(schedule);
  });
});

describe('redriving', () => {
  const redrive = (more: object = {}): NotificationCommand => ({ type: 'RedriveDeliveries', data: { now: at(9), ...more } });
  const redriven = (items: readonly number[], more: object = {}) =>
    ({ type: 'DeliveriesRedriven', data: { ...OF, items, redrivenAt: at(9), ...more } }) as const;
  const dead = [
    requested({ people: 5 }),
    planned([goes(0, 8, 16), { plan: 'fail', code: 'template_invalid', items: [24], trace: 0 }]),
    started('c1', [0, 8, 16]),
    recorded('c1', [ended('failed', [0]), ended('dead', [8]), ended('unknown', [16])]),
  ] as const;

  test('sends all dead letters on their way again', () => {
    given(...dead)
      .when(redrive({ reason: 'the template is mended' }))
      .then(redriven([0, 8, 16, 24], { reason: { open: 'the template is mended' } }));
  });
  test('or those that are named', () => {
    given(...dead)
      .when(redrive({ items: [8, 32] }))
      .then(redriven([8]));
  });
  test('what is not dead cannot be redriven', () => {
    given(...dead)
      .when(redrive({ items: [32] }))
      .thenRejected('nothing_to_redrive');
    given(requested(), cancelled([0]))
      .when(redrive())
      .thenRejected('nothing_to_redrive');
  });
  test('gives a new key to what was refused, keeps that of an open outcome, and gives all tries and starts anew', () => {
    const state = stateAfter(...dead, redriven([0, 8, 16, 24]));
    expect(
      [...state.deliveries.values()].map(({ n, status, attempt, tries, spent, until }) => [n, status, attempt, tries, spent, until]),
    ).toStrictEqual([
      [0, 'new', 2, 0, 1, at(9)],
      [8, 'new', 2, 0, 1, at(9)],
      [16, 'new', 1, 0, 1, at(9)],
      [24, 'new', 2, 0, 0, at(9)],
      [32, 'new', 1, 0, 0, T0],
    ]);
  });
  test('what keeps its doubt keeps its key, and ends as unknown if a gate says no', () => {
    const doubtful = [
      requested(),
      planned([goes(0)]),
      started('c1', [0]),
      recorded('c1', [ended('unknown', [0])]),
      redriven([0]),
      planned([goes(0)]),
      started('c2', [0]),
      recorded('c2', [ended('failed', [0])]),
      redriven([0]),
    ] as const;
    expect(stateAfter(...doubtful).deliveries.get(0)?.attempt).toBe(1);
    expect(statusesAfter(...doubtful, planned([{ plan: 'suppress', code: 'no_address', items: [0], trace: 0 }]))).toStrictEqual({
      0: 'unknown',
    });
  });
});

test('an event before the request has nothing to be applied to', () => {
  expect(notification.evolve(notification.initial(), cancelled([0]))).toStrictEqual({ status: 'absent' });
  expect(NOTIFICATION_ID).toBe(requested().data.notificationId);
});
