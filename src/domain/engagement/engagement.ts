import type { Decider } from '../kernel/decider.ts';
import type { NotificationId } from '../values/ids.ts';
import type { Instant } from '../values/instant.ts';
import type { EngagementEvent, EngagementItem } from './events.ts';

export type RecordEngagement = {
  readonly type: 'RecordEngagement';
  readonly data: {
    readonly notificationId: NotificationId;
    /** Of the notification. */
    readonly requestedAt: Instant;
    readonly items: readonly EngagementItem[];
    readonly now: Instant;
  };
};

/** What has been recorded of a notification, so that what providers repeat is taken once. */
export type Engagement = { readonly seen: Set<string> };

const identityOf = ({ provider, eventId }: EngagementItem): string => `${provider} ${eventId}`;

/** Callbacks come late, twice and out of order; each counts once, and no order of them is wrong. */
export const engagement: Decider<RecordEngagement, Engagement, EngagementEvent, never> = {
  initial: () => ({ seen: new Set() }),
  decide: ({ data: { notificationId, requestedAt, items, now } }, { seen }) => {
    const fresh = new Map<string, EngagementItem>();
    for (const item of items) {
      const identity = identityOf(item);
      if (!seen.has(identity) && !fresh.has(identity)) fresh.set(identity, item);
    }
    return fresh.size === 0
      ? []
      : [{ type: 'EngagementRecorded', data: { notificationId, requestedAt, items: [...fresh.values()], recordedAt: now } }];
  },
  evolve: (state, { data }) => {
    for (const item of data.items) state.seen.add(identityOf(item));
    return state;
  },
};
