import type { BounceType, EngagementKind } from '../../domain/engagement/events.ts';
import type { DeliveryId, NotificationId, TenantId } from '../../domain/values/ids.ts';
import type { Instant } from '../../domain/values/instant.ts';

/** What a provider says of a message after it took it. */
export type FeedbackItem = {
  readonly tenant: TenantId;
  readonly notificationId: NotificationId;
  readonly deliveryId: DeliveryId;
  readonly kind: EngagementKind;
  readonly provider: string;
  /** The provider's own id of this happening; with `provider` it is recorded once. */
  readonly providerEventId: string;
  readonly bounceType?: BounceType;
  readonly at: Instant;
};

/** Takes feedback in batches. @throws PortError `unavailable`: nothing was recorded for certain; tell it again, it counts once. */
export interface FeedbackSink {
  record(items: readonly FeedbackItem[]): Promise<void>;
}
