import { HANDING_OFF } from './handingOff.ts';
import { declare, JUDGING, readFacts } from './judging.ts';
import type { Row } from './protocol.ts';
import { isOver, type Move, type Stage } from './stage.ts';
import { IDLE, isHeld, names, spend, type State, type Step, type Worker, type World } from './world.ts';

const STAGES: Partial<Record<Worker['at'], Stage>> = { ...JUDGING, ...HANDING_OFF };

const hitBy = (state: State, { sub }: Worker): readonly number[] =>
  state.hit.map((times, d) => times + (sub.some(([other]) => other === d) ? 1 : 0));
const become = (state: State, w: number, next: Worker): readonly Worker[] => state.workers.with(w, next);

/** What each worker can do next, and what can befall it. */
export function workerSteps(world: World, state: State, steps: Step[]): void {
  state.workers.forEach((worker, w) => {
    if (worker.at === 'idle') {
      if (state.workers.findIndex((other) => other.at === 'idle') === w) takeGroup(world, state, w, steps);
      return;
    }
    const { claim, at: from } = worker;
    const move: Move = (label, next, change = {}, { bad, ...more } = {}) => {
      const workers = become({ ...state, ...change }, w, next);
      steps.push({
        label: `claim ${String(claim)}: ${label}`,
        bad,
        act: { do: 'go', claim, from, ...more },
        to: { ...state, ...change, workers },
      });
    };
    const readsFactsFirst = world.broken('facts-before-declare');
    if (from === 'claimed') (readsFactsFirst ? readFacts('halfway') : declare('halfway'))(world, state, worker, move);
    else if (from === 'halfway') (readsFactsFirst ? declare('judged') : readFacts('reserving'))(world, state, worker, move);
    else STAGES[from]?.(world, state, worker, move);
    if (from === 'done') move('released', IDLE, { claims: state.claims.filter((row) => row.claim !== claim) });
    if (state.may.crash > 0) {
      const claims = state.claims.map((row) => (row.claim === claim ? { ...row, orphan: true } : row));
      const change = { claims, may: spend(state, 'crash'), hit: isOver(state, worker) ? state.hit : hitBy(state, worker) };
      steps.push({
        label: `claim ${String(claim)}: CRASHES`,
        act: { do: 'crash', claim },
        to: { ...state, ...change, workers: become(state, w, IDLE) },
      });
    }
    const isOrphan = state.claims.find((row) => row.claim === claim)?.orphan === true;
    if (from !== 'done' && state.may.freeze > 0 && !isOver(state, worker) && !isOrphan) {
      const change = {
        over: [...state.over, claim],
        claims: state.claims.filter((row) => row.claim !== claim),
        may: spend(state, 'freeze'),
        hit: hitBy(state, worker),
      };
      steps.push({
        label: `claim ${String(claim)}: RUNS OUT under a living worker`,
        act: { do: 'runOut', claim },
        to: { ...state, ...change },
      });
    }
  });
}

/** A start is recovered when its claim has run out; what a claim has planned and not started is free when it has ended in any way. */
function isFree(world: World, state: State, { kind, claim }: Row): boolean {
  if (claim === 0) return true;
  if (kind === 'recover') return state.over.includes(claim) || world.broken('recover-at-once');
  return !state.claims.some((row) => row.claim === claim) && !world.broken('rest-kept');
}

/** A group is one row, or all rows of one kind. Rows whose work is done while the consumer lags are not claimed: nothing comes of it. */
function takeGroup(world: World, state: State, w: number, steps: Step[]): void {
  const taken = new Set(state.claims.flatMap(({ rows }) => rows));
  const free = state.logs
    .flatMap((_, n) => world.rowsOf(state, n).map((row) => ({ ...row, id: `${String(n)}/${row.id}` })))
    .filter((row) => row.at <= state.tick && isFree(world, state, row))
    .filter((row) => !taken.has(row.id) && row.items.some((d) => world.hasWork(state, row.kind, d)));
  const groups = (['plan', 'handOff', 'recover'] as const)
    .map((kind) => free.filter((row) => row.kind === kind))
    .filter((rows) => rows.length > 1);
  const used = [0, ...world.namedClaims(state), ...state.claims.map((row) => row.claim)];
  const claim = used.map((_, i) => i + 1).find((id) => !used.includes(id))!;
  for (const rows of [...free.map((row) => [row]), ...groups]) {
    const { kind } = rows[0]!;
    const items = [...new Set(rows.flatMap((row) => row.items))].sort((a, b) => a - b);
    const worker: Worker = { ...IDLE, at: 'claimed', claim, kind, items, heldThen: isHeld(state) };
    const claims = [...state.claims, { claim, rows: rows.map((row) => row.id), names: [] }].sort((a, b) => a.claim - b.claim);
    steps.push({
      label: `claim ${String(claim)}: taken for ${kind} ${names(items)}`,
      act: { do: 'claim', claim, kind, items },
      to: { ...state, workers: become(state, w, worker), claims },
    });
  }
}
