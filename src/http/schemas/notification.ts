import { Type } from 'typebox';
import type { Static } from 'typebox';
import { RequestContent } from './content.ts';
import {
  ChannelName,
  closed,
  Duration,
  InstantIn,
  JsonObject,
  Locale,
  OutsideId,
  PriorityName,
  RecipientId,
  TimeZone,
  Uri,
} from './values.ts';

/** Decoded bytes of one inline attachment; larger ones are uploaded first. */
export const INLINE_ATTACHMENT_BYTES = 700_000;

const AttachmentRef = {
  disposition: Type.Optional(Type.Unsafe<'attachment' | 'inline'>({ type: 'string', enum: ['attachment', 'inline'] })),
  contentId: Type.Optional(Type.String({ minLength: 1, maxLength: 128, pattern: '^[A-Za-z0-9_.@-]+$' })),
};
const Filename = Type.String({ minLength: 1, maxLength: 255, pattern: '^[^\\p{Cc}/\\\\]+$', 'x-message': 'must be a plain file name' });
/** Either inline (`filename contentType content`) or by the id of an upload. */
export const Attachment = closed(
  {
    id: Type.Optional(OutsideId),
    filename: Type.Optional(Filename),
    contentType: Type.Optional(
      Type.String({ maxLength: 255, pattern: '^[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(?:;[\\x20-\\x7e]*)?$' }),
    ),
    content: Type.Optional(
      Type.String({ format: 'base64', maxLength: Math.ceil(INLINE_ATTACHMENT_BYTES / 3) * 4, contentEncoding: 'base64' }),
    ),
    ...AttachmentRef,
  },
  {
    title: 'Attachment',
    oneOf: [
      { required: ['id'], not: { anyOf: [{ required: ['content'] }, { required: ['contentType'] }] } },
      { required: ['filename', 'contentType', 'content'], not: { required: ['id'] } },
    ],
    'x-message': 'needs either the id of an upload, or filename, contentType and content',
  },
);
const Attachments = Type.Array(Attachment, { maxItems: 20 });
const Variables = JsonObject;

export const recipientMembers = {
  recipientId: Type.Optional(RecipientId),
  email: Type.Optional(Type.String({ minLength: 1, maxLength: 512 })),
  phone: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
  pushToken: Type.Optional(Type.String({ minLength: 1, maxLength: 4096 })),
  webhookUrl: Type.Optional(Uri),
  walletId: Type.Optional(Type.String({ minLength: 1, maxLength: 512 })),
  name: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
  locale: Type.Optional(Locale),
  timeZone: Type.Optional(TimeZone),
  variables: Type.Optional(Variables),
  attachments: Type.Optional(Attachments),
  save: Type.Optional(Type.Boolean({ description: 'Keeps the addresses in the profile; only with a recipientId.' })),
};
const NAMING = ['recipientId', 'email', 'phone', 'pushToken', 'webhookUrl', 'walletId'] as const;
const RecipientObject = closed(recipientMembers);
type RecipientObject = Static<typeof RecipientObject>;

/**
 * A `recipientId`, or a person with addresses. One schema for both kinds instead of alternatives, so that an error names the member
 * and not every branch that did not fit.
 */
export const Recipient = Type.Unsafe<string | RecipientObject>({
  title: 'Recipient',
  type: ['string', 'object'],
  minLength: 1,
  maxLength: 256,
  pattern: '^(?=\\S)[\\p{L}\\p{M}\\p{N}\\p{P}\\p{S} ]+$',
  properties: RecipientObject.properties,
  additionalProperties: false,
  allOf: [
    {
      anyOf: [{ not: { type: 'object' } }, ...NAMING.map((name) => ({ type: 'object', required: [name] }))],
      'x-message': `needs one of ${NAMING.join(', ')}`,
    },
    {
      if: { type: 'object', properties: { save: { const: true } }, required: ['save'] },
      then: { required: ['recipientId'] },
      'x-message': 'needs a recipientId when its addresses are to be saved',
    },
  ],
});

const Routing = Type.Unsafe<'all' | 'first' | { method: 'all' | 'first'; until?: 'accepted' | 'delivered'; wait?: string }>({
  title: 'Routing',
  type: ['string', 'object'],
  properties: {
    method: { type: 'string', enum: ['all', 'first'] },
    until: { type: 'string', enum: ['accepted', 'delivered'] },
    wait: Duration,
  },
  required: ['method'],
  additionalProperties: false,
  allOf: [
    { if: { type: 'string' }, then: { enum: ['all', 'first'] }, 'x-message': 'is all or first where it is text' },
    {
      if: { type: 'object', properties: { method: { const: 'all' } }, required: ['method'] },
      then: {
        not: { anyOf: [{ required: ['until'] }, { required: ['wait'] }] },
        'x-message': 'takes until and wait only with the method first',
      },
      'x-message': 'takes until and wait only with the method first',
    },
    {
      if: { type: 'object', required: ['wait'] },
      then: { properties: { until: { const: 'delivered' } }, required: ['until'] },
      'x-message': 'takes wait only until delivered',
    },
  ],
});
export { Routing as RoutingSchema };

const TemplateRef = Type.Unsafe<string | { key: string; version?: number }>({
  title: 'TemplateRef',
  type: ['string', 'object'],
  minLength: 1,
  maxLength: 128,
  pattern: '^[A-Za-z0-9_.:-]{1,128}$',
  properties: { key: OutsideId, version: { type: 'integer', minimum: 1 } },
  required: ['key'],
  additionalProperties: false,
});

/** `{at}`, or `{local, timeZone}` with an IANA name or `recipient`. */
export const ScheduleSchema = closed(
  {
    at: Type.Optional(InstantIn),
    local: Type.Optional(Type.String({ format: 'local-date-time', maxLength: 19 })),
    timeZone: Type.Optional(
      Type.String({
        maxLength: 64,
        anyOf: [{ const: 'recipient' }, { format: 'time-zone' }],
        'x-message': 'must be a time zone of the IANA database, or recipient',
      }),
    ),
  },
  {
    title: 'Schedule',
    oneOf: [
      { required: ['at'], not: { anyOf: [{ required: ['local'] }, { required: ['timeZone'] }] } },
      { required: ['local', 'timeZone'], not: { required: ['at'] } },
    ],
    'x-message': 'needs either at, or local and timeZone',
  },
);

export const Channels = Type.Array(ChannelName, { minItems: 1, maxItems: 6, uniqueItems: true });

export const messageMembers = {
  type: OutsideId,
  category: Type.Optional(OutsideId),
  priority: Type.Optional(PriorityName),
  key: Type.Optional(
    Type.String({ minLength: 1, maxLength: 256, description: 'Your own name for it, by which it can be found and cancelled.' }),
  ),
  channels: Type.Optional(Channels),
  routing: Type.Optional(Routing),
  template: Type.Optional(TemplateRef),
  content: Type.Optional(RequestContent),
  variables: Type.Optional(Variables),
  schedule: Type.Optional(ScheduleSchema),
  expiresAt: Type.Optional(InstantIn),
  expiresAfter: Type.Optional(Duration),
  dedup: Type.Optional(closed({ key: Type.String({ minLength: 1, maxLength: 256 }), window: Duration })),
  attachments: Type.Optional(Attachments),
  context: Type.Optional(
    closed({ source: Type.Optional(OutsideId), correlationId: Type.Optional(OutsideId), metadata: Type.Optional(JsonObject) }),
  ),
};
const rules = {
  allOf: [{ not: { required: ['expiresAt', 'expiresAfter'] }, 'x-message': 'takes either expiresAt or expiresAfter' }],
};

/** The first line of a batch, or a batch's JSON without its recipients. */
export const MessageRequest = closed(messageMembers, { title: 'MessageRequest', ...rules });
export const Recipients = Type.Array(Recipient, { minItems: 1, maxItems: 500 });
/** `POST /v1/notifications`. */
export const NotificationRequest = closed({ ...messageMembers, recipients: Recipients }, { title: 'NotificationRequest', ...rules });
/** One line of a bulk request. */
export const BulkNotification = closed(
  { ...messageMembers, recipients: Recipients, idempotencyKey: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })) },
  { title: 'BulkNotification', ...rules },
);

export type MessageBody = Static<typeof MessageRequest>;
export type NotificationBody = Static<typeof NotificationRequest>;
export type BulkBody = Static<typeof BulkNotification>;
export type RecipientBody = Static<typeof Recipient>;
export type AttachmentBody = Static<typeof Attachment>;
export type RoutingBody = Static<typeof Routing>;
export type ScheduleBody = Static<typeof ScheduleSchema>;
