import type { Sealed } from '../../domain/kernel/personal.ts';
import type { RetryPolicy } from '../../domain/policy/retry.ts';
import type { BatchStatus } from '../../domain/values/batchStatus.ts';
import type { Channel } from '../../domain/values/channel.ts';
import type { Content } from '../../domain/values/content.ts';
import type { BatchId, DeliveryId, StreamName, SubjectId, TenantId } from '../../domain/values/ids.ts';
import type { Instant } from '../../domain/values/instant.ts';
import type { Clock, EventLog, Indexes, Vault } from '../../commands/ports.ts';
import type { Claims } from '../process.ts';
import type { Provider } from './provider.ts';
import type { Renderer } from './renderer.ts';

export type ProfileFacts = {
  readonly version: number;
  /** Opens to a `Profile` of domain/recipient. */
  readonly profile?: Sealed;
  /** Where a message of the channel goes besides e-mail and telephone: the newest device or endpoint; opens to an `OwnAddress`. */
  readonly endpoints: Partial<Readonly<Record<Channel, Sealed>>>;
};

export type BatchFacts = { readonly status: BatchStatus };

export type Sender = {
  /** RFC 5322 mailbox (`Shop <shop@example.com>`). */
  readonly emailFrom: string;
  readonly replyTo?: string;
  readonly smsFrom?: string;
  /** BCP 47 and IANA, for people who have none. */
  readonly locale: string;
  readonly timeZone: string;
};

/** What the gates and the renderer read; each call is one statement, and never cached (docs/architecture.md, step 5). */
export interface Facts {
  profiles(tenant: TenantId, subjects: readonly SubjectId[]): Promise<ReadonlyMap<SubjectId, ProfileFacts>>;
  batches(tenant: TenantId, ids: readonly BatchId[]): Promise<ReadonlyMap<BatchId, BatchFacts>>;
  /** Of these streams, those of which an event could not be applied to the facts: what is read of them is not to be trusted. */
  parked(streams: readonly StreamName[]): Promise<ReadonlySet<StreamName>>;
}

/** A published version never changes, so it may be cached; settings may be some seconds old. */
export interface Material {
  template(tenant: TenantId, key: string, version: number): Promise<Localised | undefined>;
  sender(tenant: TenantId): Promise<Sender>;
  /** Files by id; a missing one is left out. */
  files(tenant: TenantId, ids: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>>;
}
export type Localised = { readonly locales: Readonly<Record<string, Content>>; readonly fallback: string };

export type ReservationRequest = {
  readonly tenant: TenantId;
  readonly key: string;
  readonly delivery: DeliveryId;
  /** When it was planned, and when the window that begins then is over. */
  readonly since: Instant;
  readonly until: Instant;
  /** Who is known to hold it in vain: what they hold, as it was seen, may be taken from them. */
  readonly over?: Holder;
};
export type Holder = { readonly delivery: DeliveryId; readonly until: Instant };
/** What counts across notifications: planners compete here, not on a lagging count (docs/architecture.md, step 6). */
export interface Reservations {
  /** In order: reserved (a repeat by the same delivery again), or who holds it. One transaction. */
  reserve(wanted: readonly ReservationRequest[], now: Instant): Promise<readonly ('reserved' | Holder)[]>;
}

export interface Providers {
  /**
   * The provider that a message of this channel goes to now: the first whose breaker is closed, in the order of the configuration. `bound`: the
   * delivery has an open outcome there, and its key means nothing elsewhere. Test mode always captures.
   */
  choose(want: { readonly channel: Channel; readonly mode: 'live' | 'test'; readonly bound?: string }): Provider;
  /** Milliseconds that the slowest of them may take: claims last several times as long. */
  readonly longestDeadlineMs: number;
  /** Told of every call, so that the breaker opens and closes. */
  report(provider: string, healthy: boolean): void;
}

export type DispatchPorts = {
  readonly log: EventLog;
  readonly vault: Vault;
  readonly indexes: Indexes;
  readonly clock: Clock;
  /** From [0, 1). */
  readonly random: () => number;
  readonly claims: Claims;
  readonly facts: Facts;
  readonly material: Material;
  readonly reservations: Reservations;
  readonly providers: Providers;
  readonly renderer: Renderer;
  /** Undefined: everyone may be sent to. */
  readonly allowlist?: (channel: Channel, address: string) => boolean;
  readonly retry: RetryPolicy;
  /** Milliseconds after which what a paused batch or missing facts held back is looked at again; a resumption comes sooner. */
  readonly pauseRecheckMs: number;
  /** Waits this many milliseconds on the service's clock. */
  readonly pause: (ms: number) => Promise<void>;
  readonly watch: DispatchWatch;
};

/** Told of what has been done: metrics hang on it. */
export interface DispatchWatch {
  planned(outcomes: Readonly<Record<string, number>>): void;
  handedOff(provider: string, outcome: string, count: number, ms: number): void;
  /** Counts: `conflict`, `claim_over`, `provider_fault` (a provider threw, which it never should). */
  dropped(why: string, count: number): void;
}
