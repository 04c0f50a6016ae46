import { canonicalJson } from '../domain/kernel/canonicalJson.ts';
import type { IfVersion } from '../domain/kernel/precondition.ts';
import { KEY_REUSED } from '../domain/kernel/keyReused.ts';
import { isRejection, reject, type Rejection } from '../domain/kernel/rejection.ts';
import type { KeyMode, Scope, Settings, TenantEvent } from '../domain/tenant/events.ts';
import { DEFAULT_SETTINGS, type SettingsPatch } from '../domain/tenant/settings.ts';
import { DEFAULT_TENANT, type Tenant, type TenantCode, type TenantCommand } from '../domain/tenant/tenant.ts';
import type { KeyedHash, Position, TenantId } from '../domain/values/ids.ts';
import type { Instant } from '../domain/values/instant.ts';
import { contextOf, type Caller, type ContextPorts } from './caller.ts';
import { handle, type CommandContext, type Handled } from './handle.ts';
import type { EventLog, Indexes } from './ports.ts';
import { MAIN, TENANT } from './registry.ts';

/** Makes and digests API keys. */
export interface KeySecrets {
  /** A new key (256 random bits) and the part of it that may be shown. */
  create(mode: KeyMode): { readonly key: string; readonly prefix: string };
  /** SHA-256, base64url: what is stored and looked up. */
  hash(key: string): string;
}
export type TenantPorts = ContextPorts & { readonly log: EventLog; readonly keySecrets: KeySecrets };
export type TenantRefusal = Rejection<TenantCode | 'forbidden' | 'idempotency_key_reused'>;
/** Who gives rights away: no more than those held. */
export type Grantor = Caller & { readonly scopes: readonly Scope[] };

export type TenantResult = {
  readonly id: TenantId;
  readonly name: string;
  readonly createdAt: Instant;
  readonly repeated: boolean;
  readonly position?: Position;
};
export type SettingsResult = { readonly settings: Settings; readonly version: number; readonly position?: Position };
export type ApiKeyInput = {
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly mode?: KeyMode;
  /** Absent: the caller's own. */
  readonly tenantId?: TenantId;
  readonly expiresAt?: Instant;
};
export type ApiKeyResult = {
  readonly id: string;
  readonly tenantId: TenantId;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly mode: KeyMode;
  readonly createdAt: Instant;
  readonly prefix?: string;
  readonly expiresAt?: Instant;
  /** Shown once: a repeat has none. */
  readonly key?: string;
  readonly repeated: boolean;
  readonly position?: Position;
};

const FORBIDDEN = reject('forbidden', 'this takes an API key of the tenant `default` with the scope admin');

/** Use cases about tenants, their settings and API keys. All throw PortError. */
export function tenantCommands(ports: TenantPorts) {
  const run = handle(ports.log, TENANT);
  const runIn = (tenant: TenantId, context: CommandContext, command: TenantCommand) =>
    run({ id: MAIN, input: command, context: { ...context, tenant } });

  /** Whether the caller's key came before with another body, about whichever tenant. */
  async function isReused(caller: Caller, context: CommandContext, tenantId: TenantId, request: KeyedHash): Promise<boolean> {
    if (caller.idempotencyKey === undefined || tenantId === caller.tenant) return false;
    const data = { tenantId, request, now: context.envelope.occurredAt };
    const outcome = await runIn(caller.tenant, context, { type: 'NoteRequest', data });
    if (isRejection(outcome)) throw new TypeError('the tenant of a caller refused to take note of a request');
    return !outcome.events.some(({ data: noted }) => 'request' in noted && noted.request === request);
  }

  /** By an admin of the tenant `default`. */
  async function createTenant(
    caller: Grantor,
    input: { readonly id: TenantId; readonly name: string },
  ): Promise<TenantResult | TenantRefusal> {
    if (!isOperator(caller)) return FORBIDDEN;
    const context = await contextOf(ports, caller, 'tenants');
    const request = await requestDigest(ports.indexes, caller.tenant, input);
    if (await isReused(caller, context, input.id, request)) return KEY_REUSED;
    const data = { tenantId: input.id, name: input.name, request, now: context.envelope.occurredAt };
    const outcome = await runIn(input.id, context, { type: 'CreateTenant', data });
    if (isRejection<TenantCode>(outcome)) return outcome;
    const created = outcome.events.find((event) => event.type === 'TenantCreated');
    if (created?.data.request !== request) return KEY_REUSED;
    return { id: input.id, name: created.data.name, createdAt: created.data.createdAt, ...answered(outcome) };
  }

  async function changeSettings(caller: Caller, patch: SettingsPatch, ifVersion?: IfVersion): Promise<SettingsResult | TenantRefusal> {
    const context = await contextOf(ports, caller, 'settings');
    const data = { patch, now: context.envelope.occurredAt, ...(ifVersion !== undefined && { ifVersion }) };
    const outcome = await runIn(caller.tenant, context, { type: 'ChangeSettings', data });
    if (isRejection<TenantCode>(outcome)) return outcome;
    const { state, position } = outcome;
    const { settings, version } = state.status === 'absent' ? { settings: DEFAULT_SETTINGS, version: 0 } : state;
    return { settings, version, ...(position !== undefined && { position }) };
  }

  /** For another tenant only by an admin of the tenant `default`; to anybody else that tenant does not exist. */
  async function createApiKey(caller: Grantor, input: ApiKeyInput): Promise<ApiKeyResult | TenantRefusal> {
    const { tenantId = caller.tenant, mode = 'live', name, scopes, expiresAt } = input;
    if (tenantId !== caller.tenant && !isOperator(caller)) return reject('tenant_not_found', 'there is no tenant of this id', '/tenantId');
    const context = await contextOf(ports, caller, 'api-keys');
    const request = await requestDigest(ports.indexes, caller.tenant, input);
    if (await isReused(caller, context, tenantId, request)) return KEY_REUSED;
    const { key, prefix } = ports.keySecrets.create(mode);
    const outcome = await runIn(tenantId, context, {
      type: 'CreateApiKey',
      data: {
        // The command's id: a repeat names the same key.
        id: context.envelope.commandId,
        name,
        scopes: [...new Set(scopes)],
        mode,
        hash: ports.keySecrets.hash(key),
        prefix,
        request,
        held: caller.scopes,
        now: context.envelope.occurredAt,
        ...(expiresAt !== undefined && { expiresAt }),
      },
    });
    return isRejection<TenantCode>(outcome) ? outcome : createdKey(outcome, { tenantId, request, key });
  }

  async function revokeApiKey(caller: Caller, id: string): Promise<{ readonly position?: Position } | TenantRefusal> {
    const context = await contextOf(ports, caller, 'api-keys/revoke');
    const outcome = await runIn(caller.tenant, context, { type: 'RevokeApiKey', data: { id, now: context.envelope.occurredAt } });
    if (isRejection<TenantCode>(outcome)) return outcome;
    return outcome.position === undefined ? {} : { position: outcome.position };
  }

  /** Makes the tenant `default` and its first key, once: at every start, by whichever process comes first. */
  async function bootstrap(adminKey: string): Promise<void> {
    const caller: Caller = { tenant: DEFAULT_TENANT, actor: { kind: 'system', id: 'bootstrap' }, correlationId: 'bootstrap' };
    const context = await contextOf(ports, caller, 'bootstrap');
    const hash = ports.keySecrets.hash(adminKey);
    const data = {
      tenantId: DEFAULT_TENANT,
      name: 'Default',
      adminKey: { id: `admin-${hash.slice(0, 16)}`, hash },
      now: context.envelope.occurredAt,
    };
    const outcome = await runIn(DEFAULT_TENANT, context, { type: 'BootstrapTenant', data });
    if (isRejection(outcome)) throw new TypeError('the tenant `default` refused to be made');
  }

  return { createTenant, changeSettings, createApiKey, revokeApiKey, bootstrap };
}

type Asked = { readonly tenantId: TenantId; readonly request: KeyedHash; readonly key: string };

/** The secret is shown once: a repeat has none. */
function createdKey(outcome: Handled<Tenant, TenantEvent>, { tenantId, request, key }: Asked): ApiKeyResult | TenantRefusal {
  const created = outcome.events.find((event) => event.type === 'ApiKeyCreated');
  if (created?.data.request !== request) return KEY_REUSED;
  const { hash: _hash, request: _request, ...shown } = created.data;
  return { ...shown, tenantId, ...answered(outcome), ...(!outcome.repeated && { key }) };
}

const isOperator = ({ tenant, scopes }: Grantor): boolean => tenant === DEFAULT_TENANT && scopes.includes('admin');

const answered = ({ repeated, position }: Handled<Tenant, TenantEvent>) => ({ repeated, ...(position !== undefined && { position }) });

async function requestDigest(indexes: Indexes, tenant: TenantId, body: object): Promise<KeyedHash> {
  const [digest] = await indexes.hash(tenant, 'request', [canonicalJson(body)]);
  if (digest === undefined) throw new TypeError('one text was to be hashed and no hash came back');
  return digest;
}
