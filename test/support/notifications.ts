import { notification, type NotificationCommand } from '../../src/domain/notification/notification.ts';
import type {
  DeliveriesPlanned,
  HandOffRecorded,
  HandOffResult,
  HandOffStarted,
  NotificationCancelled,
  NotificationEvent,
  NotificationRequested,
  PlannedGroup,
  StartedGroup,
} from '../../src/domain/notification/events.ts';
import { evolve, type RequestedNotification } from '../../src/domain/notification/evolve.ts';
import { RETRY } from '../../src/domain/policy/retry.ts';
import type { KeyedHash, NotificationId, SubjectId } from '../../src/domain/values/ids.ts';
import { plusMs, type Instant } from '../../src/domain/values/instant.ts';
import type { Terms } from '../../src/domain/values/message.ts';
import type { Trace } from '../../src/domain/values/verdict.ts';

export const NOTIFICATION_ID = '01900000-0000-7000-8000-000000000001' as NotificationId;
export const T0 = '2026-11-21T10:00:00.000Z' as Instant;
/** So many ms after T0. */
export const at = (ms: number): Instant => plusMs(T0, ms);
export const subjectNo = (index: number): SubjectId => `subject${String(index).padStart(15, '0')}` as SubjectId;
export const TRACE: Trace = [{ gate: 'address', verdict: 'pass', because: 'the request brought the address' }];
export const OF = { notificationId: NOTIFICATION_ID, requestedAt: T0, priority: 'normal' } as const;

export const termsWith = (more: Partial<Terms> = {}): Terms => ({
  type: 'order_shipped',
  category: 'orders',
  class: 'transactional',
  priority: 'normal',
  mode: 'live',
  channels: ['email'],
  channelsNamed: true,
  routing: { method: 'all' },
  unknownOutcome: 'retry',
  ...more,
});

type Requested = {
  readonly people?: number;
  readonly terms?: Partial<Terms>;
  readonly request?: string;
  readonly planAt?: Instant;
  /** Laid over all of it. */
  readonly data?: Partial<NotificationRequested['data']>;
};
/** A request for so many people (1); on e-mail alone the deliveries are 0, 8, 16, … */
export const requested = ({
  people = 1,
  terms = {},
  request = 'digest',
  planAt = T0,
  data = {},
}: Requested = {}): NotificationRequested => ({
  type: 'NotificationRequested',
  data: {
    notificationId: NOTIFICATION_ID,
    requestedAt: T0,
    terms: termsWith(terms),
    recipients: Array.from({ length: people }, (_, index) => ({ index, subject: subjectNo(index) })),
    refused: [],
    message: { open: { content: { email: { subject: 's', text: 't' } }, variables: {}, attachments: [], metadata: {} } },
    request: request as KeyedHash,
    planAt,
    ...data,
  },
});

export const planned = (
  groups: readonly PlannedGroup[],
  more: Partial<Omit<DeliveriesPlanned['data'], keyof typeof OF | 'planned'>> = {},
): DeliveriesPlanned => ({
  type: 'DeliveriesPlanned',
  data: { ...OF, plannedAt: T0, traces: [TRACE], planned: groups, later: [], escalated: [], ...more },
});
export const goes = (...items: readonly number[]): PlannedGroup => ({ plan: 'go', items, trace: 0 });
export const left = (...items: readonly number[]): PlannedGroup => ({ plan: 'leave', items, trace: 0 });

/** Started by this claim, which ends 30 s after T0 unless told. */
export const started = (
  claim: string,
  items: readonly number[],
  more: Partial<StartedGroup> & { readonly until?: Instant; readonly startedAt?: Instant } = {},
): HandOffStarted => {
  const { until = at(30_000), startedAt = T0, ...group } = more;
  return {
    type: 'HandOffStarted',
    data: { ...OF, claim, until, startedAt, started: [{ items, attempt: 1, provider: 'smtp', ...group }] },
  };
};

export const recorded = (
  claim: string,
  results: readonly HandOffResult[],
  more: Partial<Pick<HandOffRecorded['data'], 'details' | 'escalated' | 'recordedAt'>> = {},
): HandOffRecorded => ({
  type: 'HandOffRecorded',
  data: { ...OF, claim, recordedAt: T0, results, details: [], escalated: [], ...more },
});
const base = { attempt: 1, provider: 'smtp' };
export const sent = (items: readonly number[], more: Partial<HandOffResult> = {}): HandOffResult =>
  ({ ...base, items, result: 'sent', messageIds: items.map(() => null), ...more }) as HandOffResult;
export const ended = (
  result: 'failed' | 'dead' | 'unknown' | 'cancelled',
  items: readonly number[],
  more: Partial<HandOffResult> = {},
): HandOffResult => ({ ...base, items, result, ...more }) as HandOffResult;
export const retried = (items: readonly number[], more: object = {}): HandOffResult => ({
  ...base,
  items,
  result: 'retry',
  doubt: false,
  counts: true,
  retryAt: at(10_000),
  ...more,
});

export const cancelled = (items: readonly number[], open: readonly number[] = []): NotificationCancelled => ({
  type: 'NotificationCancelled',
  data: { ...OF, items, open, cancelledAt: T0 },
});

/** The fold of a log that begins with a request. */
export function stateAfter(...events: readonly NotificationEvent[]): RequestedNotification {
  const state = events.reduce((so, event) => evolve(so, structuredClone(event)), notification.initial());
  if (state.status === 'absent') throw new Error('the log does not begin with a request');
  return state;
}
export const statusesAfter = (...events: readonly NotificationEvent[]): Readonly<Record<number, string>> =>
  Object.fromEntries([...stateAfter(...events).deliveries].map(([n, { status }]) => [n, status]));

type Answers = Extract<NotificationCommand, { type: 'RecordAnswers' }>['data'];
export type AnswerTo = Answers['answers'][number];
/** Half a draw of jitter; the claim's end is 30 s after T0. */
export const answers = (claim: string, list: readonly AnswerTo[], more: Partial<Answers> = {}): NotificationCommand => ({
  type: 'RecordAnswers',
  data: { claim, until: at(30_000), now: T0, jitter: 0.5, retry: RETRY, answers: list, next: [], ...more },
});
type Said = { readonly n: number; readonly attempt?: number; readonly provider?: string; readonly detail?: string };
export const answer = ({ n, ...more }: Said, outcome: object): AnswerTo =>
  ({ n, attempt: 1, provider: 'smtp', subject: subjectNo(n >> 3), ...more, ...outcome }) as AnswerTo;
export const accepted = (n: number, more: object = {}): AnswerTo => answer({ n }, { outcome: 'accepted', ...more });
export const refused = (n: number, kind: 'permanent' | 'transient' | 'throttled', more: object = {}): AnswerTo =>
  answer({ n }, { outcome: 'refused', kind, code: 'no', ...more });
export const noAnswer = (n: number, takesKeys: boolean): AnswerTo => answer({ n }, { outcome: 'unknown', code: 'timeout', takesKeys });
export const notCalled = (n: number): AnswerTo => answer({ n }, { outcome: 'returned' });
