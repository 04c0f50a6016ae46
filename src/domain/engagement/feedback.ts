import type { Instant } from '../values/instant.ts';
import type { BounceType, EngagementItem, EngagementKind } from './events.ts';

/** What became of one delivery after hand-off: the first instant of each kind. */
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

/** An action in the inbox or in a push message is a click. */
const MEMBER: Readonly<Record<EngagementKind, Exclude<keyof Feedback, 'bounceType'>>> = {
  confirmed: 'deliveredAt',
  bounced: 'bouncedAt',
  complained: 'complainedAt',
  opened: 'openedAt',
  clicked: 'clickedAt',
  read: 'readAt',
  actioned: 'clickedAt',
};
const MAY_BE_MACHINE: ReadonlySet<EngagementKind> = new Set(['opened', 'clicked']);

const earlier = (a: Instant | undefined, b: Instant): Instant => (a === undefined || b < a ? b : a);
const worse = (a: BounceType | undefined, b: BounceType): BounceType => (a === undefined || SEVERITY[b] > SEVERITY[a] ? b : a);

/**
 * Monotone: whatever the order and however often items come, the same feedback comes of them. What a machine
 * opened or clicked, nobody did.
 */
export function withItem(feedback: Feedback, { kind, at, bounceType, machine }: EngagementItem): Feedback {
  const member = MEMBER[kind];
  if (machine && MAY_BE_MACHINE.has(kind)) return feedback;
  const next = { ...feedback, [member]: earlier(feedback[member], at) };
  return kind === 'bounced' ? { ...next, bounceType: worse(feedback.bounceType, bounceType ?? 'undetermined') } : next;
}
