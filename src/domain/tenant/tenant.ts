import { assertNever } from '../kernel/assertNever.ts';
import { canonicalJson } from '../kernel/canonicalJson.ts';
import type { Decider, Decision } from '../kernel/decider.ts';
import { preconditionHolds, type IfVersion } from '../kernel/precondition.ts';
import { isRejection, reject } from '../kernel/rejection.ts';
import { trusted, type TenantId } from '../values/ids.ts';
import type { Instant } from '../values/instant.ts';
import {
  SCOPES,
  type ApiKeyCreated,
  type RequestNoted,
  type Scope,
  type Settings,
  type TenantCreated,
  type TenantEvent,
} from './events.ts';
import { DEFAULT_SETTINGS, patchedSettings, type SettingsCode, type SettingsPatch } from './settings.ts';

export type CreateTenant = Omit<TenantCreated['data'], 'createdAt'> & { readonly now: Instant };
/** The first tenant and the operator's key: made once, and made again by nothing, also not after the key was revoked. */
export type BootstrapTenant = Pick<CreateTenant, 'tenantId' | 'name' | 'now'> & {
  readonly adminKey: { readonly id: string; readonly hash: string };
};
export type ChangeSettings = { readonly patch: SettingsPatch; readonly ifVersion?: IfVersion; readonly now: Instant };
/** `held`: the scopes of who creates it; a key creates keys only with scopes it has. */
export type CreateApiKey = Omit<ApiKeyCreated['data'], 'createdAt'> & { readonly held: readonly Scope[]; readonly now: Instant };
export type TenantCommand =
  | { readonly type: 'CreateTenant'; readonly data: CreateTenant }
  | { readonly type: 'BootstrapTenant'; readonly data: BootstrapTenant }
  | { readonly type: 'ChangeSettings'; readonly data: ChangeSettings }
  | { readonly type: 'CreateApiKey'; readonly data: CreateApiKey }
  | { readonly type: 'RevokeApiKey'; readonly data: { readonly id: string; readonly now: Instant } }
  | { readonly type: 'NoteRequest'; readonly data: Omit<RequestNoted['data'], 'notedAt'> & { readonly now: Instant } };
export type TenantCode =
  | SettingsCode
  | 'tenant_exists'
  | 'tenant_not_found'
  | 'precondition_failed'
  | 'scope_not_held'
  | 'key_already_expired'
  | 'too_many_api_keys'
  | 'api_key_not_found';

type KeyState = { readonly hash: string; readonly revoked: boolean };
export type Tenant =
  | { readonly status: 'absent' }
  | {
      readonly status: 'created';
      readonly name: string;
      readonly version: number;
      readonly settings: Settings;
      readonly keys: ReadonlyMap<string, KeyState>;
    };
type Created = Extract<Tenant, { status: 'created' }>;

/** The tenant that is there from the beginning; an admin key of it may act on others. */
export const DEFAULT_TENANT = trusted<TenantId>('default');
/** Not revoked ones, for a tenant. */
export const MAX_API_KEYS = 500;

type Decided = Decision<TenantEvent, TenantCode>;

function createTenant({ now, ...data }: CreateTenant, state: Tenant): Decided {
  if (state.status === 'created') return reject('tenant_exists', 'there is a tenant of this id already; choose another', '/id');
  return [{ type: 'TenantCreated', data: { ...data, createdAt: now } }];
}

function bootstrap({ tenantId, name, adminKey: { id, hash }, now }: BootstrapTenant, state: Tenant): Decided {
  const tenant: readonly TenantEvent[] =
    state.status === 'absent' ? [{ type: 'TenantCreated', data: { tenantId, name, createdAt: now } }] : [];
  if (state.status === 'created' && [...state.keys.values()].some((key) => key.hash === hash)) return tenant;
  const key = { id, name: 'TIDINGS_ADMIN_KEY', scopes: SCOPES, mode: 'live', hash, createdAt: now } as const;
  return [...tenant, { type: 'ApiKeyCreated', data: key }];
}

function changeSettings({ patch, ifVersion, now }: ChangeSettings, state: Created): Decided {
  if (!preconditionHolds(ifVersion, state.version, true))
    return reject('precondition_failed', 'the settings have changed since they were read; read them again and repeat the change');
  const settings = patchedSettings(state.settings, patch);
  if (isRejection<SettingsCode>(settings)) return settings;
  if (canonicalJson(settings) === canonicalJson(state.settings)) return [];
  return [{ type: 'SettingsChanged', data: { version: state.version + 1, settings, changedAt: now } }];
}

function createApiKey({ held, now, ...key }: CreateApiKey, state: Created): Decided {
  if (key.scopes.some((scope) => !held.includes(scope)))
    return reject('scope_not_held', 'a key creates keys only with scopes that it has itself', '/scopes');
  if (key.expiresAt !== undefined && key.expiresAt <= now)
    return reject('key_already_expired', 'expiresAt lies in the past; name a later instant or leave it out', '/expiresAt');
  if ([...state.keys.values()].filter(({ revoked }) => !revoked).length >= MAX_API_KEYS)
    return reject('too_many_api_keys', `a tenant has at most ${String(MAX_API_KEYS)} API keys; revoke one first`);
  return [{ type: 'ApiKeyCreated', data: { ...key, createdAt: now } }];
}

function revokeApiKey(id: string, now: Instant, state: Created): Decided {
  const key = state.keys.get(id);
  if (key === undefined) return reject('api_key_not_found', 'there is no API key of this id');
  return key.revoked ? [] : [{ type: 'ApiKeyRevoked', data: { id, revokedAt: now } }];
}

function decide(command: TenantCommand, state: Tenant): Decided {
  if (command.type === 'CreateTenant') return createTenant(command.data, state);
  if (command.type === 'BootstrapTenant') return bootstrap(command.data, state);
  if (state.status === 'absent') return reject('tenant_not_found', 'there is no tenant of this id');
  switch (command.type) {
    case 'ChangeSettings':
      return changeSettings(command.data, state);
    case 'CreateApiKey':
      return createApiKey(command.data, state);
    case 'RevokeApiKey':
      return revokeApiKey(command.data.id, command.data.now, state);
    case 'NoteRequest': {
      const { now, ...noted } = command.data;
      return [{ type: 'RequestNoted', data: { ...noted, notedAt: now } }];
    }
  }
}

function evolve(state: Tenant, event: TenantEvent): Tenant {
  if (event.type === 'TenantCreated')
    return { status: 'created', name: event.data.name, version: 0, settings: DEFAULT_SETTINGS, keys: new Map() };
  if (state.status === 'absent') return state;
  switch (event.type) {
    case 'SettingsChanged':
      return { ...state, version: event.data.version, settings: event.data.settings };
    case 'ApiKeyCreated':
      return withKey(state, event.data.id, { hash: event.data.hash, revoked: false });
    case 'ApiKeyRevoked':
      return withKey(state, event.data.id, { hash: state.keys.get(event.data.id)?.hash ?? '', revoked: true });
    case 'RequestNoted':
      return state;
    default:
      return assertNever(event);
  }
}

const withKey = (state: Created, id: string, key: KeyState): Tenant => ({ ...state, keys: new Map(state.keys).set(id, key) });

/** An isolated customer: its settings and who may act for it. */
export const tenant: Decider<TenantCommand, Tenant, TenantEvent, TenantCode> = {
  initial: () => ({ status: 'absent' }),
  decide,
  evolve,
};
