import { Type } from 'typebox';
import {
  answer,
  ChannelName,
  closed,
  InstantIn,
  InstantOut,
  listOf,
  nullable,
  oneOf,
  OutsideId,
  page,
  Reason,
  RecipientId,
  span,
  told,
} from './values.ts';

/** Of a delivery, as the outside sees it. Statuses are an open set to clients, outcomes a closed one. */
export const STATUSES = [
  'queued',
  'deferred',
  'suppressed',
  'sending',
  'sent',
  'captured',
  'delivered',
  'failed',
  'dead_lettered',
  'unknown',
  'bounced',
  'complained',
  'cancelled',
  'expired',
] as const;
export type DeliveryStatus = (typeof STATUSES)[number];
const OUTCOMES = ['pending', 'not_sent', 'sent', 'delivered', 'failed', 'unknown', 'cancelled'] as const;
export type Outcome = (typeof OUTCOMES)[number];

export const OUTCOME_OF: Readonly<Record<DeliveryStatus, Outcome>> = {
  queued: 'pending',
  deferred: 'pending',
  sending: 'pending',
  suppressed: 'not_sent',
  expired: 'not_sent',
  sent: 'sent',
  captured: 'sent',
  delivered: 'delivered',
  complained: 'delivered',
  failed: 'failed',
  dead_lettered: 'failed',
  bounced: 'failed',
  unknown: 'unknown',
  cancelled: 'cancelled',
};

const Attempt = closed({
  attempt: Type.Integer({ description: 'Part of the provider’s idempotency key; stays while an outcome is open.' }),
  provider: Type.String(),
  at: InstantOut,
  outcome: Type.String({ description: 'sent, retry, failed, dead, unknown, cancelled.' }),
  code: Type.Optional(Type.String()),
});

export const Delivery = answer('Delivery', {
  id: Type.String({ description: '`<notificationId>_<n>`.' }),
  notificationId: Type.String(),
  recipientId: Type.String(),
  type: Type.String(),
  channel: ChannelName,
  status: oneOf(STATUSES, 'An open set: expect others.'),
  outcome: oneOf(OUTCOMES, 'What the status comes down to; a closed set.'),
  code: nullable(Type.String({ description: 'Why it was suppressed, deferred or refused.' })),
  provider: nullable(Type.String()),
  providerMessageId: nullable(Type.String()),
  attempts: Type.Array(Attempt, { description: 'Calls of providers, oldest first.' }),
  createdAt: InstantOut,
  plannedAt: nullable(told(InstantOut, 'When the gates were first asked.')),
  sentAt: nullable(told(InstantOut, 'When a provider took it.')),
  dueAt: nullable(told(InstantOut, 'When a deferred or queued one goes on.')),
  feedback: Type.Record(Type.String(), Type.String(), {
    description: 'deliveredAt, bouncedAt, bounceType, complainedAt, openedAt, clickedAt, readAt',
  }),
  template: nullable(
    closed({ key: Type.Optional(Type.String()), version: Type.Optional(Type.Integer()), locale: Type.Optional(Type.String()) }),
  ),
  batchId: nullable(Type.String()),
});
export const DeliveryPage = page('DeliveryPage', Delivery);

const deliveryFilters = {
  recipientId: Type.Optional(RecipientId),
  channel: Type.Optional(ChannelName),
  provider: Type.Optional(OutsideId),
  type: Type.Optional(OutsideId),
  batchId: Type.Optional(OutsideId),
  ...span,
};
export const DeliveryQuery = listOf({
  ...deliveryFilters,
  status: Type.Optional(oneOf(STATUSES)),
  outcome: Type.Optional(oneOf(OUTCOMES)),
});
export const DeadLetterQuery = listOf(deliveryFilters);

export const RedriveRequest = closed({ reason: Type.Optional(Reason) }, { title: 'RedriveRequest' });
export const RedriveFilter = closed(
  {
    channel: Type.Optional(ChannelName),
    provider: Type.Optional(OutsideId),
    type: Type.Optional(OutsideId),
    batchId: Type.Optional(OutsideId),
    since: Type.Optional(InstantIn),
    until: Type.Optional(InstantIn),
    all: Type.Optional(Type.Literal(true, { description: 'Every dead letter, if no filter is given.' })),
    reason: Type.Optional(Reason),
  },
  {
    title: 'RedriveFilter',
    anyOf: ['channel', 'provider', 'type', 'batchId', 'since', 'until', 'all'].map((name) => ({ type: 'object', required: [name] })),
    'x-message': 'needs a filter (channel, provider, type, batchId, since, until), or all: true for every dead letter',
  },
);
export const Redriven = answer('Redriven', {
  deliveries: Type.Integer(),
  notifications: Type.Integer(),
  more: Type.Boolean({ description: 'There is more that fits the filter: ask again.' }),
});

export const TimelineEntry = answer('TimelineEntry', {
  at: InstantOut,
  kind: Type.Literal('delivery'),
  deliveryId: Type.String(),
  notificationId: Type.String(),
  type: Type.String(),
  channel: ChannelName,
  status: oneOf(STATUSES),
  outcome: oneOf(OUTCOMES),
  code: nullable(Type.String()),
});
export const TimelinePage = page('TimelinePage', TimelineEntry);
