import { describe, expect, test } from 'vitest';
import type { NotificationEvent } from '../../../src/domain/notification/events.ts';
import { notification, type NotificationCommand } from '../../../src/domain/notification/notification.ts';
import type { Outcome } from '../../../src/domain/notification/plan.ts';
import type { Trace } from '../../../src/domain/values/verdict.ts';
import { scenario } from '../../support/given.ts';
import {
  accepted,
  answers,
  at,
  cancelled,
  ended,
  goes,
  left,
  noAnswer,
  planned,
  recorded,
  refused,
  requested,
  retried,
  sent,
  started,
  stateAfter,
  TRACE,
} from '../../support/notifications.ts';

const { given } = scenario(notification);
const first = { channels: ['email', 'sms', 'push'], routing: { method: 'first', until: 'accepted' } } as const;
const untilDelivered = { ...first, routing: { method: 'first', until: 'delivered', waitMs: 600_000 } } as const;
const [EMAIL, SMS, PUSH] = [0, 1, 2];
const asked = [requested({ terms: first }), planned([goes(EMAIL), left(SMS, PUSH)]), started('c1', [EMAIL])] as const;
const waiting = [requested({ terms: untilDelivered }), planned([goes(EMAIL), left(SMS, PUSH)]), started('c1', [EMAIL])] as const;

describe('after an answer, routing first', () => {
  test('a channel that is refused for good hands over to the next one that was left', () => {
    given(...asked)
      .when(answers('c1', [refused(EMAIL, 'permanent')], { now: at(5) }))
      .then(recorded('c1', [ended('failed', [EMAIL], { code: 'no' })], { recordedAt: at(5), escalated: [{ items: [SMS], at: at(5) }] }));
    expect(
      stateAfter(...asked, recorded('c1', [ended('failed', [EMAIL])], { escalated: [{ items: [SMS], at: at(5) }] })).deliveries.get(SMS),
    ).toMatchObject({ status: 'deferred', code: 'scheduled', until: at(5) });
  });
  test('several people hand over in one group', () => {
    given(requested({ people: 2, terms: first }), planned([goes(0, 8), left(1, 2, 9, 10)]), started('c1', [0, 8]))
      .when(answers('c1', [refused(0, 'permanent'), refused(8, 'permanent')]))
      .then(recorded('c1', [ended('failed', [0, 8], { code: 'no' })], { escalated: [{ items: [1, 9], at: at(0) }] }));
  });
  test('one that was accepted does not, nor one that is tried again', () => {
    given(...asked)
      .when(answers('c1', [accepted(EMAIL)]))
      .then(recorded('c1', [sent([EMAIL])]));
    given(...asked)
      .when(answers('c1', [refused(EMAIL, 'transient')]))
      .then(recorded('c1', [retried([EMAIL], { code: 'no', retryAt: at(5_000) })]));
  });
  test('one that may have been taken does not', () => {
    given(...asked, started('c2', [EMAIL]))
      .when(answers('c2', [refused(EMAIL, 'permanent')]))
      .then(recorded('c2', [ended('failed', [EMAIL], { code: 'no' })]));
    given(requested({ terms: { ...first, unknownOutcome: 'hold' } }), planned([goes(EMAIL), left(SMS, PUSH)]), started('c1', [EMAIL]))
      .when(answers('c1', [noAnswer(EMAIL, false)]))
      .then(recorded('c1', [ended('unknown', [EMAIL], { code: 'timeout' })]));
  });
  test('one that was cancelled does not', () => {
    given(...asked, cancelled([], [EMAIL]))
      .when(answers('c1', [refused(EMAIL, 'permanent')]))
      .then(recorded('c1', [ended('failed', [EMAIL], { code: 'no' })]));
  });
  test('the last one has nobody to hand over to', () => {
    given(requested({ terms: first }), planned([left(EMAIL, SMS), goes(PUSH)]), started('c1', [PUSH]))
      .when(answers('c1', [refused(PUSH, 'permanent')]))
      .then(recorded('c1', [ended('failed', [PUSH], { code: 'no' })]));
  });
  test('until delivered: the next is looked at after the wait, since it may be confirmed by then', () => {
    given(...waiting)
      .when(answers('c1', [accepted(EMAIL)]))
      .then(recorded('c1', [sent([EMAIL])], { escalated: [{ items: [SMS], at: at(600_000) }] }));
  });
  test('to all there is nobody to hand over to', () => {
    given(requested({ terms: { channels: ['email', 'sms'] } }), planned([goes(EMAIL), left(SMS)]), started('c1', [EMAIL]))
      .when(answers('c1', [refused(EMAIL, 'permanent')]))
      .then(recorded('c1', [ended('failed', [EMAIL], { code: 'no' })]));
  });
});

describe('after a plan, routing first', () => {
  const trace: Trace = TRACE;
  const plan = (...outcomes: readonly Outcome[]): NotificationCommand => ({
    type: 'PlanDeliveries',
    data: { claim: 'c2', until: at(60_000), now: at(7), outcomes, start: [], later: [] },
  });
  const fail: Outcome = { n: EMAIL, trace, plan: 'fail', code: 'template_invalid' };
  const suppress = (n: number, code: 'no_consent' | 'duplicate' | 'expired'): Outcome => ({ n, trace, plan: 'suppress', code });
  const leave = (n: number): Outcome => ({ n, trace, plan: 'leave' });
  const escalatedOf = (events: readonly NotificationEvent[], ...outcomes: readonly Outcome[]): unknown => {
    const [event] = given(...events)
      .when(plan(...outcomes))
      .decision() as readonly { readonly data: { readonly escalated?: unknown } }[];
    return event?.data.escalated;
  };

  test('what cannot be made hands over to the channel that was left for it', () => {
    expect(escalatedOf([requested({ terms: first })], fail, leave(SMS), leave(PUSH))).toStrictEqual([{ items: [SMS], at: at(7) }]);
    const [event] = given(requested({ terms: first }))
      .when(plan(fail, leave(SMS), leave(PUSH)))
      .decision() as readonly [ReturnType<typeof planned>];
    expect(
      [...stateAfter(requested({ terms: first }), event).deliveries.values()].map(({ status, until }) => [status, until]),
    ).toStrictEqual([
      ['failed', undefined],
      ['deferred', at(7)],
      ['left', undefined],
    ]);
  });
  test('a retry that a gate stops hands over to a channel left before', () => {
    expect(escalatedOf([...asked, recorded('c1', [retried([EMAIL])])], suppress(EMAIL, 'no_consent'))).toStrictEqual([
      { items: [SMS], at: at(7) },
    ]);
  });
  test('nobody is called upon where another channel goes, waits, or has been sent', () => {
    expect(
      escalatedOf([requested({ terms: first })], suppress(EMAIL, 'no_consent'), { n: SMS, trace, plan: 'go' }, leave(PUSH)),
    ).toStrictEqual([]);
    expect(
      escalatedOf([requested({ terms: first })], fail, { n: SMS, trace, plan: 'defer', code: 'scheduled', until: at(99) }, leave(PUSH)),
    ).toStrictEqual([]);
    const smsSent = [requested({ terms: first }), planned([left(PUSH), goes(SMS)]), started('c1', [SMS]), recorded('c1', [sent([SMS])])];
    expect(escalatedOf(smsSent, suppress(EMAIL, 'no_consent'))).toStrictEqual([]);
  });
  test('nor where another channel would say the same again, come too late, or may not be needed', () => {
    expect(escalatedOf([requested({ terms: first })], suppress(EMAIL, 'duplicate'), leave(SMS), leave(PUSH))).toStrictEqual([]);
    expect(escalatedOf([requested({ terms: first })], suppress(EMAIL, 'expired'), leave(SMS), leave(PUSH))).toStrictEqual([]);
    expect(escalatedOf([...asked, recorded('c1', [retried([EMAIL], { doubt: true })])], suppress(EMAIL, 'no_consent'))).toStrictEqual([]);
  });
  test('nor to all', () => {
    expect(escalatedOf([requested({ terms: { channels: ['email', 'sms'] } })], fail, leave(SMS))).toStrictEqual([]);
  });
});
