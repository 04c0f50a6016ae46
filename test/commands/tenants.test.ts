import { beforeEach, describe, expect, test } from 'vitest';
import { keySecrets } from '../../src/adapters/crypto/keySecrets.ts';
import { tenantCommands, type Grantor } from '../../src/commands/tenants.ts';
import { SCOPES, type Scope, type TenantEvent } from '../../src/domain/tenant/events.ts';
import type { TenantId } from '../../src/domain/values/ids.ts';
import { caller, openHouse, START, type House } from '../support/house.ts';

let house: House;
let tenants: ReturnType<typeof tenantCommands>;
beforeEach(async () => {
  house = await openHouse();
  tenants = tenantCommands({ ...house, keySecrets });
  await tenants.bootstrap('operators-own-key');
});
const by = (tenant: string, scopes: readonly Scope[], idempotencyKey?: string): Grantor => ({
  ...caller({ tenant: tenant as TenantId, ...(idempotencyKey !== undefined && { idempotencyKey }) }),
  scopes,
});
const operator = (idempotencyKey?: string): Grantor => by('default', SCOPES, idempotencyKey);
const events = async (): Promise<readonly TenantEvent[]> => (await house.events()) as readonly TenantEvent[];

describe('the first start', () => {
  test('makes the tenant default and keeps no more of the key than its hash', async () => {
    await tenants.bootstrap('operators-own-key');
    expect((await events()).map(({ type }) => type)).toStrictEqual(['TenantCreated', 'ApiKeyCreated']);
    expect((await events())[1]?.data).toMatchObject({ hash: keySecrets.hash('operators-own-key'), scopes: SCOPES, mode: 'live' });
    expect(JSON.stringify(await house.recorded())).not.toContain('operators-own-key');
  });
  test('a revoked first key stays so', async () => {
    const id = `admin-${keySecrets.hash('operators-own-key').slice(0, 16)}`;
    expect(await tenants.revokeApiKey(operator(), id)).toMatchObject({ position: expect.any(String) as string });
    await tenants.bootstrap('operators-own-key');
    expect((await events()).map(({ type }) => type)).toStrictEqual(['TenantCreated', 'ApiKeyCreated', 'ApiKeyRevoked']);
  });
});

describe('tenants', () => {
  test('one is made by an operator alone', async () => {
    const input = { id: 'acme' as TenantId, name: 'Acme' };
    expect(await tenants.createTenant(by('default', ['manage']), input)).toMatchObject({ rejected: 'forbidden' });
    expect(await tenants.createTenant(by('acme', SCOPES), input)).toMatchObject({ rejected: 'forbidden' });
    expect(await tenants.createTenant(operator(), input)).toMatchObject({ id: 'acme', name: 'Acme', createdAt: START, repeated: false });
    expect(await tenants.createTenant(operator(), input)).toMatchObject({ rejected: 'tenant_exists' });
  });
  test('a repeat gets the first answer; the same key with another body does not', async () => {
    const first = await tenants.createTenant(operator('once'), { id: 'acme' as TenantId, name: 'Acme' });
    expect(await tenants.createTenant(operator('once'), { id: 'acme' as TenantId, name: 'Acme' })).toStrictEqual({
      ...first,
      repeated: true,
    });
    expect(await tenants.createTenant(operator('once'), { id: 'acme' as TenantId, name: 'Other' })).toMatchObject({
      rejected: 'idempotency_key_reused',
    });
  });
});

describe('an idempotency key stands for one body, whichever tenant that names', () => {
  const acme = { id: 'acme' as TenantId, name: 'Acme' };
  const other = { id: 'other' as TenantId, name: 'Other' };
  const reused = { rejected: 'idempotency_key_reused' };

  test('of a tenant that is made', async () => {
    const first = await tenants.createTenant(operator('once'), acme);
    expect(await tenants.createTenant(operator('once'), other)).toMatchObject(reused);
    expect((await events()).filter(({ type }) => type === 'TenantCreated')).toHaveLength(2);
    expect(await tenants.createTenant(operator('once'), acme)).toStrictEqual({ ...first, repeated: true });
  });

  test('of an API key, of one’s own tenant or of others', async () => {
    await tenants.createTenant(operator(), acme);
    await tenants.createTenant(operator(), other);
    const key = { name: 'CI', scopes: ['send'] } as const;
    expect(await tenants.createApiKey(operator('k1'), { ...key, tenantId: acme.id })).toMatchObject({ tenantId: 'acme' });
    expect(await tenants.createApiKey(operator('k1'), { ...key, tenantId: other.id })).toMatchObject(reused);
    expect(await tenants.createApiKey(operator('k1'), key)).toMatchObject(reused);
    expect(await tenants.createApiKey(operator('k2'), key)).toMatchObject({ tenantId: 'default' });
    expect(await tenants.createApiKey(operator('k2'), { ...key, tenantId: acme.id })).toMatchObject(reused);
    expect(await tenants.createApiKey(operator('k1'), { ...key, tenantId: acme.id })).toMatchObject({ tenantId: 'acme', repeated: true });
  });

  test('also of two requests at once', async () => {
    const both = await Promise.all([acme, other].map((input) => tenants.createTenant(operator('once'), input)));
    expect(both.filter((it) => 'rejected' in it)).toMatchObject([reused]);
    expect((await events()).filter(({ type }) => type === 'TenantCreated')).toHaveLength(2);
  });
});

describe('API keys', () => {
  test('one is shown once and kept as a hash', async () => {
    const made = await tenants.createApiKey(operator(), { name: 'CI', scopes: ['send', 'send'], mode: 'test' });
    if ('rejected' in made) throw new Error(made.rejected);
    expect(made.key).toMatch(/^tid_test_[\w-]{8}_[\w-]{43}$/);
    expect(made).toMatchObject({ tenantId: 'default', name: 'CI', scopes: ['send'], mode: 'test', prefix: made.key?.slice(0, 17) });
    expect(Object.keys(made)).not.toContain('hash');
    const last = (await events()).at(-1);
    expect(last?.data).toMatchObject({ id: made.id, hash: keySecrets.hash(made.key ?? '') });
    expect(JSON.stringify(last)).not.toContain(made.key?.slice(-43));
  });
  test('a repeat names the same key and does not show it; another body is refused', async () => {
    const first = await tenants.createApiKey(operator('once'), { name: 'CI', scopes: ['send'] });
    const again = await tenants.createApiKey(operator('once'), { name: 'CI', scopes: ['send'] });
    if ('rejected' in first) throw new Error(first.rejected);
    const { key, ...shown } = first;
    expect(key).toBeDefined();
    expect(again).toStrictEqual({ ...shown, repeated: true });
    expect(await tenants.createApiKey(operator('once'), { name: 'CI', scopes: ['send', 'read'] })).toMatchObject({
      rejected: 'idempotency_key_reused',
    });
    expect(await events()).toHaveLength(3);
  });
  test('several asked for at once under one Idempotency-Key are one, and only the answer whose key works shows it', async () => {
    const asked = await Promise.all(
      Array.from({ length: 4 }, () => tenants.createApiKey(operator('at once'), { name: 'CI', scopes: ['send'] })),
    );
    const keys = asked.flatMap((it) => ('rejected' in it || it.key === undefined ? [] : [it.key]));
    const made = (await events()).at(-1);
    expect(keys.map((key) => keySecrets.hash(key))).toStrictEqual([made?.type === 'ApiKeyCreated' ? made.data.hash : '']);
    expect(asked.map((it) => 'repeated' in it && it.repeated)).toStrictEqual([false, true, true, true]);
  });
  test('one for another tenant takes an operator; to others that tenant does not exist', async () => {
    await tenants.createTenant(operator(), { id: 'acme' as TenantId, name: 'Acme' });
    const input = { name: 'CI', scopes: ['send'], tenantId: 'acme' as TenantId } as const;
    expect(await tenants.createApiKey(operator(), input)).toMatchObject({ tenantId: 'acme' });
    expect((await house.recorded()).at(-1)?.stream).toBe('tenant-acme_main');
    expect(await tenants.createApiKey(by('beta', SCOPES), input)).toMatchObject({ rejected: 'tenant_not_found' });
    expect(await tenants.createApiKey(by('default', ['manage', 'send']), input)).toMatchObject({ rejected: 'tenant_not_found' });
    expect(await tenants.createApiKey(operator(), { ...input, tenantId: 'nobody' as TenantId })).toMatchObject({
      rejected: 'tenant_not_found',
    });
  });
  test('no key gives away what it does not have', async () => {
    expect(await tenants.createApiKey(by('default', ['admin']), { name: 'CI', scopes: ['pii'] })).toMatchObject({
      rejected: 'scope_not_held',
    });
  });
});

test('settings are patched', async () => {
  const result = await tenants.changeSettings(operator(), { sender: { name: 'Acme' }, unknownTypes: 'reject' });
  expect(result).toMatchObject({ version: 1, settings: { sender: { name: 'Acme' }, branding: {}, unknownTypes: 'reject' } });
  expect(await tenants.changeSettings(operator(), { locale: 'de' }, 0)).toMatchObject({ rejected: 'precondition_failed' });
});
