import { hash } from 'node:crypto';
import { isOutsideId, isTenantId } from '../domain/values/ids.ts';
import type { Clock } from '../commands/ports.ts';
import { epochMsOf } from '../domain/values/instant.ts';
import { SCOPES } from '../domain/tenant/events.ts';
import type { Scope } from '../domain/tenant/events.ts';
import { DEFAULT_TENANT } from '../domain/tenant/tenant.ts';
import type { KeyGrant } from '../projections/tenants/queries.ts';
import type { Access } from './access.ts';
import type { KeyRing, TokenClaims, TokenVerifier } from './ports.ts';
import { refuse } from './problems.ts';
import type { Refusal } from './problems.ts';

/** Revocation must reach every process within 5 s, and the read model of the keys needs some of them. */
const CACHE_MS = 2000;
const CACHE_ENTRIES = 10_000;

export type Authentication = (authorization: string | undefined) => Promise<Access | Refusal>;

export type AuthPorts = {
  readonly keys: KeyRing;
  /** Absent: JWTs are refused. */
  readonly tokens?: TokenVerifier;
  readonly clock: Clock;
  /** A name for the `sub` of a token that may not stand in an event as it is (an e-mail address). */
  readonly nameOf: (tenant: Access['tenant'], sub: string) => Promise<string>;
};

const challenge = (more = ''): Record<string, string> => ({ 'WWW-Authenticate': `Bearer realm="tidings"${more}` });

const missing = refuse('unauthenticated', 'Send an API key or a JWT as `Authorization: Bearer …`.', { headers: challenge() });
const invalid = refuse('unauthenticated', 'The key or token is unknown, revoked or expired: use another.', {
  headers: challenge(', error="invalid_token"'),
});

/** Three parts of base64url, the first the start of a JSON object. */
const JWT = /^eyJ[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
const BEARER = /^Bearer +([\x21-\x7e]{8,8192})$/i;

const isScope = (text: string): text is Scope => SCOPES.some((scope) => scope === text);

/** Keys are asked for once in `CACHE_MS`, under their hash: a heap dump then holds no secret. */
function cached(ring: KeyRing, clock: Clock): (secret: string) => Promise<KeyGrant | undefined> {
  const known = new Map<string, { readonly until: number; readonly grant: Promise<KeyGrant | undefined> }>();
  return (secret) => {
    const digest = hash('sha256', secret, 'base64url');
    const now = clock.epochMs();
    const entry = known.get(digest);
    if (entry !== undefined && now < entry.until) return entry.grant;
    const grant = ring.find(secret);
    grant.catch(() => known.delete(digest));
    known.delete(digest);
    known.set(digest, { until: now + CACHE_MS, grant });
    const oldest = known.size > CACHE_ENTRIES ? known.keys().next().value : undefined;
    if (oldest !== undefined) known.delete(oldest);
    return grant;
  };
}

export function createAuthentication({ keys, tokens, clock, nameOf }: AuthPorts): Authentication {
  const find = cached(keys, clock);

  async function ofKey(secret: string): Promise<Access | Refusal> {
    const grant = await find(secret);
    if (grant === undefined || (grant.expiresAt !== undefined && epochMsOf(grant.expiresAt) <= clock.epochMs())) return invalid;
    return { tenant: grant.tenant, actor: { kind: 'key', id: grant.id }, scopes: new Set(grant.scopes), mode: grant.mode };
  }

  async function ofClaims({ sub, tenant, scope }: TokenClaims): Promise<Access | Refusal> {
    if (!isTenantId(tenant) || sub === '') return invalid;
    const id = isOutsideId(sub) ? sub : await nameOf(tenant, sub);
    return { tenant, actor: { kind: 'user', id }, scopes: new Set(scope.split(' ').filter(isScope)), mode: 'live' };
  }

  return async (authorization) => {
    if (authorization === undefined) return missing;
    const secret = BEARER.exec(authorization)?.[1];
    if (secret === undefined) return invalid;
    if (!JWT.test(secret)) return ofKey(secret);
    const claims = await tokens?.verify(secret);
    return claims === undefined ? invalid : ofClaims(claims);
  };
}

/** What an operation asks of its caller. `instance`: `admin` of the tenant `default`. */
export function allows(access: Access, scope: Scope | 'instance'): true | Refusal {
  const needed = scope === 'instance' ? 'admin' : scope;
  if (!access.scopes.has(needed)) {
    return refuse('missing_scope', `Use a key that has the scope ${needed}; no other scope implies it.`, {
      headers: challenge(`, error="insufficient_scope", scope="${needed}"`),
    });
  }
  if (scope === 'instance' && access.tenant !== DEFAULT_TENANT)
    return refuse('forbidden', 'Only the tenant default administers the instance.');
  return true;
}
