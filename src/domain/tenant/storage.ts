import { count, firstVersion, instant, json, list, oneOf, optional, record, shape, text } from '../kernel/schema.ts';
import type { StorageOf } from '../kernel/storage.ts';
import { SCOPES, type TenantEvent } from './events.ts';

const settings = shape({
  sender: shape({ name: optional(text), email: optional(text), replyTo: optional(text), sms: optional(text) }),
  postalAddress: optional(text),
  locale: optional(text),
  timeZone: optional(text),
  branding: record(json),
  unknownTypes: oneOf(['allow', 'reject']),
});

/** How the events of a tenant are stored; nothing in them is a person's. */
export const tenantStorage = {
  TenantCreated: firstVersion(shape({ tenantId: text, name: text, createdAt: instant, request: optional(text) })),
  SettingsChanged: firstVersion(shape({ version: count, settings, changedAt: instant })),
  ApiKeyCreated: firstVersion(
    shape({
      id: text,
      name: text,
      scopes: list(oneOf(SCOPES)),
      mode: oneOf(['live', 'test']),
      hash: text,
      prefix: optional(text),
      expiresAt: optional(instant),
      createdAt: instant,
      request: optional(text),
    }),
  ),
  ApiKeyRevoked: firstVersion(shape({ id: text, revokedAt: instant })),
  RequestNoted: firstVersion(shape({ tenantId: text, request: text, notedAt: instant })),
} satisfies StorageOf<TenantEvent>;
