import type { InlinePerson } from '../domain/notification/events.ts';
import type { Variables } from '../domain/values/message.ts';
import type { Channel, Priority } from '../domain/values/channel.ts';
import type { Content } from '../domain/values/content.ts';
import type { Instant } from '../domain/values/instant.ts';
import type { RoutingInput } from '../domain/values/routing.ts';
import type { Schedule } from '../domain/values/schedule.ts';

/** A file that comes with the request, or one that was uploaded before. */
export type AttachmentInput = {
  readonly disposition?: 'attachment' | 'inline';
  /** Of the part, for `cid:` links (RFC 2392). */
  readonly contentId?: string;
} & (
  | { readonly id: string; readonly filename?: string }
  | { readonly filename: string; readonly contentType: string; readonly content: Uint8Array }
);

/**
 * One person as a caller names them: by `recipientId`, by addresses, or both. Addresses are text as it was given, not yet parsed:
 * a malformed one, or an unknown zone, is a verdict about this person, not an error of the request.
 */
export type RecipientInput = InlinePerson & {
  /** NFC. `addr_<subject>` names an inline person of an earlier request. */
  readonly recipientId?: string;
  readonly variables?: Variables;
  readonly attachments?: readonly AttachmentInput[];
  /** Keeps the addresses in the person's profile; only with a `recipientId`. */
  readonly save?: boolean;
};

/** What is to be told, without whom: a notification's request less its recipients, and the first line of a batch. No default is filled in. */
export type MessageInput = {
  readonly type: string;
  readonly category?: string;
  readonly priority?: Priority;
  /** The caller's own name for it, by which it can be found and cancelled. Personal data. */
  readonly key?: string;
  readonly channels?: readonly Channel[];
  readonly routing?: RoutingInput;
  readonly template?: { readonly key: string; readonly version?: number };
  /** `subject`, `text` and `html` given at the top level stand under `email` here. */
  readonly content?: Content;
  readonly variables?: Variables;
  /** An unknown zone is refused at the edge; `recipient` is each person's own. */
  readonly schedule?: Schedule;
  readonly expires?: { readonly at: Instant } | { readonly afterMs: number };
  readonly dedup?: { readonly key: string; readonly windowMs: number };
  readonly attachments?: readonly AttachmentInput[];
  readonly context?: {
    readonly source?: string;
    readonly correlationId?: string;
    readonly metadata?: { readonly [name: string]: unknown };
  };
};

/** A request that passed the schema: shapes, lengths and counts are right; the catalogue has not been asked. */
export type NotificationInput = MessageInput & {
  /** 1 to 500. */
  readonly recipients: readonly RecipientInput[];
};
