import type { AnyFact } from '../domain/kernel/decider.ts';
import type { Metadata, Recorded } from '../domain/kernel/metadata.ts';
import type { DataClass, Sealed } from '../domain/kernel/personal.ts';
import type { PortError } from '../domain/kernel/portError.ts';
import type { Instant } from '../domain/values/instant.ts';
import type { KeyedHash, Position, StreamName, SubjectId, TenantId } from '../domain/values/ids.ts';

/** `absent`: the stream must not exist; a number: the revision of its last event. */
export type ExpectedRevision = number | 'absent';

/** What the caller says about its events; the codec adds the schema's version and the digest. */
export type Envelope = Omit<Metadata, 'schemaVersion' | 'digest' | 'tenantId'>;
export type EventWrite<E extends AnyFact = AnyFact> = {
  readonly stream: StreamName;
  readonly at: ExpectedRevision;
  readonly events: readonly E[];
  readonly envelope: Envelope;
  /**
   * Which carrying out of the command this is, where one under an idempotency key may be carried out twice at the same time: without
   * it the store would take the second for a repeat of the first, whatever it says. Absent: of this command there is one content only.
   */
  readonly attempt?: string;
};
export type WriteResult =
  | { readonly ok: true; readonly revision: number; readonly position: Position }
  | { readonly ok: false; readonly conflict: true; readonly actual: ExpectedRevision }
  | { readonly ok: false; readonly conflict: false; readonly error: PortError };

/**
 * The log in the domain's words: what is written is checked against its schema, sealed and digested; what is read has the newest
 * shape, its personal fields sealed. Ids of events derive from `envelope.commandId` (and `attempt`), the stream and the event's index.
 */
export interface EventLog {
  /** One outcome per write, in order. A write over 900 kB encoded: `invalid`, `append_too_large`; for an erased subject: `invalid`, `subject_erased`. */
  append(writes: readonly EventWrite[]): Promise<readonly WriteResult[]>;
  /** Whole streams, in one go; a missing one is an empty list. The caller says whose events they are: the stream's noun decides, and the codec has checked each. */
  read<E extends AnyFact = AnyFact>(streams: readonly StreamName[]): Promise<ReadonlyMap<StreamName, readonly Recorded<E>[]>>;
}

/** Seals and opens personal values: one statement for all keys that a call needs. */
export interface Vault {
  /** In order. @throws PortError `invalid`, `subject_erased` when a subject's key was destroyed. */
  seal(items: readonly ToSeal[]): Promise<readonly Sealed[]>;
  /** In order. What lost one of its keys is `erased`: a value, never an error. @throws PortError `unavailable`. */
  open<T>(items: readonly Sealed[]): Promise<readonly Opened<T>[]>;
}
export type ToSeal = {
  readonly value: unknown;
  readonly tenant: TenantId;
  readonly subject?: SubjectId;
  readonly class: DataClass;
  readonly period: string;
  readonly aad: string;
};
export type Opened<T> = { readonly value: T } | 'erased';

/** Keyed hashes (HMAC-SHA-256, base64url) with the tenant's index keys, which are wrapped, backed up and never rotated. */
export interface Indexes {
  /** `purpose` separates uses, so that hashes of one can't be looked up in another: `address`, `recipient`, `key`, `dedup`, `request`, `identity`. */
  hash(tenant: TenantId, purpose: string, values: readonly string[]): Promise<readonly KeyedHash[]>;
  /** UUIDv8 (RFC 9562) from HMAC-SHA-256 under the tenant's identity key over the parts, which are told apart. */
  uuid(tenant: TenantId, ...parts: readonly string[]): Promise<string>;
}

/** A person as a caller names one: `recipientId` as given (NFC), or the normalised addresses of an inline person. */
export type PersonName = { readonly recipientId: string } | { readonly address: string };
/** Our random ids of people (docs/decisions/0003), kept with the keys. */
export interface Subjects {
  /** In order; people not known yet get a subject. `erased`: the row says so, and work for it is rejected. `addr_<subject>` names a subject directly. */
  resolve(tenant: TenantId, people: readonly PersonName[]): Promise<readonly (SubjectId | 'erased')[]>;
  /** In order; creates nothing. */
  find(tenant: TenantId, people: readonly PersonName[]): Promise<readonly (SubjectId | 'erased' | 'unknown')[]>;
  /** What the outside calls these subjects: the caller's recipientId, else `addr_<subject>`; `erased` once the key is destroyed. */
  labels(tenant: TenantId, subjects: readonly SubjectId[]): Promise<readonly string[]>;
}

/** All time comes from here; it follows the database's clock, and a test moves it by hand. */
export interface Clock {
  now(): Instant;
  /** Milliseconds since the epoch. */
  epochMs(): number;
}

export interface Ids {
  /** UUIDv7 (RFC 9562): time-ordered. */
  uuid(): string;
}
