import { describe, expect, test } from 'vitest';
import type { Recorded } from '../../../src/domain/kernel/metadata.ts';
import type { Aftermath } from '../../../src/domain/notification/aftermath.ts';
import type { NotificationEvent } from '../../../src/domain/notification/events.ts';
import { deliveriesOf, explain } from '../../../src/domain/notification/explanation.ts';
import type { Position } from '../../../src/domain/values/ids.ts';
import type { Instant } from '../../../src/domain/values/instant.ts';
import type { Trace } from '../../../src/domain/values/verdict.ts';
import {
  at,
  cancelled,
  ended,
  goes,
  left,
  OF,
  planned,
  recorded,
  requested,
  retried,
  sent,
  started,
  T0,
} from '../../support/notifications.ts';
import { positionNo, recordedLog } from '../../support/recordedLog.ts';

/** The same event, at another instant: that of what it tells, not that of its writing. */
function happening(event: NotificationEvent, when: Instant): NotificationEvent {
  // All of them say when the notification was requested.
  const names = ['plannedAt', 'startedAt', 'recordedAt', 'redrivenAt', 'rescheduledAt', 'cancelledAt', 'requestedAt'] as const;
  const own = names.find((name) => name in event.data) ?? 'requestedAt';
  return { ...event, data: { ...event.data, [own]: when } } as NotificationEvent;
}

const log = (...events: readonly NotificationEvent[]): readonly Recorded<NotificationEvent>[] =>
  recordedLog(
    events.map((event, place) => happening(event, at(place))),
    { occurredAt: (place) => at(1000 + place) },
  );
const sentence = (n: number, ...events: readonly NotificationEvent[]): string | undefined => explain(log(...events), n)?.sentence;
const whats = (n: number, ...events: readonly NotificationEvent[]) => explain(log(...events), n)?.timeline.map(({ what }) => what);
const NO: Trace = [
  { gate: 'address', verdict: 'pass', because: 'the request brought the address' },
  { gate: 'consent', verdict: 'suppress', code: 'no_consent', because: 'marketing needs a recorded consent, and none is on record' },
];

test('what never was cannot be explained', () => {
  expect(explain([], 0)).toBe(undefined);
  expect(explain(log(requested()), 8)).toBe(undefined);
});

test('every verdict of the newest plan, and every event that concerned it, each with its place in the log', () => {
  const events = [
    requested({ people: 2 }),
    planned([goes(0, 8)], { plannedAt: at(1) }),
    started('c1', [0]),
    recorded('c1', [retried([0], { code: 'greylisted' })]),
    started('c2', [0], { attempt: 2 }),
    recorded('c2', [sent([0], { attempt: 2 })]),
  ];
  expect(explain(log(...events), 0)).toStrictEqual({
    n: 0,
    channel: 'email',
    gates: [{ gate: 'address', verdict: 'pass', because: 'the request brought the address', at: at(1) }],
    timeline: [
      { at: at(0), event: 'NotificationRequested', what: 'requested', position: positionNo(1) },
      { at: at(1), event: 'DeliveriesPlanned', what: 'planned', position: positionNo(2) },
      { at: at(2), event: 'HandOffStarted', what: 'hand-off started', provider: 'smtp', attempt: 1, position: positionNo(3) },
      {
        at: at(3),
        event: 'HandOffRecorded',
        what: 'to be tried again',
        provider: 'smtp',
        attempt: 1,
        code: 'greylisted',
        position: positionNo(4),
      },
      { at: at(4), event: 'HandOffStarted', what: 'hand-off started', provider: 'smtp', attempt: 2, position: positionNo(5) },
      { at: at(5), event: 'HandOffRecorded', what: 'accepted by the provider', provider: 'smtp', attempt: 2, position: positionNo(6) },
    ],
    sentence: `The e-mail for “order_shipped” (orders, transactional) passed all 1 gates and was accepted by smtp at ${at(5)}.`,
  });
  expect(whats(8, ...events)).toStrictEqual(['requested', 'planned']);
});

test('what happened to others is not told', () => {
  const others = [cancelled([8]), { type: 'DeliveriesRedriven', data: { ...OF, items: [8], redrivenAt: T0 } } as const];
  expect(whats(0, requested({ people: 2 }), ...others)).toStrictEqual(['requested']);
});

test.each<[readonly NotificationEvent[], string]>([
  [[cancelled([0])], 'cancelled'],
  [[planned([goes(0)]), started('c1', [0]), cancelled([], [0])], 'cancellation came while it was in flight'],
  [[{ type: 'DeliveriesRedriven', data: { ...OF, items: [0], redrivenAt: T0 } }], 'redriven'],
  [[{ type: 'NotificationRescheduled', data: { ...OF, items: [0], planAt: T0, rescheduledAt: T0 } }], 'released'],
  [[{ type: 'NotificationRescheduled', data: { ...OF, items: [0], schedule: { at: T0 }, planAt: T0, rescheduledAt: T0 } }], 'rescheduled'],
  [[planned([left(0)])], 'left for another channel'],
  [[planned([left(0)], { escalated: [{ items: [0], at: T0 }] })], 'called upon, since the channel before did not do'],
  [[planned([left(0)]), recorded('c1', [], { escalated: [{ items: [0], at: T0 }] })], 'called upon, since the channel before did not do'],
])('the timeline says %j', (events, what) => {
  expect(whats(0, requested(), ...events)?.at(-1)).toBe(what);
});

describe('one sentence for a person', () => {
  const about = 'The e-mail for “order_shipped” (orders, transactional)';
  const open = [planned([goes(0)]), started('c1', [0])] as const;
  test.each<[string, readonly NotificationEvent[]]>([
    ['has been accepted and waits for its time.', []],
    [
      `waits until ${at(99)}: its batch is paused (gate “batch”).`,
      [
        planned([{ plan: 'defer', code: 'batch_paused', until: at(99), items: [0], trace: 0 }], {
          traces: [[{ gate: 'batch', verdict: 'defer', code: 'batch_paused', because: 'its batch is paused' }]],
        }),
      ],
    ],
    ['has passed every gate and is about to be handed off.', [planned([goes(0)], { later: [{ items: [0], at: T0 }] })]],
    ['is being handed to smtp.', open],
    ['was not taken by smtp (greylisted) and will be tried again.', [...open, recorded('c1', [retried([0], { code: 'greylisted' })])]],
    [
      `was refused for good by smtp (mailbox_unavailable) at ${at(3)}.`,
      [...open, recorded('c1', [ended('failed', [0], { code: 'mailbox_unavailable' })])],
    ],
    ['could not be made (template_invalid).', [planned([{ plan: 'fail', code: 'template_invalid', items: [0], trace: 0 }])]],
    ['was given up after 1 attempts with smtp (busy).', [...open, recorded('c1', [ended('dead', [0], { code: 'busy' })])]],
    [
      'left for smtp, which never answered for certain (timeout): it may or may not have arrived.',
      [...open, recorded('c1', [ended('unknown', [0], { code: 'timeout' })])],
    ],
    [
      'was not sent: marketing needs a recorded consent, and none is on record (gate “consent”).',
      [planned([{ plan: 'suppress', code: 'no_consent', items: [0], trace: 0 }], { traces: [NO] })],
    ],
    [`was cancelled before it went at ${at(1)}.`, [cancelled([0])]],
    ['is not needed: another channel of the same notification serves this person.', [planned([left(0)])]],
  ])('%s', (fate, events) => {
    expect(sentence(0, requested(), ...events)).toBe(`${about} ${fate}`);
  });
});

describe('what became of it after hand-off', () => {
  const handedOff = log(requested(), planned([goes(0)]), started('c1', [0]), recorded('c1', [sent([0])]));
  const heard = (kind: Aftermath['kind'], more: Partial<Aftermath> = {}): Aftermath => ({
    kind,
    at: at(10),
    provider: 'smtp',
    position: positionNo(6),
    ...more,
  });
  const about = `The e-mail for “order_shipped” (orders, transactional) passed all 1 gates and was accepted by smtp at ${at(3)}`;

  test('stands in the timeline, each with its place in the log', () => {
    const aftermath = [
      heard('confirmed', { at: at(4), position: `${positionNo(3)}.5` as Position }),
      heard('bounced', { at: at(6), bounceType: 'hard' }),
      heard('opened', { machine: true, position: positionNo(7) }),
    ];
    expect(explain(handedOff, 0, aftermath)?.timeline.slice(2)).toStrictEqual([
      { at: at(2), event: 'HandOffStarted', what: 'hand-off started', provider: 'smtp', attempt: 1, position: positionNo(3) },
      { at: at(4), event: 'EngagementRecorded', what: 'confirmed by the provider', provider: 'smtp', position: `${positionNo(3)}.5` },
      { at: at(3), event: 'HandOffRecorded', what: 'accepted by the provider', provider: 'smtp', attempt: 1, position: positionNo(4) },
      { at: at(6), event: 'EngagementRecorded', what: 'bounced', code: 'hard', provider: 'smtp', position: positionNo(6) },
      { at: at(10), event: 'EngagementRecorded', what: 'opened by a machine', provider: 'smtp', position: positionNo(7) },
    ]);
  });

  test.each<[string, readonly Aftermath[]]>([
    ['', []],
    [`, and it bounced on ${at(10)} (soft)`, [heard('confirmed', { at: at(4) }), heard('bounced', { bounceType: 'soft' })]],
    [`, and the person complained about it on ${at(10)}`, [heard('bounced', { at: at(4) }), heard('complained')]],
    [`, and the provider confirmed its arrival on ${at(10)}`, [heard('confirmed'), heard('opened', { machine: true })]],
    [`, and it was opened on ${at(10)}`, [heard('opened', { at: at(20) }), heard('opened'), heard('confirmed')]],
    [`, and it was read on ${at(10)}`, [heard('read')]],
    [`, and a link in it was followed on ${at(10)}`, [heard('opened'), heard('clicked')]],
    [`, and it was acted upon on ${at(10)}`, [heard('actioned'), heard('read')]],
  ])('the sentence goes on “%s”', (sequel, aftermath) => {
    expect(explain(handedOff, 0, aftermath)?.sentence).toBe(`${about}${sequel}.`);
  });

  test('takes the doubt from a sentence about an unknown outcome', () => {
    const events = log(requested(), planned([goes(0)]), started('c1', [0]), recorded('c1', [ended('unknown', [0], { code: 'timeout' })]));
    expect(explain(events, 0, [heard('confirmed')])?.sentence).toBe(
      'The e-mail for “order_shipped” (orders, transactional) left for smtp, which never answered for certain (timeout), ' +
        `and the provider confirmed its arrival on ${at(10)}.`,
    );
  });
});

test('deliveries of a recipient by their place in the request', () => {
  expect(deliveriesOf(['sms', 'email', 'wallet'], 2)).toStrictEqual([17, 16, 21]);
});
