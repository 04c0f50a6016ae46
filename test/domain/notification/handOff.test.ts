import { describe, expect, test } from 'vitest';
import type { NotificationEvent } from '../../../src/domain/notification/events.ts';
import { notification, type NotificationCommand } from '../../../src/domain/notification/notification.ts';
import { RETRY } from '../../../src/domain/policy/retry.ts';
import type { SubjectId } from '../../../src/domain/values/ids.ts';
import { scenario } from '../../support/given.ts';
import {
  accepted,
  answer,
  answers,
  at,
  cancelled,
  ended,
  goes,
  noAnswer,
  notCalled,
  OF,
  planned,
  recorded,
  refused,
  requested,
  retried,
  sent,
  started,
  stateAfter,
  statusesAfter,
  subjectNo,
} from '../../support/notifications.ts';

const { given } = scenario(notification);
const inFlight = (people = 1, terms = {}): readonly NotificationEvent[] => {
  const items = Array.from({ length: people }, (_, index) => 8 * index);
  return [requested({ people, terms }), planned([goes(...items)]), started('c1', items)];
};
/** Half the draw of 10 s, on the whole second. */
const SOON = at(5_000);

describe('an answer to the newest open start', () => {
  test('accepted: sent, with the ids that the provider gave', () => {
    given(...inFlight(3))
      .when(answers('c1', [accepted(0, { messageId: 'm-0' }), accepted(8), accepted(16, { messageId: 'm-2' })]))
      .then(recorded('c1', [sent([0, 8, 16], { messageIds: ['m-0', null, 'm-2'] })]));
  });
  test('captured is told apart', () => {
    given(...inFlight(2))
      .when(answers('c1', [accepted(0, { captured: true }), accepted(8, { captured: false })]))
      .then(recorded('c1', [sent([0], { captured: true }), sent([8])]));
  });
  test('refused for good: failed, with our code, and the words of the provider apart', () => {
    given(...inFlight())
      .when(
        answers('c1', [
          answer({ n: 0, detail: '550 no such user' }, { outcome: 'refused', kind: 'permanent', code: 'mailbox_unavailable' }),
        ]),
      )
      .then(
        recorded('c1', [ended('failed', [0], { code: 'mailbox_unavailable' })], {
          details: [{ n: 0, subject: subjectNo(0), detail: { open: '550 no such user' } }],
        }),
      );
  });
  test('what an acceptance says in words is not kept', () => {
    given(...inFlight())
      .when(answers('c1', [accepted(0, { detail: '250 queued' })]))
      .then(recorded('c1', [sent([0])]));
  });
  test('refused for now: tried again after a back-off, under a new key', () => {
    const events = [...inFlight(), recorded('c1', [retried([0], { code: 'no', retryAt: SOON })])];
    given(...inFlight())
      .when(answers('c1', [refused(0, 'transient')]))
      .then(recorded('c1', [retried([0], { code: 'no', retryAt: SOON })]));
    const { status, attempt, tries, doubt, until } = stateAfter(...events).deliveries.get(0)!;
    expect({ status, attempt, tries, doubt, until }).toStrictEqual({ status: 'retry', attempt: 2, tries: 1, doubt: false, until: SOON });
  });
  test('throttled: not before the provider wants it, and not counted as a try', () => {
    given(...inFlight())
      .when(answers('c1', [refused(0, 'throttled', { retryAfterMs: 40_000 })]))
      .then(recorded('c1', [retried([0], { code: 'no', counts: false, retryAt: at(45_000) })]));
  });
  test('what throttles for long backs off by its starts', () => {
    const often = Array.from({ length: 6 }, (_, i) => [
      started(`t${i}`, [0], { attempt: i + 1 }),
      recorded(`t${i}`, [retried([0], { counts: false })]),
    ]).flat();
    given(requested(), planned([goes(0)]), ...often, started('c1', [0], { attempt: 7 }))
      .when(answers('c1', [answer({ n: 0, attempt: 7 }, { outcome: 'refused', kind: 'throttled', code: 'slow_down' })]))
      .then(recorded('c1', [retried([0], { attempt: 7, code: 'slow_down', counts: false, retryAt: at(320_000) })]));
  });
  test('no answer: tried again under the same key where the provider takes keys, or where the type lets it be doubled', () => {
    const doubt = retried([0], { code: 'timeout', doubt: true, retryAt: SOON });
    given(...inFlight(1, { unknownOutcome: 'hold' }))
      .when(answers('c1', [noAnswer(0, true)]))
      .then(recorded('c1', [doubt]));
    given(...inFlight())
      .when(answers('c1', [noAnswer(0, false)]))
      .then(recorded('c1', [doubt]));
    const { attempt, tries, doubt: isDoubtful } = stateAfter(...inFlight(), recorded('c1', [doubt])).deliveries.get(0)!;
    expect({ attempt, tries, isDoubtful }).toStrictEqual({ attempt: 1, tries: 1, isDoubtful: true });
  });
  test('no answer, without keys, of a type that holds: unknown', () => {
    given(...inFlight(1, { unknownOutcome: 'hold' }))
      .when(answers('c1', [noAnswer(0, false)]))
      .then(recorded('c1', [ended('unknown', [0], { code: 'timeout' })]));
  });
  test('not called: due again at once, under the same key', () => {
    given(...inFlight())
      .when(answers('c1', [notCalled(0)], { now: at(7) }))
      .then(recorded('c1', [{ items: [0], attempt: 1, provider: 'smtp', result: 'returned', retryAt: at(7) }], { recordedAt: at(7) }));
    const { status, attempt, tries } = stateAfter(
      ...inFlight(),
      recorded('c1', [{ items: [0], attempt: 1, provider: 'smtp', result: 'returned', retryAt: at(7) }]),
    ).deliveries.get(0)!;
    expect({ status, attempt, tries }).toStrictEqual({ status: 'retry', attempt: 1, tries: 0 });
  });
  test('alike answers are one group, others are not', () => {
    given(...inFlight(5))
      .when(
        answers('c1', [
          refused(0, 'transient'),
          refused(8, 'permanent'),
          refused(16, 'transient'),
          refused(24, 'transient', { code: 'other' }),
          accepted(32),
        ]),
      )
      .then(
        recorded('c1', [
          retried([0, 16], { code: 'no', retryAt: SOON }),
          ended('failed', [8], { code: 'no' }),
          retried([24], { code: 'other', retryAt: SOON }),
          sent([32]),
        ]),
      );
  });
});

describe('an answer that comes late', () => {
  const recovered = [...inFlight(), started('c2', [0], { until: at(60_000), startedAt: at(30_000) })] as const;

  test('an acceptance counts, whatever the log says by now', () => {
    const late = recorded('c1', [sent([0])]);
    given(...recovered)
      .when(answers('c1', [accepted(0)]))
      .then(late);
    given(...recovered, recorded('c2', [ended('unknown', [0])]))
      .when(answers('c1', [accepted(0)]))
      .then(late);
    given(...recovered, recorded('c2', [ended('dead', [0])]))
      .when(answers('c1', [accepted(0)]))
      .then(late);
    given(...inFlight(), cancelled([], [0]), recorded('c1', [ended('unknown', [0])]))
      .when(answers('c1', [accepted(0)]))
      .then(late);
    for (const end of ['unknown', 'failed', 'dead', 'cancelled'] as const)
      expect(statusesAfter(...recovered, recorded('c2', [ended(end, [0])]), late)).toStrictEqual({ 0: 'sent' });
  });
  test('anything else says nothing that the log does not know better', () => {
    given(...recovered)
      .when(answers('c1', [refused(0, 'permanent')]))
      .thenNothing();
    given(...recovered)
      .when(answers('c1', [refused(0, 'transient')]))
      .thenNothing();
    given(...recovered)
      .when(answers('c1', [noAnswer(0, true)]))
      .thenNothing();
    given(...recovered)
      .when(answers('c1', [notCalled(0)]))
      .thenNothing();
    given(...recovered, recorded('c2', [sent([0])]))
      .when(answers('c1', [refused(0, 'permanent')]))
      .thenNothing();
  });
  test('and if such a result stood in the log all the same, it would change nothing', () => {
    expect(statusesAfter(...recovered, recorded('c1', [ended('failed', [0])]))).toStrictEqual({ 0: 'open' });
  });
  test('of a delivery that the notification does not have says nothing', () => {
    given(...inFlight())
      .when(answers('c1', [accepted(5), accepted(0)]))
      .then(recorded('c1', [sent([0])]));
  });
});

describe('a start without an answer of its own', () => {
  const doubtful = [...inFlight(), started('c2', [0])] as const;
  test('keeps the key, whatever later starts say', () => {
    expect(stateAfter(...doubtful).deliveries.get(0)).toMatchObject({ doubt: true, attempt: 1, starts: 2 });
    expect(stateAfter(...doubtful, recorded('c2', [retried([0])])).deliveries.get(0)).toMatchObject({
      doubt: true,
      attempt: 1,
      status: 'retry',
    });
  });
  test.each(['failed', 'dead', 'cancelled'] as const)('ends as unknown where it would end as %s', (result) => {
    expect(statusesAfter(...doubtful, recorded('c2', [ended(result, [0])]))).toStrictEqual({ 0: 'unknown' });
  });
  test.each(['suppress', 'fail'] as const)('ends as unknown where a plan says %s', (plan) => {
    const retry = [...doubtful, recorded('c2', [retried([0])])];
    expect(statusesAfter(...retry, planned([{ plan, code: 'no_address', items: [0], trace: 0 }]))).toStrictEqual({ 0: 'unknown' });
  });
  test('ends well with an acceptance', () => {
    expect(statusesAfter(...doubtful, recorded('c2', [sent([0])]))).toStrictEqual({ 0: 'sent' });
  });
});

describe('what was cancelled while in flight', () => {
  const unwanted = [...inFlight(), cancelled([], [0])];
  test('is sent if the provider took it', () => {
    given(...unwanted)
      .when(answers('c1', [accepted(0)]))
      .then(recorded('c1', [sent([0])]));
  });
  test('is not tried again', () => {
    given(...unwanted)
      .when(answers('c1', [refused(0, 'transient')]))
      .then(recorded('c1', [ended('cancelled', [0], { code: 'no' })]));
    given(...unwanted)
      .when(answers('c1', [notCalled(0)]))
      .then(recorded('c1', [ended('cancelled', [0])]));
    given(...unwanted)
      .when(answers('c1', [noAnswer(0, true)]))
      .then(recorded('c1', [ended('unknown', [0], { code: 'timeout' })]));
  });
  test('has failed where it was refused for good', () => {
    given(...unwanted)
      .when(answers('c1', [refused(0, 'permanent')]))
      .then(recorded('c1', [ended('failed', [0], { code: 'no' })]));
  });
});

describe('when the tries are used up', () => {
  const triedTwice = [
    ...inFlight(),
    recorded('c1', [retried([0])]),
    started('c2', [0], { attempt: 2 }),
    recorded('c2', [retried([0], { attempt: 2 })]),
    started('c3', [0], { attempt: 3 }),
  ] as const;
  const retry = { ...RETRY, maxTries: 3 };
  const last = { n: 0, attempt: 3 };

  test('a refusal for now is a dead letter', () => {
    given(...triedTwice)
      .when(answers('c3', [answer(last, { outcome: 'refused', kind: 'transient', code: 'no' })], { retry }))
      .then(recorded('c3', [ended('dead', [0], { attempt: 3, code: 'no' })]));
  });
  test('no answer is unknown', () => {
    given(...triedTwice)
      .when(answers('c3', [answer(last, { outcome: 'unknown', code: 'timeout', takesKeys: true })], { retry }))
      .then(recorded('c3', [ended('unknown', [0], { attempt: 3, code: 'timeout' })]));
  });
  test('a throttled one goes on', () => {
    const decision = given(...triedTwice)
      .when(answers('c3', [answer(last, { outcome: 'refused', kind: 'throttled', code: 'no' })], { retry }))
      .decision();
    expect(decision).toMatchObject([{ data: { results: [{ result: 'retry', counts: false }] } }]);
  });
  test('but not beyond the most starts, nor does one that is never called', () => {
    const few = { ...RETRY, maxStarts: 3 };
    given(...triedTwice)
      .when(answers('c3', [answer(last, { outcome: 'refused', kind: 'throttled', code: 'no' })], { retry: few }))
      .then(recorded('c3', [ended('dead', [0], { attempt: 3, code: 'no' })]));
    given(...triedTwice)
      .when(answers('c3', [answer(last, { outcome: 'returned' })], { retry: few }))
      .then(recorded('c3', [ended('dead', [0], { attempt: 3, code: 'claim_over' })]));
  });
  test('redriven, it has all of them anew', () => {
    const again = [
      ...triedTwice,
      recorded('c3', [ended('dead', [0], { attempt: 3 })]),
      { type: 'DeliveriesRedriven', data: { ...OF, items: [0], redrivenAt: at(9) } } as const,
      planned([goes(0)]),
      started('c4', [0], { attempt: 4 }),
    ];
    const decision = given(...again)
      .when(
        answers('c4', [answer({ n: 0, attempt: 4 }, { outcome: 'refused', kind: 'transient', code: 'no' })], {
          retry: { ...retry, maxStarts: 3 },
        }),
      )
      .decision();
    expect(decision).toMatchObject([{ data: { results: [{ result: 'retry', retryAt: SOON }] } }]);
  });
});

describe('the start of the next sub-batch', () => {
  const next = (starts: readonly number[], attempt = 1) => ({ next: [{ group: { items: [8, 16], attempt, provider: 'smtp' }, starts }] });
  const first = [
    requested({ people: 3 }),
    planned([goes(0, 8, 16)], { later: [{ items: [8, 16], at: at(0) }] }),
    started('c1', [0]),
  ] as const;

  test('stands in one append with the record of this one', () => {
    given(...first)
      .when(answers('c1', [accepted(0)], next([0, 0])))
      .then(recorded('c1', [sent([0])]), started('c1', [8, 16]));
  });
  test('leaves out what was cancelled, and what was started elsewhere since', () => {
    given(...first, cancelled([8]))
      .when(answers('c1', [accepted(0)], next([0, 0])))
      .then(recorded('c1', [sent([0])]), started('c1', [16]));
    given(...first, started('c2', [8]))
      .when(answers('c1', [accepted(0)], next([0, 0])))
      .then(recorded('c1', [sent([0])]), started('c1', [16]));
    const startedAndReturned = [
      started('c2', [8]),
      recorded('c2', [{ items: [8], attempt: 1, provider: 'smtp', result: 'returned' as const, retryAt: at(0) }]),
    ];
    given(...first, ...startedAndReturned)
      .when(answers('c1', [accepted(0)], next([0, 0])))
      .then(recorded('c1', [sent([0])]), started('c1', [16]));
  });
  test('is nothing when nothing of it is left, nor when its key is another by now', () => {
    given(...first, cancelled([8, 16]))
      .when(answers('c1', [accepted(0)], next([0, 0])))
      .then(recorded('c1', [sent([0])]));
    given(...first)
      .when(answers('c1', [accepted(0)], next([0, 0], 2)))
      .then(recorded('c1', [sent([0])]));
  });
  test('goes without a record where this notification had nothing to answer', () => {
    given(...first, recorded('c1', [sent([0])]))
      .when(answers('c1', [], next([0, 0])))
      .then(started('c1', [8, 16]));
  });
});

describe('recovering starts whose claim ran out', () => {
  const recover = (more: object): NotificationCommand => ({
    type: 'RecoverDeliveries',
    data: { claim: 'c9', until: at(90_000), now: at(31_000), again: [], unknown: [], later: [], ...more },
  });
  const again = started('c9', [0], { until: at(90_000), startedAt: at(31_000) });
  const noAnswerOf = (claim: string, items: readonly number[]) =>
    recorded(claim, [ended('unknown', items, { code: 'no_answer' })], { recordedAt: at(31_000) });

  test('goes to the provider again with the same attempt, and so the same key', () => {
    given(...inFlight())
      .when(recover({ again: [{ items: [0], attempt: 1, provider: 'smtp' }] }))
      .then(again);
  });
  test('what nobody asks for again is unknown, recorded under the claim that started it', () => {
    given(requested({ people: 3 }), planned([goes(0, 8, 16)]), started('c1', [0, 8]), started('c2', [16]))
      .when(recover({ unknown: [0, 8, 16] }))
      .then(noAnswerOf('c1', [0, 8]), noAnswerOf('c2', [16]));
  });
  test('what a gate defers is asked again then, under the same key and without counting', () => {
    const later = recorded('c1', [retried([0], { code: 'no_answer', doubt: true, counts: false, retryAt: at(900_000) })], {
      recordedAt: at(31_000),
    });
    given(...inFlight())
      .when(recover({ later: [{ n: 0, at: at(900_000) }] }))
      .then(later);
    expect(stateAfter(...inFlight(), later).deliveries.get(0)).toMatchObject({ status: 'retry', attempt: 1, tries: 0, doubt: true });
  });
  test('what was cancelled in flight waits for no gate, and is unknown', () => {
    given(...inFlight(), cancelled([], [0]))
      .when(recover({ later: [{ n: 0, at: at(900_000) }] }))
      .then(noAnswerOf('c1', [0]));
  });
  test('what has been answered meanwhile is left alone', () => {
    given(...inFlight(), recorded('c1', [sent([0])]))
      .when(recover({ unknown: [0] }))
      .thenNothing();
  });
});

test('subjects are whom the answers name', () => {
  const other = 'somebodyelse0000000000' as SubjectId;
  given(...inFlight())
    .when(answers('c1', [{ ...refused(0, 'permanent'), subject: other, detail: 'x' }]))
    .then(recorded('c1', [ended('failed', [0], { code: 'no' })], { details: [{ n: 0, subject: other, detail: { open: 'x' } }] }));
});
