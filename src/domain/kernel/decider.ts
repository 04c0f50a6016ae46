import type { Rejection } from './rejection.ts';

/** A persisted happening. `type` is a stored name and never changes; `data` is JSON, instants as ISO 8601 UTC text. */
export type Fact<Type extends string, Data> = { readonly type: Type; readonly data: Readonly<Data> };
export type AnyFact = Fact<string, object>;

/** What a command led to: events (none: already so) or a refusal, of which nothing is recorded. */
export type Decision<E extends AnyFact, Code extends string> = readonly E[] | Rejection<Code>;

/**
 * The pure heart of an aggregate. `decide` is total, synchronous and blind: no clock, id, random, I/O or throw; `now` and new
 * ids arrive in the command. `evolve` never judges. It owns its state and may mutate it (a copy per event is quadratic in
 * a notification of 500 recipients), so a state is never used after it was given to `evolve`.
 */
export interface Decider<Command, State, E extends AnyFact, Code extends string> {
  readonly initial: () => State;
  readonly decide: (command: Command, state: State) => Decision<E, Code>;
  readonly evolve: (state: State, event: E) => State;
}
