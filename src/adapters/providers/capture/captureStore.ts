import type { Channel } from '../../../domain/values/channel.ts';
import type { Instant } from '../../../domain/values/instant.ts';
import type { DeliveryId, NotificationId, SubjectId, TenantId } from '../../../domain/values/ids.ts';
import type { Page, PageRequest } from '../../../domain/values/page.ts';
import type {
  EmailMessage,
  InAppMessage,
  PushMessage,
  SmsMessage,
  WalletMessage,
  WebhookMessage,
} from '../../../processes/dispatch/provider.ts';

/** A mail as it would have left: `raw` is its MIME (RFC 5322), cut at a mebibyte; attachments are named, not kept. */
export type CapturedEmail = Omit<EmailMessage, 'attachments'> & {
  readonly raw: string;
  readonly attachments: readonly { readonly filename: string; readonly contentType: string; /** Bytes. */ readonly size: number }[];
};
export type CapturedMessage = CapturedEmail | SmsMessage | PushMessage | InAppMessage | WebhookMessage | WalletMessage;

export type CaptureEntry = {
  readonly tenant: TenantId;
  readonly subject: SubjectId;
  /** Kept once per key. */
  readonly key: string;
  readonly notificationId: NotificationId;
  readonly deliveryId: DeliveryId;
  readonly message: CapturedMessage;
  readonly at: Instant;
};
export type Captured = CapturedMessage & {
  readonly id: string;
  readonly notificationId: NotificationId;
  readonly deliveryId: DeliveryId;
  readonly capturedAt: Instant;
};
export type CapturedFilter = {
  readonly channel?: Channel;
  /** An address in any spelling. */ readonly to?: string;
  readonly notificationId?: string;
};

/** What was captured is kept sealed, for 24 hours, and shown newest first. */
export interface CaptureStore {
  /** In order, one statement for all; `erased`: the subject's key is destroyed, and nothing was kept. @throws PortError `unavailable`. */
  put(entries: readonly CaptureEntry[]): Promise<readonly ('kept' | 'erased')[]>;
  /** Those of the last 24 hours; what can't be opened any more is left out. `next` holds nothing personal. */
  list(tenant: TenantId, filter: CapturedFilter, page: PageRequest): Promise<Page<Captured>>;
  /** How many there were. */
  clear(tenant: TenantId): Promise<number>;
  /** Of all tenants, older than 24 hours. */
  purge(): Promise<number>;
}
