import { expect } from 'vitest';
import type { AnyFact, Decider, Decision } from '../../src/domain/kernel/decider.ts';
import { isRejection } from '../../src/domain/kernel/rejection.ts';

type Outcome<E extends AnyFact, Code extends string> = {
  /** Exactly these events, in this order, with these data. */
  readonly then: (...events: readonly E[]) => void;
  readonly thenNothing: () => void;
  readonly thenRejected: (code: Code, path?: string) => void;
  /** For what `then` can't say (a large event): the decision itself, already checked for purity. */
  readonly decision: () => Decision<E, Code>;
};
type When<Command, E extends AnyFact, Code extends string> = { readonly when: (command: Command) => Outcome<E, Code> };

/**
 * `scenario(decider).given(...events).when(command).then(...events)`. Exact: order, types and data (`toStrictEqual`). Decides twice
 * and checks that both answers are equal, that neither the state nor the command moved, and that what was decided can be folded.
 */
export function scenario<Command, State, E extends AnyFact, Code extends string>(decider: Decider<Command, State, E, Code>) {
  const fold = (events: readonly E[]): State =>
    events.reduce((state, event) => decider.evolve(state, structuredClone(event)), decider.initial());

  const when = (events: readonly E[], command: Command): Outcome<E, Code> => {
    const decide = (): Decision<E, Code> => {
      const state = fold(events);
      const before = structuredClone(state);
      const given = structuredClone(command);
      const first = structuredClone(decider.decide(command, state));
      const second = decider.decide(command, state);
      expect(second, 'decide gave another answer the second time').toStrictEqual(first);
      expect(state, 'decide moved the state').toStrictEqual(before);
      expect(command, 'decide moved the command').toStrictEqual(given);
      if (!isRejection(first)) fold([...events, ...first]);
      return first;
    };
    return {
      then: (...expected) => {
        expect(decide()).toStrictEqual(expected);
      },
      thenNothing: () => {
        expect(decide()).toStrictEqual([]);
      },
      thenRejected: (code, path) => {
        const decision = decide();
        if (!isRejection(decision)) return expect.fail(`expected the rejection ${code}, got ${JSON.stringify(decision)}`);
        expect(decision.rejected).toBe(code);
        expect(decision.detail, 'a rejection says what to do').not.toBe('');
        if (path !== undefined) expect(decision.path).toBe(path);
      },
      decision: decide,
    };
  };

  return {
    given: (...events: readonly E[]): When<Command, E, Code> => ({ when: (command) => when(events, command) }),
    when: (command: Command): Outcome<E, Code> => when([], command),
  };
}
