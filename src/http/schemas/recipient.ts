import { Type } from 'typebox';
import {
  answer,
  closed,
  InstantOut,
  LineKey,
  listOf,
  Locale,
  nullable,
  oneOf,
  page,
  PositionOut,
  RecipientId,
  TimeZone,
} from './values.ts';
import { PLATFORMS } from '../../domain/recipient/events.ts';
import type { JsonMembers } from '../../domain/values/mergePatch.ts';

const Address = { email: Type.String({ minLength: 1, maxLength: 512 }), phone: Type.String({ minLength: 1, maxLength: 64 }) };
const Name = Type.String({ minLength: 1, maxLength: 256 });
const Attributes = Type.Unsafe<JsonMembers>({
  type: 'object',
  maxProperties: 200,
  description: 'Free members; templates see them under `recipient`.',
});
const Tags = Type.Array(Type.String({ minLength: 1, maxLength: 128 }), { maxItems: 200 });

const members = {
  email: Type.Optional(Address.email),
  phone: Type.Optional(Address.phone),
  name: Type.Optional(Name),
  locale: Type.Optional(Locale),
  timeZone: Type.Optional(TimeZone),
  attributes: Type.Optional(Attributes),
  tags: Type.Optional(Tags),
};
const nullables = {
  email: Type.Optional(nullable(Address.email)),
  phone: Type.Optional(nullable(Address.phone)),
  name: Type.Optional(nullable(Name)),
  locale: Type.Optional(nullable(Locale)),
  timeZone: Type.Optional(nullable(TimeZone)),
  attributes: Type.Optional(nullable(Attributes)),
  tags: Type.Optional(nullable(Tags)),
};
export const RecipientProfile = closed(members, { title: 'RecipientProfile' });
export const RecipientPatch = closed(nullables, {
  title: 'RecipientPatch',
  description: 'JSON Merge Patch (RFC 7386): null removes.',
  examples: [{ email: 'ana@example.com', name: 'Ana', locale: 'de-AT', timeZone: 'Europe/Vienna', attributes: { plan: 'pro' } }],
});
/** One line of a bulk. */
export const BulkRecipient = closed({ recipientId: RecipientId, ...nullables, idempotencyKey: LineKey }, { title: 'BulkRecipient' });

const shown = {
  recipientId: Type.String(),
  email: Type.Optional(Type.String()),
  phone: Type.Optional(Type.String()),
  name: Type.Optional(Type.String()),
  locale: Type.Optional(Type.String()),
  timeZone: Type.Optional(Type.String()),
  attributes: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  tags: Type.Optional(Type.Array(Type.String())),
  version: Type.Integer(),
  createdAt: InstantOut,
  updatedAt: InstantOut,
};
const RecipientSummary = answer('RecipientSummary', shown);
export const RecipientPage = page('RecipientPage', RecipientSummary);
/** Without the scope `pii`, addresses and names are masked and attributes and tags left out. */
export const RecipientShown = answer('RecipientShown', {
  ...shown,
  devices: Type.Array(
    closed({ deviceId: Type.Optional(Type.String()), platform: nullable(oneOf(PLATFORMS)), token: Type.String(), addedAt: InstantOut }),
  ),
  endpoints: Type.Array(
    closed({
      endpointId: Type.Optional(Type.String()),
      channel: oneOf(['webhook', 'wallet']),
      address: Type.String(),
      addedAt: InstantOut,
    }),
  ),
});
export const RecipientChanged = answer('RecipientChanged', { recipientId: Type.String(), version: Type.Integer() });
export const AddressChanged = answer('AddressChanged', { recipientId: Type.String() });

export const RecipientQuery = listOf({
  email: Type.Optional(Address.email),
  phone: Type.Optional(Address.phone),
  tag: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })),
});
const OwnId = Type.String({ minLength: 1, maxLength: 128, pattern: '^[A-Za-z0-9_.:-]{1,128}$' });
export const DeviceParams = closed({ recipientId: RecipientId, deviceId: OwnId });
export const EndpointParams = closed({ recipientId: RecipientId, endpointId: OwnId });
export const Device = closed({ platform: oneOf(PLATFORMS), token: Type.String({ minLength: 1, maxLength: 4096 }) }, { title: 'Device' });
export const Endpoint = closed(
  {
    channel: oneOf(['webhook', 'wallet']),
    address: Type.String({ minLength: 1, maxLength: 2048, description: 'An https URL, or the id of a wallet.' }),
  },
  { title: 'Endpoint' },
);

export const BulkRecipients = closed({ recipients: Type.Array(Type.Unknown(), { minItems: 1, maxItems: 1000 }) });
export const BulkRecipientsDescribed = closed(
  { recipients: Type.Array(BulkRecipient, { minItems: 1, maxItems: 1000 }) },
  { title: 'BulkRecipients' },
);
export const RecipientVerdictLine = answer('RecipientLineVerdict', {
  index: Type.Integer({ minimum: 0 }),
  status: Type.Integer(),
  replayed: Type.Optional(Type.Boolean()),
  recipient: Type.Optional(RecipientChanged),
  position: Type.Optional(PositionOut),
  problem: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
});
export const RecipientVerdicts = answer('RecipientVerdicts', { data: Type.Array(RecipientVerdictLine) });
