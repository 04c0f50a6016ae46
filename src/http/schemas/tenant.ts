import { Type } from 'typebox';
import { SCOPES } from '../../domain/tenant/events.ts';
import type { JsonMembers } from '../../domain/values/mergePatch.ts';
import { answer, closed, InstantIn, InstantOut, Locale, nullable, oneOf, page, TimeZone } from './values.ts';

export const TenantId = Type.String({
  minLength: 1,
  maxLength: 63,
  pattern: '^[a-z0-9][a-z0-9-]{0,62}$',
  'x-message': 'must be 1 to 63 of a-z, 0-9 and dashes, not starting with a dash',
});
const Name = Type.String({ minLength: 1, maxLength: 200, pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f]*$' });

export const TenantRequest = closed({ id: TenantId, name: Name }, { title: 'TenantRequest' });
export const TenantShown = answer('Tenant', { id: Type.String(), name: Type.String(), createdAt: InstantOut });

export const ApiKeyRequest = closed(
  {
    name: Name,
    scopes: Type.Array(oneOf(SCOPES), { minItems: 1, maxItems: SCOPES.length, uniqueItems: true }),
    mode: Type.Optional(oneOf(['live', 'test'])),
    tenantId: Type.Optional(TenantId),
    expiresAt: Type.Optional(InstantIn),
  },
  { title: 'ApiKeyRequest', examples: [{ name: 'shop', scopes: ['send', 'read'] }] },
);
const apiKey = {
  id: Type.String(),
  name: Type.String(),
  scopes: Type.Array(oneOf(SCOPES)),
  mode: oneOf(['live', 'test']),
  prefix: Type.Optional(Type.String({ description: 'What a person recognises the key by.' })),
  createdAt: InstantOut,
  expiresAt: Type.Optional(InstantOut),
};
export const ApiKeyCreated = answer('ApiKeyCreated', {
  ...apiKey,
  tenantId: Type.String(),
  key: Type.Optional(Type.String({ description: 'Shown once; a repeat does not show it again.' })),
});
const ApiKeyShown = answer('ApiKey', { ...apiKey, revokedAt: nullable(InstantOut) });
export const ApiKeyPage = page('ApiKeyPage', ApiKeyShown);

const sender = {
  name: Name,
  email: Type.String({ maxLength: 320 }),
  replyTo: Type.String({ maxLength: 320 }),
  sms: Type.String({ maxLength: 32 }),
};
export const SettingsPatchRequest = closed(
  {
    sender: Type.Optional(
      nullable(
        closed({
          name: Type.Optional(nullable(sender.name)),
          email: Type.Optional(nullable(sender.email)),
          replyTo: Type.Optional(nullable(sender.replyTo)),
          sms: Type.Optional(nullable(sender.sms)),
        }),
      ),
    ),
    postalAddress: Type.Optional(nullable(Type.String({ minLength: 1, maxLength: 500 }))),
    locale: Type.Optional(nullable(Locale)),
    timeZone: Type.Optional(nullable(TimeZone)),
    branding: Type.Optional(nullable(Type.Unsafe<JsonMembers>({ type: 'object', maxProperties: 100 }))),
    unknownTypes: Type.Optional(nullable(oneOf(['allow', 'reject']))),
  },
  { title: 'SettingsPatch' },
);
export const SettingsShown = answer('Settings', {
  sender: closed({
    name: Type.Optional(Type.String()),
    email: Type.Optional(Type.String()),
    replyTo: Type.Optional(Type.String()),
    sms: Type.Optional(Type.String()),
  }),
  postalAddress: Type.Optional(Type.String()),
  locale: Type.Optional(Type.String()),
  timeZone: Type.Optional(Type.String()),
  branding: Type.Record(Type.String(), Type.Unknown()),
  unknownTypes: oneOf(['allow', 'reject']),
  version: Type.Integer(),
});
