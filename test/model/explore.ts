import { WORK, type Break } from './protocol.ts';
import { canonical, initial, openWorld, tidy, type Config, type Invariant, type State, type Step, type World } from './world.ts';
import { stepsAround } from './around.ts';
import { workerSteps } from './worker.ts';

export function stepsOf(world: World, state: State): readonly Step[] {
  const steps: Step[] = [];
  workerSteps(world, state, steps);
  stepsAround(world, state, steps);
  return steps;
}

/** The first invariant that does not hold in a state. `isEnd`: nothing can happen any more. */
export function judge(world: World, state: State, isEnd: boolean): Invariant | undefined {
  const { cfg } = world;
  const every = [...cfg.deliveries.keys()];
  const faultsOf = (d: number): number => (cfg.keys === true ? 0 : state.redriven[d]! + (cfg.hold === true ? 0 : state.hit[d]!));
  if (every.some((d) => state.taken[d]! > 1 + faultsOf(d))) return 'I2';
  if (every.some((d) => state.taken[d]! > 0 && ['cancelled', 'suppressed', 'failed', 'dead'].includes(world.now(state, d).status)))
    return 'I4';
  if (state.recorded.some((d) => world.now(state, d).status !== 'sent')) return 'I5';
  if (state.logs.some((id) => !world.protocol.page(id).sound)) return 'I6';
  const sharing = every.filter((d) => state.taken[d]! > 0 && cfg.deliveries[d]!.key !== undefined).map((d) => cfg.deliveries[d]!.key);
  if (new Set(sharing).size < sharing.length) return 'I7';
  return isEnd && !isDone(world, state) ? 'I3' : undefined;
}

function isDone(world: World, state: State): boolean {
  const hasEnded = (_: unknown, d: number): boolean => {
    const { status, starts } = world.now(state, d);
    return status === 'unknown' ? starts > 0 : WORK[status] === undefined;
  };
  const rows = state.logs.flatMap((_, n) => world.rowsOf(state, n));
  const answered = [state.optOut, state.cancel].every((it) => it === 'answered');
  return world.cfg.deliveries.every(hasEnded) && rows.length + state.claims.length === 0 && answered;
}

export type Explored = {
  readonly states: number;
  readonly steps: number;
  /** The end states' outcomes: a configuration in which nothing ever fails has not been looked at. */
  readonly ends: ReadonlySet<string>;
  readonly failed?: { readonly invariant: Invariant; readonly path: readonly string[] };
};

/** Visits every reachable state breadth first, so a counterexample is a shortest one. */
export function explore(cfg: Config, broken?: Break): Explored {
  const world = openWorld(cfg, broken);
  const first = initial(world);
  const seen = new Set([canonical(world, first)]);
  const trace: Seen[] = [{ state: first, from: undefined, label: '' }];
  const ends = new Set<string>();
  let count = 0;
  const found = (invariant: Invariant, at: Seen, label: string): Explored => ({
    states: seen.size,
    steps: count,
    ends,
    failed: { invariant, path: [...pathTo(at), label] },
  });
  const add = (at: Seen, { label, to }: Step): void => {
    const text = canonical(world, to);
    if (seen.has(text)) return;
    seen.add(text);
    trace.push({ state: tidy(world, to), from: at, label });
  };
  // What is added while this goes on is visited too.
  for (const at of trace) {
    const steps = stepsOf(world, at.state!);
    count += steps.length;
    const bad = judge(world, at.state!, steps.length === 0);
    if (bad !== undefined) return found(bad, at, 'here it fails');
    const wrong = steps.find((step) => step.bad !== undefined);
    if (wrong?.bad !== undefined) return found(wrong.bad, at, wrong.label);
    if (steps.length === 0) for (const d of cfg.deliveries.keys()) ends.add(world.now(at.state!, d).status);
    for (const step of steps) add(at, step);
    // Only the way here is still wanted.
    at.state = undefined;
  }
  return { states: seen.size, steps: count, ends };
}

type Seen = { state: State | undefined; readonly from: Seen | undefined; readonly label: string };
function pathTo(end: Seen): readonly string[] {
  const labels: string[] = [];
  for (let at: Seen | undefined = end; at?.from !== undefined; at = at.from) labels.unshift(at.label);
  return labels;
}
