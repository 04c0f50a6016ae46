import type { Actor } from '../domain/kernel/metadata.ts';
import type { TenantId } from '../domain/values/ids.ts';

/** What a key or token may do; none implies another. */
export const SCOPES = ['send', 'read', 'pii', 'manage', 'compliance', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/** Whose request it is and what it may do. */
export type Caller = {
  readonly tenant: TenantId;
  readonly actor: Actor;
  readonly scopes: ReadonlySet<Scope>;
  /** `test`: whatever is sent is captured. */
  readonly mode: 'live' | 'test';
};
