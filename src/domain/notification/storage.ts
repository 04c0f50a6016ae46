import Type, { type TSchema } from 'typebox';
import type { StorageOf, StoredAs } from '../kernel/storage.ts';
import { CHANNELS, MESSAGE_CLASSES, PRIORITIES } from '../values/channel.ts';
import { GATES } from '../values/verdict.ts';
import type { NotificationEvent } from './events.ts';

const text = Type.String();
const count = Type.Integer({ minimum: 0 });
const instant = Type.String({ minLength: 24, maxLength: 24 });
const items = Type.Array(count);
const oneOf = (values: readonly string[]): TSchema => Type.Enum([...values]);
const optional = Type.Optional;
const shape = (members: Record<string, TSchema>): TSchema => Type.Object(members, { additionalProperties: false });

const routing = Type.Union([
  shape({ method: Type.Literal('all') }),
  shape({ method: Type.Literal('first'), until: Type.Literal('accepted') }),
  shape({ method: Type.Literal('first'), until: Type.Literal('delivered'), waitMs: count }),
]);
const schedule = Type.Union([shape({ at: instant }), shape({ local: text, timeZone: text })]);

/** How a message is treated: also a part of `BatchOpened`. */
export const termsSchema = shape({
  type: text,
  category: text,
  class: oneOf(MESSAGE_CLASSES),
  priority: oneOf(PRIORITIES),
  mode: oneOf(['live', 'test']),
  channels: Type.Array(oneOf(CHANNELS), { minItems: 1 }),
  channelsNamed: Type.Boolean(),
  routing,
  template: optional(shape({ key: text, version: count })),
  schedule: optional(schedule),
  expiresAt: optional(instant),
  dedup: optional(shape({ key: text, windowMs: count })),
  unknownOutcome: oneOf(['retry', 'hold']),
  key: optional(text),
  source: optional(text),
});

const of = { notificationId: text, requestedAt: instant, priority: oneOf(PRIORITIES) };
const verdict = shape({
  gate: oneOf(GATES),
  verdict: oneOf(['pass', 'suppress', 'defer', 'override']),
  code: optional(text),
  because: text,
  facts: optional(Type.Record(text, Type.Union([text, Type.Number(), Type.Boolean(), Type.Null()]))),
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
  messageIds: optional(Type.Array(Type.Union([text, Type.Null()]))),
  doubt: optional(Type.Boolean()),
  counts: optional(Type.Boolean()),
  retryAt: optional(instant),
});

const reason = [{ path: 'reason', class: 'content' }] as const;
const first = (schema: TSchema, sealed: StoredAs['sealed'] = []): StoredAs => ({ version: 1, schema, upcast: [], sealed });

/** How the events of a notification are stored. */
export const notificationStorage = {
  NotificationRequested: first(
    shape({
      notificationId: text,
      requestedAt: instant,
      terms: termsSchema,
      recipients: Type.Array(shape({ index: count, subject: text, person: optional(text), own: optional(text) })),
      refused: Type.Array(shape({ index: count, code: text, detail: text })),
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
  DeliveriesPlanned: first(
    shape({
      ...of,
      plannedAt: instant,
      traces: Type.Array(Type.Array(verdict)),
      planned: Type.Array(planned),
      later: Type.Array(shape({ items, at: instant, code: optional(text) })),
    }),
  ),
  HandOffStarted: first(
    shape({
      ...of,
      claim: text,
      until: instant,
      startedAt: instant,
      started: Type.Array(shape({ items, attempt: count, provider: text, locale: optional(text) })),
    }),
  ),
  HandOffRecorded: first(
    shape({
      ...of,
      claim: text,
      recordedAt: instant,
      results: Type.Array(result),
      details: Type.Array(shape({ n: count, subject: text, detail: text })),
      escalated: Type.Array(shape({ items, at: instant })),
    }),
    [{ path: 'details[].detail', class: 'engagement', subject: 'details[].subject' }],
  ),
  DeliveriesRedriven: first(shape({ ...of, items, redrivenAt: instant, reason: optional(text) }), reason),
  NotificationRescheduled: first(shape({ ...of, schedule: optional(schedule), planAt: instant, items, rescheduledAt: instant })),
  NotificationCancelled: first(shape({ ...of, items, open: items, cancelledAt: instant, reason: optional(text) }), reason),
} satisfies StorageOf<NotificationEvent>;
