import { Type } from 'typebox';
import {
  answer,
  ChannelName,
  ClassName,
  closed,
  InstantOut,
  JsonObject,
  listOf,
  nullable,
  oneOf,
  OutsideId,
  page,
  PriorityName,
  RecipientId,
  span,
  told,
} from './values.ts';

const NOTIFICATION_STATUSES = ['scheduled', 'accepted', 'processing', 'completed', 'cancelled', 'expired'] as const;

const summary = {
  id: Type.String(),
  status: oneOf(NOTIFICATION_STATUSES, 'An open set: expect others.'),
  createdAt: InstantOut,
  type: Type.String(),
  category: Type.String(),
  class: ClassName,
  priority: PriorityName,
  mode: oneOf(['live', 'test'], '`test`: captured, whatever the providers.'),
  channels: Type.Array(ChannelName),
  counts: Type.Record(Type.String(), Type.Integer(), { description: 'Deliveries by status.' }),
  recipientCount: Type.Integer(),
  rejectedCount: Type.Integer({ description: 'Recipients that were refused when it was accepted.' }),
  planAt: told(InstantOut, 'From when on it is planned.'),
  expiresAt: nullable(InstantOut),
  batchId: nullable(Type.String()),
  source: nullable(Type.String()),
  correlationId: Type.String({ description: 'Yours, else the id of the request.' }),
};
const NotificationSummary = answer('NotificationSummary', summary);
export const NotificationPage = page('NotificationPage', NotificationSummary);

const Attachments = Type.Array(
  closed({
    id: Type.String(),
    filename: Type.String(),
    contentType: Type.String(),
    size: Type.Integer(),
    sha256: Type.String(),
    disposition: Type.Optional(oneOf(['attachment', 'inline'])),
    contentId: Type.Optional(Type.String()),
  }),
);

/** What was asked for. Content, variables, files and metadata need the scope `pii`; without it, addresses and names are masked. */
export const Notification = answer('Notification', {
  ...summary,
  routing: closed({
    method: oneOf(['all', 'first']),
    until: Type.Optional(oneOf(['accepted', 'delivered'])),
    wait: Type.Optional(Type.String()),
  }),
  template: nullable(closed({ key: Type.String(), version: Type.Integer() })),
  schedule: nullable(
    closed({ at: Type.Optional(InstantOut), local: Type.Optional(Type.String()), timeZone: Type.Optional(Type.String()) }),
  ),
  expiresAfter: nullable(Type.String({ description: 'ISO 8601, counted from when it may first go.' })),
  dedupWindow: nullable(Type.String({ description: 'ISO 8601.' })),
  recipients: Type.Array(
    closed({
      index: Type.Integer(),
      recipientId: Type.String(),
      email: Type.Optional(Type.String()),
      phone: Type.Optional(Type.String()),
      pushToken: Type.Optional(Type.String({ description: 'Its beginning; a token is shown to nobody.' })),
      webhookUrl: Type.Optional(Type.String()),
      walletId: Type.Optional(Type.String()),
      name: Type.Optional(Type.String()),
      locale: Type.Optional(Type.String()),
      timeZone: Type.Optional(Type.String()),
      variables: Type.Optional(JsonObject),
      attachments: Type.Optional(told(Attachments, 'For this person alone.')),
    }),
  ),
  rejected: Type.Array(closed({ index: Type.Integer(), code: Type.String(), detail: Type.String() })),
  attachments: Type.Optional(Attachments),
  content: Type.Optional(JsonObject),
  variables: Type.Optional(JsonObject),
  metadata: Type.Optional(JsonObject),
});

export const NotificationQuery = listOf({
  recipientId: Type.Optional(RecipientId),
  type: Type.Optional(OutsideId),
  category: Type.Optional(OutsideId),
  status: Type.Optional(oneOf(NOTIFICATION_STATUSES)),
  channel: Type.Optional(ChannelName),
  source: Type.Optional(OutsideId),
  correlationId: Type.Optional(OutsideId),
  key: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
  batchId: Type.Optional(OutsideId),
  ...span,
});
