import Type from 'typebox';
import { count, firstVersion, flag, instant, list, oneOf, optional, record, shape, text } from '../kernel/schema.ts';
import type { StorageOf } from '../kernel/storage.ts';
import { PRIORITIES } from '../values/channel.ts';
import { scheduleSchema, termsSchema } from '../values/messageSchema.ts';
import { GATES } from '../values/verdict.ts';
import type { NotificationEvent } from './events.ts';

const items = list(count);

const of = { notificationId: text, requestedAt: instant, priority: oneOf(PRIORITIES) };
const verdict = shape({
  gate: oneOf(GATES),
  verdict: oneOf(['pass', 'suppress', 'defer']),
  code: optional(text),
  because: text,
  facts: optional(record(Type.Union([text, Type.Number(), flag, Type.Null()]))),
});
const planned = shape({
  items,
  trace: count,
  plan: oneOf(['go', 'suppress', 'defer', 'fail', 'leave']),
  code: optional(text),
  until: optional(instant),
});
const result = shape({
  items,
  attempt: count,
  provider: text,
  code: optional(text),
  result: oneOf(['sent', 'retry', 'returned', 'failed', 'dead', 'unknown', 'cancelled']),
  captured: optional(Type.Literal(true)),
  messageIds: optional(list(Type.Union([text, Type.Null()]))),
  doubt: optional(flag),
  counts: optional(flag),
  retryAt: optional(instant),
});

const escalated = list(shape({ items, at: instant }));

const reason = [{ path: 'reason', class: 'content' }] as const;

/** How the events of a notification are stored. */
export const notificationStorage = {
  NotificationRequested: firstVersion(
    shape({
      notificationId: text,
      requestedAt: instant,
      terms: termsSchema,
      recipients: list(shape({ index: count, subject: text, person: optional(text), own: optional(text) })),
      refused: list(shape({ index: count, code: text, detail: text, subject: optional(text) })),
      soleSubject: optional(text),
      message: optional(text),
      batch: optional(shape({ batchId: text, chunk: count })),
      request: text,
      planAt: instant,
    }),
    [
      { path: 'recipients[].person', class: 'identity', subject: 'recipients[].subject' },
      { path: 'recipients[].own', class: 'content', subject: 'recipients[].subject' },
      { path: 'message', class: 'content', subject: 'soleSubject' },
    ],
  ),
  DeliveriesPlanned: firstVersion(
    shape({
      ...of,
      plannedAt: instant,
      traces: list(list(verdict)),
      planned: list(planned),
      later: list(shape({ items, at: instant })),
      escalated,
      reserved: optional(shape({ key: text, until: instant, holders: list(shape({ n: count, subject: text })) })),
    }),
  ),
  HandOffStarted: firstVersion(
    shape({
      ...of,
      claim: text,
      until: instant,
      startedAt: instant,
      started: list(shape({ items, attempt: count, provider: text, locale: optional(text) })),
    }),
  ),
  HandOffRecorded: firstVersion(
    shape({
      ...of,
      claim: text,
      recordedAt: instant,
      results: list(result),
      details: list(shape({ n: count, subject: text, detail: text })),
      escalated,
    }),
    [{ path: 'details[].detail', class: 'engagement', subject: 'details[].subject', onErased: 'dropElement' }],
  ),
  DeliveriesRedriven: firstVersion(shape({ ...of, items, redrivenAt: instant, reason: optional(text) }), reason),
  NotificationRescheduled: firstVersion(
    shape({ ...of, schedule: optional(scheduleSchema), planAt: instant, items, rescheduledAt: instant }),
  ),
  NotificationCancelled: firstVersion(shape({ ...of, items, open: items, cancelledAt: instant, reason: optional(text) }), reason),
} satisfies StorageOf<NotificationEvent>;
