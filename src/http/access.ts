import type { Actor } from '../domain/kernel/metadata.ts';
import type { KeyMode, Scope } from '../domain/tenant/events.ts';
import type { TenantId } from '../domain/values/ids.ts';

/** Whose credentials came with a request, and what they are good for. */
export type Access = {
  readonly tenant: TenantId;
  readonly actor: Actor;
  readonly scopes: ReadonlySet<Scope>;
  /** `test`: whatever is sent is captured. */
  readonly mode: KeyMode;
};
