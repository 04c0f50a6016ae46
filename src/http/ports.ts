import type { ParkedEvent, Transaction } from '../consumers/ports.ts';
import type { Instant } from '../domain/values/instant.ts';
import type { Channel } from '../domain/values/channel.ts';
import type { Content } from '../domain/values/content.ts';
import type { DeliveryId, NotificationId, Position, TenantId } from '../domain/values/ids.ts';
import type { Page, PageRequest } from '../domain/values/page.ts';
import type { KeyGrant } from '../projections/tenants/queries.ts';

export interface KeyRing {
  /** By the secret as the caller sent it; nothing where none fits or it was revoked. */
  find(secret: string): Promise<KeyGrant | undefined>;
}

/** Claims of a JSON Web Token whose signature, issuer, audience and times were checked. */
export type TokenClaims = { readonly sub: string; readonly tenant: string; readonly scope: string };
export interface TokenVerifier {
  /** Nothing where the token is not valid, for whatever reason. @throws PortError `unavailable` when its issuer's keys can't be had. */
  verify(token: string): Promise<TokenClaims | undefined>;
}

/** `?after=`: read models that catch up. */
export interface WaitFor {
  /** True once all these projections have the position; false when that takes longer than `timeoutMs`, or is no position. */
  reached(position: Position, projections: readonly string[], timeoutMs: number): Promise<boolean>;
}

/** Runs a query of a projection as the tenant, on its live tables. @throws PortError `unavailable`. */
export interface Reads {
  read<T>(tenant: TenantId, projection: string, query: (tx: Transaction, suffix: string) => Promise<T>): Promise<T>;
}

/** What is unguessable: 256 random bits, base64url. */
export interface Secrets {
  token(): string;
}

/** How much is going on, read at every request: cheap. */
export interface LoadGauges {
  /** Bytes waiting to be appended to the log. */
  bytesWaiting(): number;
  /** Actions that are due and not carried out. */
  actionsDue(): number;
  /** Of the last seconds, milliseconds. */
  eventLoopDelayMs(): number;
}

/** Of one request: ids, codes and the pattern of its path only. */
export type Served = {
  readonly operation: string;
  readonly method: string;
  readonly status: number;
  readonly requestId: string;
  readonly tenant?: TenantId;
  /** Of the problem it was answered with. */
  readonly code?: string;
};
export interface RequestLog {
  /** Starts the clock of a request; the answer stops it. */
  begin(): (served: Served) => void;
  /** A bug, or something that is down. */
  failed(error: unknown, requestId: string): void;
}

export type Readiness = {
  readonly ready: boolean;
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly detail?: string }[];
};
export interface Health {
  /** When every thread of the process has answered. @throws PortError `unavailable`: one of them hangs. */
  live(): Promise<void>;
  ready(): Promise<Readiness>;
}
export interface MetricsText {
  text(): Promise<{ readonly type: string; readonly text: string }>;
}

/** What was taken by the capture provider, kept for 24 h. */
export type CapturedMessage = {
  readonly id: string;
  readonly channel: Channel;
  readonly to: string;
  readonly notificationId: NotificationId;
  readonly deliveryId: DeliveryId;
  readonly capturedAt: Instant;
  readonly from?: string;
  readonly replyTo?: string;
  readonly subject?: string;
  readonly text?: string;
  readonly html?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly raw?: string;
  readonly attachments?: readonly { readonly filename: string; readonly contentType: string; readonly size: number }[];
  readonly title?: string;
  readonly body?: unknown;
  readonly url?: string;
  readonly data?: Readonly<Record<string, unknown>>;
  readonly actions?: readonly { readonly label: string; readonly url: string }[];
};
export interface Captures {
  /** Newest first. */
  list(
    tenant: TenantId,
    filter: { readonly channel?: Channel; readonly to?: string; readonly notificationId?: string },
    page: PageRequest,
  ): Promise<Page<CapturedMessage>>;
  /** How many there were. */
  clear(tenant: TenantId): Promise<number>;
}

/** Renders one channel of a content; pure, and never throws for what an author wrote. */
export interface Previewer {
  render(request: {
    readonly content: Content;
    readonly channel: Channel;
    readonly variables: { readonly [name: string]: unknown };
    readonly locale?: string;
    readonly timeZone?: string;
  }): { readonly channel: Channel } | { readonly failed: string; readonly path: string; readonly detail: string };
}

export type ParkedAction = {
  readonly id: string;
  readonly kind: string;
  readonly tenant: string;
  /** The notification, or the batch. */
  readonly target: string;
  readonly items: readonly number[];
  readonly tries: number;
  /** Our own code of the last try. */
  readonly error: string;
  readonly parkedAt: string;
};
/** Actions that failed too often, of all tenants. */
export interface ParkedActions {
  /** Oldest first. */
  parked(request: PageRequest): Promise<Page<ParkedAction>>;
  /** Due at once, with all its tries anew; false: there is no such parked action. */
  retry(id: string): Promise<boolean>;
}

/** One set of tables of a consumer. */
export type ProjectionStatus = {
  readonly name: string;
  readonly suffix: string;
  readonly version: number;
  readonly status: string;
  readonly reason?: string;
  readonly position: string;
  readonly head: string;
  /** Milliseconds. */
  readonly lag: number;
  /** Events per second. */
  readonly rate: number;
  readonly parked: number;
  readonly holder?: string;
};
/** The consumers of the log, of all processes. */
export interface Projections {
  list(): Promise<readonly ProjectionStatus[]>;
  /** False: no such projection. */
  rebuild(name: string): Promise<boolean>;
  /** Oldest first, strictly after the place; undefined: no such projection. */
  parked(name: string, limit: number, after?: string): Promise<readonly ParkedEvent[] | undefined>;
  /** `facts`: an event of a facts stream cannot be skipped. */
  askParked(name: string, eventId: string, wish: 'retry' | 'skip'): Promise<'asked' | 'unknown' | 'facts'>;
}
