import type { Instant } from '../values/instant.ts';
import type { BounceType, EngagementItem } from './events.ts';

/** What became of one delivery after hand-off: the first instant of each kind (interface.md §3). */
export type Feedback = {
  readonly deliveredAt?: Instant;
  readonly bouncedAt?: Instant;
  readonly bounceType?: BounceType;
  readonly complainedAt?: Instant;
  readonly openedAt?: Instant;
  readonly clickedAt?: Instant;
  readonly readAt?: Instant;
};

const SEVERITY: Readonly<Record<BounceType, number>> = { undetermined: 0, soft: 1, hard: 2 };

const earlier = (a: Instant | undefined, b: Instant): Instant => (a === undefined || b < a ? b : a);
const worse = (a: BounceType | undefined, b: BounceType): BounceType => (a === undefined || SEVERITY[b] > SEVERITY[a] ? b : a);

/**
 * Monotone: whatever the order and however often items come, the same feedback comes of them. What a machine
 * opened or clicked, nobody did.
 */
export function withItem(feedback: Feedback, { kind, at, bounceType, machine }: EngagementItem): Feedback {
  switch (kind) {
    case 'confirmed':
      return { ...feedback, deliveredAt: earlier(feedback.deliveredAt, at) };
    case 'bounced':
      return {
        ...feedback,
        bouncedAt: earlier(feedback.bouncedAt, at),
        bounceType: worse(feedback.bounceType, bounceType ?? 'undetermined'),
      };
    case 'complained':
      return { ...feedback, complainedAt: earlier(feedback.complainedAt, at) };
    case 'opened':
      return machine ? feedback : { ...feedback, openedAt: earlier(feedback.openedAt, at) };
    case 'clicked':
    case 'actioned':
      return machine ? feedback : { ...feedback, clickedAt: earlier(feedback.clickedAt, at) };
    case 'read':
      return { ...feedback, readAt: earlier(feedback.readAt, at) };
  }
}
