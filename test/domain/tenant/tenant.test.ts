import { describe, expect, test } from 'vitest';
import { SCOPES, type ApiKeyCreated, type SettingsChanged, type TenantCreated } from '../../../src/domain/tenant/events.ts';
import { DEFAULT_SETTINGS, patchedSettings } from '../../../src/domain/tenant/settings.ts';
import { DEFAULT_TENANT, MAX_API_KEYS, tenant, type CreateApiKey } from '../../../src/domain/tenant/tenant.ts';
import type { TenantId } from '../../../src/domain/values/ids.ts';
import type { Instant } from '../../../src/domain/values/instant.ts';
import { scenario } from '../../support/given.ts';

const NOW = '2026-11-21T10:00:00.000Z' as Instant;
const LATER = '2026-11-21T11:00:00.000Z' as Instant;
const acme = 'acme' as TenantId;
const created: TenantCreated = { type: 'TenantCreated', data: { tenantId: acme, name: 'Acme', createdAt: NOW } };
const key = (id: string, hash = `hash of ${id}`): ApiKeyCreated => ({
  type: 'ApiKeyCreated',
  data: { id, name: id, scopes: ['send'], mode: 'live', hash, createdAt: NOW },
});
const revoked = (id: string) => ({ type: 'ApiKeyRevoked', data: { id, revokedAt: NOW } }) as const;
const createKey = (more: Partial<CreateApiKey> = {}) =>
  ({
    type: 'CreateApiKey',
    data: {
      id: 'k',
      name: 'CI',
      scopes: ['send'],
      mode: 'test',
      hash: 'h',
      prefix: 'tid_test_x',
      held: ['send', 'read'],
      now: LATER,
      ...more,
    },
  }) as const;
const { given, when } = scenario(tenant);

describe('a tenant', () => {
  test('is created once', () => {
    const create = { type: 'CreateTenant', data: { tenantId: acme, name: 'Acme', now: LATER } } as const;
    when(create).then({ type: 'TenantCreated', data: { tenantId: acme, name: 'Acme', createdAt: LATER } });
    given(created).when(create).thenRejected('tenant_exists', '/id');
  });
  test('that is not there has nothing to change', () => {
    when({ type: 'ChangeSettings', data: { patch: {}, now: LATER } }).thenRejected('tenant_not_found');
    when(createKey()).thenRejected('tenant_not_found');
    when({ type: 'RevokeApiKey', data: { id: 'k', now: LATER } }).thenRejected('tenant_not_found');
  });
});

describe('the first start', () => {
  const bootstrap = {
    type: 'BootstrapTenant',
    data: { tenantId: DEFAULT_TENANT, name: 'Default', adminKey: { id: 'admin-1', hash: 'hash of admin-1' }, now: LATER },
  } as const;
  const adminKey: ApiKeyCreated = {
    type: 'ApiKeyCreated',
    data: { id: 'admin-1', name: 'TIDINGS_ADMIN_KEY', scopes: SCOPES, mode: 'live', hash: 'hash of admin-1', createdAt: LATER },
  };
  const first: TenantCreated = { type: 'TenantCreated', data: { tenantId: DEFAULT_TENANT, name: 'Default', createdAt: LATER } };
  test('makes the tenant and a key with all scopes', () => {
    when(bootstrap).then(first, adminKey);
  });
  test('is made once', () => {
    given(first, adminKey).when(bootstrap).thenNothing();
  });
  test('does not bring a revoked key back', () => {
    given(first, adminKey, revoked('admin-1')).when(bootstrap).thenNothing();
  });
  test('adds the key that the operator changed to', () => {
    given(first, key('admin-0')).when(bootstrap).then(adminKey);
  });
});

describe('API keys', () => {
  test('one is created with scopes that its maker has', () => {
    given(created)
      .when(createKey({ scopes: ['send', 'read'], expiresAt: '2027-01-01T00:00:00.000Z' as Instant }))
      .then({
        type: 'ApiKeyCreated',
        data: {
          id: 'k',
          name: 'CI',
          scopes: ['send', 'read'],
          mode: 'test',
          hash: 'h',
          prefix: 'tid_test_x',
          expiresAt: '2027-01-01T00:00:00.000Z' as Instant,
          createdAt: LATER,
        },
      });
    given(created)
      .when(createKey({ scopes: ['send', 'pii'] }))
      .thenRejected('scope_not_held', '/scopes');
    given(created)
      .when(createKey({ scopes: ['send'], held: ['admin'] }))
      .thenRejected('scope_not_held');
  });
  test('one that has expired already is a mistake', () => {
    given(created)
      .when(createKey({ expiresAt: LATER }))
      .thenRejected('key_already_expired', '/expiresAt');
  });
  test('too many are refused; revoked ones do not count', () => {
    const keys = [...Array(MAX_API_KEYS).keys()].map((n) => key(String(n)));
    given(created, ...keys)
      .when(createKey())
      .thenRejected('too_many_api_keys');
    expect(
      given(created, ...keys, revoked('7'))
        .when(createKey())
        .decision(),
    ).toHaveLength(1);
  });
  test('one is revoked once; one that is not there is said to be missing', () => {
    const revoke = { type: 'RevokeApiKey', data: { id: 'a', now: LATER } } as const;
    given(created, key('a'))
      .when(revoke)
      .then({ type: 'ApiKeyRevoked', data: { id: 'a', revokedAt: LATER } });
    given(created, key('a'), revoked('a')).when(revoke).thenNothing();
    given(created, key('b')).when(revoke).thenRejected('api_key_not_found');
  });
});

describe('settings', () => {
  const changed: SettingsChanged = {
    type: 'SettingsChanged',
    data: { version: 1, settings: { sender: { name: 'Acme' }, branding: { color: '#fff' }, unknownTypes: 'reject' }, changedAt: NOW },
  };
  test('a patch merges sender and branding', () => {
    given(created, changed)
      .when({
        type: 'ChangeSettings',
        data: {
          patch: { sender: { email: 'Hello@Acme.com' }, branding: { logo: 'x', color: null }, locale: 'de-at' },
          ifVersion: 1,
          now: LATER,
        },
      })
      .then({
        type: 'SettingsChanged',
        data: {
          version: 2,
          settings: { sender: { name: 'Acme', email: 'Hello@acme.com' }, locale: 'de-AT', branding: { logo: 'x' }, unknownTypes: 'reject' },
          changedAt: LATER,
        },
      });
  });
  test('null brings a default back, and what changes nothing is not recorded', () => {
    given(created, changed)
      .when({ type: 'ChangeSettings', data: { patch: { sender: null, branding: null, unknownTypes: null }, now: LATER } })
      .then({ type: 'SettingsChanged', data: { version: 2, settings: DEFAULT_SETTINGS, changedAt: LATER } });
    given(created, changed)
      .when({ type: 'ChangeSettings', data: { patch: { unknownTypes: 'reject' }, now: LATER } })
      .thenNothing();
    given(created, changed)
      .when({ type: 'ChangeSettings', data: { patch: {}, ifVersion: 0, now: LATER } })
      .thenRejected('precondition_failed');
  });
  test.each([
    [{ sender: { email: 'nobody' } }, 'invalid_email', '/sender/email'],
    [{ sender: { replyTo: 'nobody' } }, 'invalid_email', '/sender/replyTo'],
    [{ sender: { sms: '12345' } }, 'invalid_phone', '/sender/sms'],
    [{ locale: 'Deutsch!' }, 'invalid_locale', '/locale'],
    [{ timeZone: 'Vienna' }, 'invalid_time_zone', '/timeZone'],
  ])('%j is refused as %s', (patch, code, path) => {
    expect(patchedSettings(DEFAULT_SETTINGS, patch)).toMatchObject({ rejected: code, path });
  });
  test('an SMS comes from a number or from a name', () => {
    expect(patchedSettings(DEFAULT_SETTINGS, { sender: { sms: 'ACME Shop' } })).toMatchObject({ sender: { sms: 'ACME Shop' } });
    expect(patchedSettings(DEFAULT_SETTINGS, { sender: { sms: '+43 664 1234567' } })).toMatchObject({ sender: { sms: '+436641234567' } });
  });
});
