import Type from 'typebox';
import { count, firstVersion, instant, list, oneOf, optional, shape, text } from '../kernel/schema.ts';
import type { StorageOf } from '../kernel/storage.ts';
import { BOUNCE_TYPES, ENGAGEMENT_KINDS, type EngagementEvent } from './events.ts';

const item = shape({
  n: count,
  subject: text,
  kind: oneOf(ENGAGEMENT_KINDS),
  provider: text,
  eventId: text,
  at: instant,
  bounceType: optional(oneOf(BOUNCE_TYPES)),
  machine: optional(Type.Literal(true)),
  detail: optional(text),
});

/** How engagement is stored. */
export const engagementStorage = {
  EngagementRecorded: firstVersion(shape({ notificationId: text, requestedAt: instant, items: list(item), recordedAt: instant }), [
    { path: 'items[].detail', class: 'engagement', subject: 'items[].subject', onErased: 'drop' },
  ]),
} satisfies StorageOf<EngagementEvent>;
