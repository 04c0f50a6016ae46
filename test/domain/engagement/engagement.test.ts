import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { engagement } from '../../../src/domain/engagement/engagement.ts';
import { ENGAGEMENT_KINDS, type EngagementItem } from '../../../src/domain/engagement/events.ts';
import { withItem, type Feedback } from '../../../src/domain/engagement/feedback.ts';
import type { NotificationId, SubjectId } from '../../../src/domain/values/ids.ts';
import { instantOf, type Instant } from '../../../src/domain/values/instant.ts';
import { scenario } from '../../support/given.ts';

const NOW = '2026-11-21T10:00:00.000Z' as Instant;
const LATER = '2026-11-21T11:00:00.000Z' as Instant;
const notificationId = '019a0000-0000-7000-8000-000000000000' as NotificationId;
const subject = 'S'.repeat(22) as SubjectId;
const item = (eventId: string, more: Partial<EngagementItem> = {}): EngagementItem => ({
  n: 0,
  subject,
  kind: 'confirmed',
  provider: 'smtp',
  eventId,
  at: NOW,
  ...more,
});
const record = (...items: readonly EngagementItem[]) =>
  ({ type: 'RecordEngagement', data: { notificationId, requestedAt: NOW, items, now: LATER } }) as const;
const recorded = (...items: readonly EngagementItem[]) =>
  ({ type: 'EngagementRecorded', data: { notificationId, requestedAt: NOW, items, recordedAt: LATER } }) as const;
const { given, when } = scenario(engagement);

describe('what providers report', () => {
  test('is recorded once, also within one call', () => {
    when(record(item('e1'), item('e2', { kind: 'opened' }), item('e1'))).then(recorded(item('e1'), item('e2', { kind: 'opened' })));
    given(recorded(item('e1')))
      .when(record(item('e1'), item('e3')))
      .then(recorded(item('e3')));
    given(recorded(item('e1')))
      .when(record(item('e1')))
      .thenNothing();
  });
  test('is another happening when another provider uses the same id', () => {
    given(recorded(item('e1')))
      .when(record(item('e1', { provider: 'ses' })))
      .then(recorded(item('e1', { provider: 'ses' })));
  });
  test('comes late and is recorded all the same', () => {
    given(recorded(item('b', { kind: 'bounced', bounceType: 'soft' })))
      .when(record(item('c')))
      .then(recorded(item('c')));
  });
});

describe('feedback', () => {
  const of = (...items: readonly EngagementItem[]): Feedback => items.reduce(withItem, {});
  test('keeps the first instant of each kind and the worst bounce', () => {
    expect(
      of(
        item('1', { kind: 'opened', at: LATER }),
        item('2', { kind: 'opened', at: NOW }),
        item('3', { kind: 'bounced', bounceType: 'hard', at: LATER }),
        item('4', { kind: 'bounced', bounceType: 'soft', at: LATER }),
        item('5', { kind: 'actioned', at: LATER }),
      ),
    ).toStrictEqual({ openedAt: NOW, bouncedAt: LATER, bounceType: 'hard', clickedAt: LATER });
  });
  test('what a machine opened or clicked, nobody did', () => {
    expect(of(item('1', { kind: 'opened', machine: true }), item('2', { kind: 'clicked', machine: true }))).toStrictEqual({});
  });
  test('is the same in whatever order and however often items come', () => {
    const items = fc.array(
      fc.record({
        kind: fc.constantFrom(...ENGAGEMENT_KINDS),
        at: fc.integer({ min: 0, max: 5 }).map((s) => instantOf(1_800_000_000_000 + 1000 * s)),
        bounceType: fc.constantFrom('hard' as const, 'soft' as const, 'undetermined' as const),
      }),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(items, fc.infiniteStream(fc.nat()), (drawn, random) => {
        const all = drawn.map((it, at) => item(String(at), it));
        const shuffled = [...all, ...all].map((it) => ({ it, key: random.next().value as number })).sort((a, b) => a.key - b.key);
        expect(of(...shuffled.map(({ it }) => it))).toStrictEqual(of(...all));
      }),
    );
  });
});
