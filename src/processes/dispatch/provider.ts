import type { DeliveryId, NotificationId, SubjectId, TenantId } from '../../domain/values/ids.ts';

/** An e-mail as it leaves: rendered, addresses as the RFCs write them, headers free of CR and LF. */
export type EmailMessage = {
  readonly channel: 'email';
  readonly from: string;
  readonly to: string;
  readonly replyTo?: string;
  readonly subject: string;
  readonly html?: string;
  readonly text?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly attachments: readonly Attachment[];
};
export type Attachment = {
  readonly filename: string;
  readonly contentType: string;
  readonly content: Uint8Array;
  readonly disposition?: 'attachment' | 'inline';
  readonly contentId?: string;
};
export type SmsMessage = { readonly channel: 'sms'; readonly to: string; readonly from?: string; readonly text: string };
export type PushMessage = {
  readonly channel: 'push';
  readonly to: string;
  readonly title: string;
  readonly body: string;
  readonly url?: string;
  readonly data?: Readonly<Record<string, unknown>>;
};
export type InAppMessage = {
  readonly channel: 'in_app';
  readonly to: string;
  readonly title: string;
  readonly body: string;
  readonly url?: string;
  readonly actions: readonly { readonly label: string; readonly url: string }[];
};
export type WebhookMessage = { readonly channel: 'webhook'; readonly to: string; readonly body: unknown };
export type WalletMessage = { readonly channel: 'wallet'; readonly to: string; readonly body: unknown };
export type ChannelMessage = EmailMessage | SmsMessage | PushMessage | InAppMessage | WebhookMessage | WalletMessage;

/** One message of a hand-off. */
export type Outgoing = {
  readonly tenant: TenantId;
  readonly notificationId: NotificationId;
  readonly deliveryId: DeliveryId;
  readonly subject: SubjectId;
  /** Delivery id and attempt: the same for as long as an outcome is open, so a provider that takes keys sends once. */
  readonly key: string;
  readonly message: ChannelMessage;
};

/** What became of one message. `detail` is the provider's own text and may quote addresses: it is sealed, never logged. */
export type SendResult =
  | { readonly outcome: 'accepted'; readonly providerMessageId?: string; readonly detail?: string }
  /** A definite no. `permanent`: never again; `transient`: later; `throttled`: later, and no attempt is used up. */
  | {
      readonly outcome: 'refused';
      readonly kind: 'permanent' | 'transient' | 'throttled';
      /** Ours, snake_case: `mailbox_unavailable`, `connection_refused`, `throttled`. */
      readonly code: string;
      readonly retryAfterMs?: number;
      readonly detail?: string;
    }
  /** The request left and no answer came: the provider may or may not have taken it. */
  | { readonly outcome: 'unknown'; readonly code: string; readonly detail?: string }
  /** It has not left, since the caller has no use for it any more: as if it had not been handed over. */
  | { readonly outcome: 'returned' };

/** What carries a channel. Every implementation passes `test/contract/provider.ts`. */
export interface Provider {
  /** `smtp`, `capture`. */
  readonly id: string;
  /** Whether a repeated `key` is delivered once. */
  readonly takesKeys: boolean;
  /** Milliseconds within which `send` has answered, whatever the other side does. */
  readonly deadlineMs: number;
  /** Connections × pipeline depth: the most messages that can be in flight, and so the most that one crash can double. */
  readonly window: number;
  /**
   * At most `window` messages; one result each, in order. Never throws for what the other side does. `signal`: what has not left by then
   * stays and is `returned`, so that only answers to what is out are waited for; who sends all at once may pass over it.
   */
  send(messages: readonly Outgoing[], signal?: AbortSignal): Promise<readonly SendResult[]>;
  /** Waits for what is in flight, at most `deadlineMs`. */
  close(): Promise<void>;
}
