import { Type } from 'typebox';
import type { Static } from 'typebox';
import { RequestContent } from './content.ts';
import {
  ChannelName,
  closed,
  Duration,
  Filename,
  InstantIn,
  JsonObject,
  LineKey,
  Locale,
  OutsideId,
  PriorityName,
  RecipientId,
  TemplateVersion,
  TimeZone,
  told,
  Uri,
} from './values.ts';

/** Decoded bytes of one inline attachment; larger ones are uploaded first. */
const INLINE_ATTACHMENT_BYTES = 700_000;

const AttachmentRef = {
  disposition: Type.Optional(Type.Unsafe<'attachment' | 'inline'>({ type: 'string', enum: ['attachment', 'inline'] })),
  contentId: Type.Optional(Type.String({ minLength: 1, maxLength: 128, pattern: '^[A-Za-z0-9_.@-]+$' })),
};
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
    description: 'Inline (`filename`, `contentType`, `content` in base64, up to 700 kB), or by the `id` of an upload.',
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
  phone: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: 'E.164: `+4366412345678`.' })),
  pushToken: Type.Optional(Type.String({ minLength: 1, maxLength: 4096 })),
  webhookUrl: Type.Optional(told(Uri, 'Absolute, https.')),
  walletId: Type.Optional(Type.String({ minLength: 1, maxLength: 512 })),
  name: Type.Optional(Type.String({ minLength: 1, maxLength: 256, description: '`recipient.name` in templates.' })),
  locale: Type.Optional(Locale),
  timeZone: Type.Optional(TimeZone),
  variables: Type.Optional(told(Variables, 'Laid over those of the message.')),
  attachments: Type.Optional(told(Attachments, 'For this person alone.')),
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
  description: 'Your own id of a person, or a person with addresses that count for this message.',
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
  description:
    '`all` (the default): every channel. `first`: in their order, until a provider has accepted one, or until it is `delivered`, ' +
    'waiting `wait` (10 minutes by default) for each.',
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
  description: 'A published template: its key, for the version that is current, or key and version.',
  type: ['string', 'object'],
  minLength: 1,
  maxLength: 128,
  pattern: '^[A-Za-z0-9_.:-]{1,128}$',
  properties: { key: OutsideId, version: TemplateVersion },
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
    description: 'An instant, or a wall time in a zone. `recipient`: everybody’s own zone, else the tenant’s.',
    oneOf: [
      { required: ['at'], not: { anyOf: [{ required: ['local'] }, { required: ['timeZone'] }] } },
      { required: ['local', 'timeZone'], not: { required: ['at'] } },
    ],
    'x-message': 'needs either at, or local and timeZone',
  },
);

export const Channels = Type.Array(ChannelName, { minItems: 1, maxItems: 6, uniqueItems: true });

export const messageMembers = {
  type: told(OutsideId, 'What happened, as you call it: `order_shipped`. The catalogue may say more about it.'),
  category: Type.Optional(
    told(OutsideId, 'Needed where the type is not declared. `transactional`, `security`, `account`, `marketing` are built in.'),
  ),
  priority: Type.Optional(told(PriorityName, 'What goes first when there is much to do; `normal` by default.')),
  key: Type.Optional(
    Type.String({ minLength: 1, maxLength: 256, description: 'Your own name for it, by which it can be found and cancelled.' }),
  ),
  channels: Type.Optional(told(Channels, 'Candidates in order; absent: all that the content has and the person can be reached by.')),
  routing: Type.Optional(Routing),
  template: Type.Optional(TemplateRef),
  content: Type.Optional(RequestContent),
  variables: Type.Optional(told(Variables, 'For the templates of content or template.')),
  schedule: Type.Optional(ScheduleSchema),
  expiresAt: Type.Optional(told(InstantIn, 'What has not gone by then is not sent (`expired`).')),
  expiresAfter: Type.Optional(told(Duration, 'The same, counted from when it may first go.')),
  dedup: Type.Optional(
    closed(
      { key: Type.String({ minLength: 1, maxLength: 256 }), window: Duration },
      { description: 'Within the window nobody gets a second message with this key (`duplicate`).' },
    ),
  ),
  attachments: Type.Optional(told(Attachments, 'For everybody; together at most 25 MB in one message.')),
  context: Type.Optional(
    closed(
      { source: Type.Optional(OutsideId), correlationId: Type.Optional(OutsideId), metadata: Type.Optional(JsonObject) },
      { description: 'Yours: `source` and `correlationId` are filters of lists, `metadata` is sealed and comes back as it was.' },
    ),
  ),
};
const rules = {
  allOf: [{ not: { required: ['expiresAt', 'expiresAfter'] }, 'x-message': 'takes either expiresAt or expiresAfter' }],
};

/** The first line of a batch, or a batch's JSON without its recipients. */
export const MessageRequest = closed(messageMembers, {
  title: 'MessageRequest',
  ...rules,
  examples: [{ type: 'release', category: 'transactional', template: 'release-notes', variables: { version: '2' } }],
});
export const Recipients = Type.Array(Recipient, { minItems: 1, maxItems: 500 });
/** `POST /v1/notifications`. */
export const NotificationRequest = closed(
  { ...messageMembers, recipients: Recipients },
  {
    title: 'NotificationRequest',
    ...rules,
    examples: [
      {
        type: 'order_shipped',
        category: 'transactional',
        recipients: ['user-1', { email: 'ana@example.com', name: 'Ana', locale: 'de-AT' }],
        content: { subject: 'Order {{ orderNumber }} is on its way', html: '<p>Hello {{ recipient.name }}.</p>' },
        variables: { orderNumber: 'A-1' },
      },
    ],
  },
);
/** One line of a bulk request. */
export const BulkNotification = closed(
  { ...messageMembers, recipients: Recipients, idempotencyKey: LineKey },
  { title: 'BulkNotification', ...rules },
);

export type MessageBody = Static<typeof MessageRequest>;
export type NotificationBody = Static<typeof NotificationRequest>;
export type BulkBody = Static<typeof BulkNotification>;
export type RecipientBody = Static<typeof Recipient>;
export type AttachmentBody = Static<typeof Attachment>;
export type RoutingBody = Static<typeof Routing>;
export type ScheduleBody = Static<typeof ScheduleSchema>;
