import type { Position } from '../domain/values/ids.ts';
import type { ActionKind, Claim, Claims } from './process.ts';

export type Wanted = {
  readonly worker: string;
  readonly kinds: readonly ActionKind[];
  /** Items (deliveries) in one group, about; a single action may hold more. */
  readonly items: number;
  /** Milliseconds from now, by the database's clock, until the claim ends. */
  readonly leaseMs: number;
  /** The tenant whose turn was last. */
  readonly after: string;
};
export type Claimed = Claim & { readonly lastTenant: string };

/** Why actions were not done, and when they are to be tried again. */
export type PutOff = {
  readonly delayMs: number;
  /** Our own code. */
  readonly code: string;
  /** Whether it counts as a try. */
  readonly counted: boolean;
  /** With so many tries it is parked. */
  readonly tries: number;
};

/**
 * The table of actions as a drainer uses it. An action is claimed by moving the instant from which it can be claimed to the claim's
 * end: so a claim that ran out is free without anyone's doing, and one whose results the consumer has not read yet is not taken again.
 */
export interface ActionQueue extends Claims {
  /**
   * Due actions of one kind: the best priority, the tenants in turn, the oldest first. Nothing while the table of actions is being
   * built, when nothing is due, or when others are claiming it at this moment.
   */
  claim(wanted: Wanted): Promise<Claimed | undefined>;
  /** Puts some actions of a claim into a claim of their own, with time of its own; the old one ends. Nothing: others have them. */
  regroup(claim: Claim, actions: readonly string[], wanted: Pick<Wanted, 'worker' | 'leaseMs'>): Promise<Claim | undefined>;
  /** Ends it: what is left of it is free when the consumer has passed the position, or (`nothing`) when its time is over. */
  finish(claim: string, upTo: Position | 'nothing'): Promise<void>;
  /** Ends it undone. Answers how many were parked. */
  putOff(claim: string, how: PutOff): Promise<number>;
  /** Milliseconds until the next action is due, 0 or less when one is; undefined: there is none. */
  nextDueMs(kinds: readonly ActionKind[]): Promise<number | undefined>;
  /** Removes claims that ran out a while ago. Answers how many. */
  sweep(): Promise<number>;
}

/** Who is busy with whom (docs/architecture.md, step 5). */
export interface LiveClaims {
  /** Live claims that name one of these subjects or address keys, as the primary has them now. */
  naming(subjects: readonly string[], addressKeys: readonly string[]): Promise<readonly string[]>;
  /** Which of these are still live. */
  live(claims: readonly string[]): Promise<readonly string[]>;
}
