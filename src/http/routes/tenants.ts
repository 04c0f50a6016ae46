import type { ApiKeyResult, Grantor, SettingsResult, TenantRefusal, TenantResult, tenantCommands } from '../../commands/tenants.ts';
import { present } from '../../domain/kernel/present.ts';
import type { Settings } from '../../domain/tenant/events.ts';
import { DEFAULT_SETTINGS } from '../../domain/tenant/settings.ts';
import { isTenantId } from '../../domain/values/ids.ts';
import { apiKeysOf, tenantOf } from '../../projections/tenants/queries.ts';
import type { ApiKeyView } from '../../projections/tenants/queries.ts';
import { instantIn } from '../notificationBody.ts';
import { operation, plain } from '../operation.ts';
import type { Call, Operation, Reply } from '../operation.ts';
import type { Reads } from '../ports.ts';
import { isRefusal, refuse } from '../problems.ts';
import {
  ApiKeyCreated,
  ApiKeyPage,
  ApiKeyRequest,
  SettingsPatchRequest,
  SettingsShown,
  TenantRequest,
  TenantShown,
} from '../schemas/tenant.ts';
import { IdParams, PageQuery } from '../schemas/values.ts';

export type TenantRoutePorts = { readonly commands: ReturnType<typeof tenantCommands>; readonly reads: Reads };

const reads = ['tenants'];

const grantor = ({ caller, access }: Pick<Call<unknown, unknown, unknown>, 'caller' | 'access'>): Grantor => ({
  ...caller,
  scopes: [...access.scopes],
});

function answerOfTenant(outcome: TenantResult | TenantRefusal): Reply {
  if (isRefusal(outcome)) return outcome;
  const { id, name, createdAt, repeated, position } = outcome;
  return { status: 201, body: { id, name, createdAt }, replayed: repeated, ...present({ position }) };
}
function answerOfKey(outcome: ApiKeyResult | TenantRefusal): Reply {
  if (isRefusal(outcome)) return outcome;
  const { repeated, position, id, tenantId, name, scopes, mode, createdAt, prefix, expiresAt, key } = outcome;
  const body = { id, tenantId, name, scopes, mode, createdAt, ...present({ prefix, expiresAt, key }) };
  return { status: 201, body, replayed: repeated, ...present({ position }) };
}
const keyView = ({ id, name, scopes, mode, prefix, createdAt, expiresAt, revokedAt }: ApiKeyView): object => ({
  id,
  name,
  scopes,
  mode,
  ...present({ prefix, expiresAt }),
  createdAt,
  revokedAt,
});
const settingsView = (settings: Settings, version: number): object => ({ ...settings, version });
function answerOfSettings(outcome: SettingsResult | TenantRefusal): Reply {
  if (isRefusal(outcome)) return outcome;
  const { settings, version, position } = outcome;
  return { status: 200, body: settingsView(settings, version), revision: version, ...present({ position }) };
}

/** Tenants, their keys and their settings. */
export const tenantRoutes = ({ commands, reads: read }: TenantRoutePorts): readonly Operation[] => [
  operation({
    ...plain,
    id: 'createTenant',
    method: 'post',
    path: '/v1/tenants',
    tag: 'Tenants',
    summary: 'Create a tenant',
    scope: 'instance',
    idempotent: true,
    issuesCredentials: true,
    body: TenantRequest,
    responses: { 201: { description: 'Created.', schema: TenantShown } },
    handler: async (call) => {
      const { id, name } = call.body;
      if (!isTenantId(id)) return refuse('validation_failed', 'Use 1 to 63 of a-z, 0-9 and dashes.', { path: '/id' });
      return answerOfTenant(await commands.createTenant(grantor(call), { id, name }));
    },
  }),
  operation({
    ...plain,
    id: 'createApiKey',
    method: 'post',
    path: '/v1/api-keys',
    tag: 'API keys',
    summary: 'Create an API key, with scopes that you have yourself',
    description: 'For another tenant only with `admin` of the tenant `default`. The key is shown once.',
    scope: 'admin',
    idempotent: true,
    issuesCredentials: true,
    body: ApiKeyRequest,
    responses: { 201: { description: 'Created.', schema: ApiKeyCreated } },
    handler: async (call) => {
      const { tenantId, mode, expiresAt, name, scopes } = call.body;
      if (tenantId !== undefined && !isTenantId(tenantId)) return refuse('tenant_not_found', 'There is no tenant of this id.');
      const more = present({ tenantId, mode, expiresAt: expiresAt === undefined ? undefined : instantIn(expiresAt) });
      return answerOfKey(await commands.createApiKey(grantor(call), { name, scopes, ...more }));
    },
  }),
  operation({
    ...plain,
    id: 'listApiKeys',
    method: 'get',
    path: '/v1/api-keys',
    tag: 'API keys',
    summary: 'API keys, newest first, revoked ones too',
    scope: 'admin',
    reads,
    query: PageQuery,
    responses: { 200: { description: 'A page.', schema: ApiKeyPage } },
    handler: async ({ access: { tenant }, query: { limit }, place }) => {
      const { rows, next } = await read.read(tenant, 'tenants', (tx, suffix) =>
        apiKeysOf(tx, suffix, tenant, { limit, ...present({ place }) }),
      );
      return { status: 200, page: { data: rows.map(keyView), next } };
    },
  }),
  operation({
    ...plain,
    id: 'revokeApiKey',
    method: 'delete',
    path: '/v1/api-keys/{id}',
    tag: 'API keys',
    summary: 'Revoke an API key, in every process within 5 s',
    scope: 'admin',
    params: IdParams,
    responses: { 204: { description: 'Revoked.' } },
    handler: async ({ caller, params: { id } }) => {
      const outcome = await commands.revokeApiKey(caller, id);
      return isRefusal(outcome) ? outcome : { status: 204, ...present({ position: outcome.position }) };
    },
  }),
  operation({
    ...plain,
    id: 'getSettings',
    method: 'get',
    path: '/v1/settings',
    tag: 'Settings',
    summary: 'Defaults of everything that a message leaves open',
    scope: 'read',
    reads,
    responses: { 200: { description: 'The settings.', schema: SettingsShown } },
    handler: async ({ access: { tenant } }) => {
      const found = await read.read(tenant, 'tenants', (tx, suffix) => tenantOf(tx, suffix, tenant));
      const { settings, version } = found ?? { settings: DEFAULT_SETTINGS, version: 0 };
      return { status: 200, body: settingsView(settings, version), revision: version };
    },
  }),
  operation({
    ...plain,
    id: 'patchSettings',
    method: 'patch',
    path: '/v1/settings',
    tag: 'Settings',
    summary: 'Change what is given',
    scope: 'manage',
    conditional: true,
    body: SettingsPatchRequest,
    responses: { 200: { description: 'The settings as they are now.', schema: SettingsShown } },
    handler: async ({ caller, body, ifMatch }) => answerOfSettings(await commands.changeSettings(caller, body, ifMatch)),
  }),
];
