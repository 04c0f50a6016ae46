import { judge, runGates, type GateFacts, type Judgement, type Ruling } from '../../domain/policy/gates.ts';
import type { Trace } from '../../domain/values/verdict.ts';

/** What gates said of a delivery, and what that comes to. */
export type Ruled = { readonly rulings: readonly Ruling[]; readonly trace: Trace; readonly judgement: Judgement };

/**
 * Of a group most deliveries meet the same facts: the gates run once for all of them, and what they said is shared, so that the plan's
 * dictionary of traces recognises it without looking into it.
 */
export function sharedRulings() {
  const byFacts = new Map<string, Ruled>();
  const more = new Map<Ruled, Map<Ruling, Ruled>>();
  return {
    of: (facts: GateFacts): Ruled => {
      const key = JSON.stringify(facts);
      const known = byFacts.get(key) ?? ruled(runGates(facts));
      byFacts.set(key, known);
      return known;
    },
    /** The same with one verdict more. */
    with: (before: Ruled, last: Ruling): Ruled => {
      const known = more.get(before) ?? new Map<Ruling, Ruled>();
      const after = known.get(last) ?? ruled([...before.rulings, last]);
      more.set(before, known.set(last, after));
      return after;
    },
  };
}
export type SharedRulings = ReturnType<typeof sharedRulings>;

const ruled = (rulings: readonly Ruling[]): Ruled => ({
  rulings,
  trace: rulings.map(({ verdict }) => verdict),
  judgement: judge(rulings),
});
