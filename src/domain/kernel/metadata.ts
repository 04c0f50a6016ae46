import type { Instant } from '../values/instant.ts';
import type { Position, StreamName, TenantId } from '../values/ids.ts';
import type { AnyFact } from './decider.ts';

/** Who did it. A recipient is named by subject, never by a caller's id. */
export type Actor = {
  readonly kind: 'user' | 'key' | 'recipient' | 'system';
  readonly id: string;
  /** A subject, or a keyed hash. */
  readonly onBehalfOf?: string;
};

/** What every stored event carries besides its data. */
export type Metadata = {
  readonly tenantId: TenantId;
  readonly commandId: string;
  readonly correlationId: string;
  readonly causationId: string;
  readonly actor: Actor;
  readonly occurredAt: Instant;
  readonly schemaVersion: number;
  /** SHA-256 (base64url) of the stored data text, which is canonical JSON (RFC 8785): what the audit chain runs over. */
  readonly digest: string;
  /** W3C Trace Context. */
  readonly traceparent?: string;
};

/** An event as it was read: newest shape, personal fields sealed. */
export type Recorded<E extends AnyFact = AnyFact> = {
  readonly id: string;
  readonly stream: StreamName;
  /** From 0. */
  readonly revision: number;
  readonly position: Position;
  readonly event: E;
  readonly meta: Metadata;
};
