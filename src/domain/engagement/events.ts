import type { Fact } from '../kernel/decider.ts';
import type { Personal } from '../kernel/personal.ts';
import type { NotificationId, SubjectId } from '../values/ids.ts';
import type { Instant } from '../values/instant.ts';

/** What happens after hand-off. `confirmed`: the provider says that it reached the other side. */
export const ENGAGEMENT_KINDS = ['confirmed', 'bounced', 'complained', 'opened', 'clicked', 'read', 'actioned'] as const;
export type EngagementKind = (typeof ENGAGEMENT_KINDS)[number];
/** `hard`: never again to this address; `soft`: it may work later; `undetermined`: the provider did not say. */
export const BOUNCE_TYPES = ['hard', 'soft', 'undetermined'] as const;
export type BounceType = (typeof BOUNCE_TYPES)[number];

/** What a provider or a browser says in its own words: a diagnostic text quotes an address, a user agent tells of a person. */
export type EngagementDetail = { readonly text?: string; readonly url?: string; readonly userAgent?: string; readonly ip?: string };

export type EngagementItem = {
  /** Of the delivery. */
  readonly n: number;
  readonly subject: SubjectId;
  readonly kind: EngagementKind;
  readonly provider: string;
  /** The provider's own id of this happening, or ours where it has none; with `provider` it is recorded once. */
  readonly eventId: string;
  /** When it happened, as the provider says. */
  readonly at: Instant;
  readonly bounceType?: BounceType;
  /** Opened or clicked by a scanner or a proxy rather than by a person. */
  readonly machine?: true;
  readonly detail?: Personal<EngagementDetail>;
};
export type EngagementRecorded = Fact<
  'EngagementRecorded',
  {
    readonly notificationId: NotificationId;
    /** Of the notification: the month it is filed under. */
    readonly requestedAt: Instant;
    readonly items: readonly EngagementItem[];
    readonly recordedAt: Instant;
  }
>;
export type EngagementEvent = EngagementRecorded;
