import type { Channel, MessageClass, Priority } from './channel.ts';
import type { Content } from './content.ts';
import type { KeyedHash } from './ids.ts';
import type { Instant } from './instant.ts';
import type { Routing } from './routing.ts';
import type { Schedule } from './schedule.ts';

export type Variables = { readonly [name: string]: unknown };
export type AttachmentRef = {
  /** Of the sealed blob that holds it. */
  readonly id: string;
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
  readonly filename: string;
  readonly contentType: string;
  readonly disposition?: 'attachment' | 'inline';
  readonly contentId?: string;
};
/** What is said: shared by all recipients of a notification. A batch keeps it once, in its own stream. */
export type Message = {
  readonly content?: Content;
  readonly variables: Variables;
  readonly attachments: readonly AttachmentRef[];
  readonly metadata: { readonly [name: string]: unknown };
};
/** What one person's message holds besides the shared part. */
export type OwnPart = { readonly variables?: Variables; readonly attachments?: readonly AttachmentRef[] };

/** How a message is treated; a batch's chunks repeat it, so that planning reads one stream. */
export type Terms = {
  readonly type: string;
  readonly category: string;
  readonly class: MessageClass;
  readonly priority: Priority;
  readonly mode: 'live' | 'test';
  /** Candidates, in order. */
  readonly channels: readonly Channel[];
  /** Whether the caller (or the type) named the channels: then one that does not reach the person is a recorded `no_address`. */
  readonly channelsNamed: boolean;
  readonly routing: Routing;
  readonly template?: { readonly key: string; readonly version: number };
  readonly schedule?: Schedule;
  /** It is of no use after this instant, or so many ms after it may first go; the earlier counts (policy/expiry.ts). */
  readonly expiresAt?: Instant;
  readonly expiresAfterMs?: number;
  readonly dedup?: { readonly key: KeyedHash; readonly windowMs: number };
  readonly unknownOutcome: 'retry' | 'hold';
  readonly key?: KeyedHash;
  readonly source?: string;
};
