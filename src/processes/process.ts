import type { AnyFact } from '../domain/kernel/decider.ts';
import type { Recorded } from '../domain/kernel/metadata.ts';
import type { Priority } from '../domain/values/channel.ts';
import type { NotificationId, Position, TenantId } from '../domain/values/ids.ts';
import type { Instant } from '../domain/values/instant.ts';

/** NOTIFY tells drainers that there is work: from when on, or at once. */
export const ACTIONS_CHANNEL = 'tidings_actions';

export const ACTION_KINDS = ['plan', 'handOff', 'recover', 'applyBatch'] as const;
export type ActionKind = (typeof ACTION_KINDS)[number];

/** What is to be done and from when on: ids only, nothing personal. `items` are deliveries' n; an `applyBatch` (carry a batch's state to its notifications) has none. */
export type Ask = {
  readonly do: 'ask';
  readonly kind: ActionKind;
  /** The notification, or the batch for `applyBatch`. */
  readonly id: NotificationId | string;
  readonly items: readonly number[];
  readonly priority: Priority;
  readonly dueAt: Instant;
  /** The claim under which it was left for a little later: as long as it lives, nobody else takes it up. */
  readonly heldBy?: string;
};
/** Subtracts items from the rows of these kinds of this notification; a row without items goes. `all`: the whole rows. */
export type Settle = {
  readonly do: 'settle';
  readonly kinds: readonly ActionKind[];
  readonly id: NotificationId | string;
  readonly items: readonly number[] | 'all';
};
export type Reaction = Ask | Settle;

/** Pure: one event asks for actions and settles earlier ones, blind to every other event. Settles come first. */
export interface Process<E extends AnyFact = AnyFact> {
  readonly name: string;
  readonly nouns: readonly string[];
  readonly types: readonly string[];
  /** A method, so that a process of certain events may stand among processes of any: the runtime hands it only its own types. */
  react(recorded: Recorded<E>): readonly Reaction[];
}

/** A row of the table of actions, as a drainer claims it. */
export type Action = {
  /** Derived from the source event and the ask's place, so that a replay inserts nothing twice. */
  readonly id: string;
  readonly kind: ActionKind;
  readonly tenant: TenantId;
  readonly target: string;
  readonly items: readonly number[];
  readonly priority: Priority;
  readonly dueAt: Instant;
  /** How often carrying it out has thrown. */
  readonly tries: number;
};
/** A drainer's time-limited right to a group of actions of one kind. */
export type Claim = { readonly id: string; readonly kind: ActionKind; readonly until: Instant; readonly actions: readonly Action[] };

/**
 * How an effect ended: with the position of the last event that it appended, so that the drainer can hold the claim until the consumer has
 * settled what was done; with nothing, since the log left it nothing to do; or overtaken: what it would have done was decided on what
 * another has changed meanwhile, and is to be looked at again soon.
 */
export type Ended = Position | 'nothing' | 'overtaken';

/** Gives a claimed group a claim with its full time again. Undefined: others have it, so what is in hand is left off. @throws PortError */
export type Prolong = () => Promise<Claim | undefined>;

/**
 * Carries a claimed group out. Its results are appended to the log, whose events settle the actions; an action that is still there
 * when the claim ends is claimed again. Throwing means: try again, halved; see drainer.ts. `signal`: the process is to end, so leave off at
 * the next place where nothing is in flight. `prolong`: for what may take longer than a claim lasts.
 */
export type Effect = (claim: Claim, signal: AbortSignal, prolong?: Prolong) => Promise<Ended>;

/** A claim as the effects see it. */
export interface Claims {
  /** Writes down whom the group concerns, committed before facts are read (docs/architecture.md). False: the claim has run out. */
  declare(claim: string, subjects: readonly string[], addressKeys: readonly string[]): Promise<boolean>;
}
