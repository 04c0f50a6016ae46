import type { Fact } from '../kernel/decider.ts';
import type { KeyedHash, TenantId } from '../values/ids.ts';
import type { Instant } from '../values/instant.ts';
import type { JsonMembers } from '../values/mergePatch.ts';

/** What a key may do; none implies another. */
export const SCOPES = ['send', 'read', 'pii', 'manage', 'compliance', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];
export type KeyMode = 'live' | 'test';

/** Who speaks: the defaults of everything a message leaves open. An organisation's own particulars, not a person's. */
export type Sender = {
  readonly name?: string;
  readonly email?: string;
  readonly replyTo?: string;
  /** E.164, or an alphanumeric sender id. */
  readonly sms?: string;
};
export type Settings = {
  readonly sender: Sender;
  /** Of the organisation, for the foot of marketing e-mail (CAN-SPAM, 15 U.S.C. 7704). */
  readonly postalAddress?: string;
  /** BCP 47. */
  readonly locale?: string;
  /** IANA. */
  readonly timeZone?: string;
  /** Free members for templates. */
  readonly branding: JsonMembers;
  /** Whether a request may name a type that the catalogue does not hold. */
  readonly unknownTypes: 'allow' | 'reject';
};

export type TenantCreated = Fact<
  'TenantCreated',
  { readonly tenantId: TenantId; readonly name: string; readonly createdAt: Instant; readonly request?: KeyedHash }
>;
/** Holds all settings. `version` counts the changes from 1; it is the ETag. */
export type SettingsChanged = Fact<
  'SettingsChanged',
  { readonly version: number; readonly settings: Settings; readonly changedAt: Instant }
>;
export type ApiKeyCreated = Fact<
  'ApiKeyCreated',
  {
    readonly id: string;
    readonly name: string;
    readonly scopes: readonly Scope[];
    readonly mode: KeyMode;
    /** SHA-256 (base64url) of the key, which holds 256 random bits: nothing to guess, so nothing to stretch. */
    readonly hash: string;
    /** What a person recognises the key by; absent where the operator chose the key. */
    readonly prefix?: string;
    readonly expiresAt?: Instant;
    readonly createdAt: Instant;
    /** Keyed digest of the request, by which a repeat under the same idempotency key is told from a reuse. */
    readonly request?: KeyedHash;
  }
>;
export type ApiKeyRevoked = Fact<'ApiKeyRevoked', { readonly id: string; readonly revokedAt: Instant }>;

/**
 * A request under an Idempotency-Key that acts on another tenant's stream, noted in the caller's own before it does: so the key stands
 * for one body, whatever tenant that names. The command's id, by which it is found again, derives from the key.
 */
export type RequestNoted = Fact<
  'RequestNoted',
  { readonly tenantId: TenantId; /** Keyed digest of the body. */ readonly request: KeyedHash; readonly notedAt: Instant }
>;

export type TenantEvent = TenantCreated | SettingsChanged | ApiKeyCreated | ApiKeyRevoked | RequestNoted;
