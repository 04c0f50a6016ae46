import { UNSENT } from './protocol.ts';
import { goes, isOver, keyOf, scheduleOf, type Stage } from './stage.ts';
import { IDLE, isHeld, names, type State, type Worker, type World } from './world.ts';

/** One step with the load: a load that another append overtakes only ends in a conflict. */
export const declare =
  (next: Worker['at']): Stage =>
  (world, state, worker, move) => {
    if (isOver(state, worker)) return move('has run out, gives up', IDLE);
    const items = worker.items.filter((d) => world.hasWork(state, worker.kind, d));
    if (items.length === 0) return move('loads, finds nothing to do', { ...IDLE, at: 'done', claim: worker.claim });
    const declared = [...new Set(items.flatMap((d) => [world.cfg.deliveries[d]!.subject, world.cfg.deliveries[d]!.address]))];
    const claims = state.claims.map((row) => (row.claim === worker.claim ? { ...row, names: declared } : row));
    const revision = state.logs.map((id, n) => (world.mine(n, items).length > 0 ? id : -1));
    const loaded: Worker = { ...worker, at: next, items, revision, tick: state.tick };
    move(`loads, declares ${declared.join(' ')}`, next === 'judged' ? afterFacts(world, loaded) : loaded, { claims });
  };

export const readFacts =
  (next: Worker['at'] | 'reserving'): Stage =>
  (world, state, worker, move) => {
    const held = world.broken('batch-remembered') ? false : isHeld(state);
    const read: Worker = {
      ...worker,
      optedOut: ['inFacts', 'waiting', 'answered'].includes(state.optOut) && world.cfg.optOut !== undefined,
      held,
      isOff: held && state.batch.facts === 'cancelled' && !world.broken('cancelled-batch-waits'),
    };
    move('reads facts', next === 'reserving' ? afterFacts(world, read) : { ...read, at: next });
  };

const competing = (world: World, worker: Worker): readonly number[] =>
  worker.items.filter((d) => keyOf(world, d) !== undefined && goes(world, worker, scheduleOf(world, worker, d), d));

function afterFacts(world: World, worker: Worker): Worker {
  const competes = competing(world, worker).length > 0 && !world.broken('reserve-after-start');
  return { ...worker, at: competes ? 'ready' : 'judged' };
}

/** Whoever writes a reservation makes stale what others have seen of it. */
function reserve(state: State, reserved: Readonly<Record<string, number>>, written: ReadonlySet<string>, world: World): Partial<State> {
  const workers = state.workers.map((worker) =>
    worker.over.some(({ d, valid }) => valid && written.has(keyOf(world, d) ?? ''))
      ? { ...worker, over: worker.over.map((it) => (written.has(keyOf(world, it.d) ?? '') ? { ...it, valid: false } : it)) }
      : worker,
  );
  return { reserved, workers };
}

function ask(world: World, state: State, worker: Worker): { readonly held: Worker['over']; readonly change: Partial<State> } {
  const reserved = { ...state.reserved };
  const written = new Set<string>();
  const held = competing(world, worker).flatMap((d) => {
    const key = keyOf(world, d)!;
    const holder = reserved[key];
    if (holder !== undefined && holder !== d) return [{ d, holder, valid: true, vain: UNSENT.includes(world.now(state, holder).status) }];
    reserved[key] = d;
    written.add(key);
    return [];
  });
  return world.broken('no-reservation') ? { held, change: {} } : { held, change: reserve(state, reserved, written, world) };
}

/** Up to what is to go. */
export const JUDGING: Partial<Record<Worker['at'], Stage>> = {
  ready: (world, state, worker, move) => {
    const { held, change } = ask(world, state, worker);
    move(
      `reserves, finds taken ${names(held.map(({ d }) => d))}`,
      { ...worker, at: held.length > 0 ? 'looking' : 'judged', over: held },
      change,
    );
  },
  looking: (world, state, worker, move) => {
    const gives: readonly string[] = world.broken('unknown-gives-way') ? [...UNSENT, 'unknown'] : UNSENT;
    const inVain = worker.over.filter(({ holder }) => !world.broken('never-taken-over') && gives.includes(world.now(state, holder).status));
    const duplicates = worker.over.filter((it) => !inVain.includes(it)).map(({ d }) => d);
    const label = `looks into the holders' logs, finds in vain ${names(inVain.map(({ holder }) => holder))}`;
    // One that had ended already when it was asked for, is as it was, and is not given up: that must not be. A redriven one may be.
    const bad =
      worker.over.some((it) => duplicates.includes(it.d) && it.vain && it.valid && UNSENT.includes(world.now(state, it.holder).status)) &&
      !world.broken('unknown-gives-way')
        ? 'I8'
        : undefined;
    move(label, { ...worker, at: inVain.length > 0 ? 'takingOver' : 'judged', over: inVain, duplicates }, {}, { bad });
  },
  takingOver: (world, state, worker, move) => {
    const reserved = { ...state.reserved };
    const written = new Set<string>();
    const lost = worker.over.filter(({ d, holder, valid }) => {
      const key = keyOf(world, d)!;
      if (!(valid && reserved[key] === holder) && reserved[key] !== d && !world.broken('taken-over-unseen')) return true;
      reserved[key] = d;
      written.add(key);
      return false;
    });
    const duplicates = [...worker.duplicates, ...lost.map(({ d }) => d)];
    move(
      `takes over, finds lost ${names(lost.map(({ d }) => d))}`,
      { ...worker, at: 'judged', over: [], duplicates },
      reserve(state, reserved, written, world),
    );
  },
  reserveLate: (world, state, worker, move) => {
    const { change } = ask(world, state, { ...worker, items: worker.sub.map(([d]) => d) });
    move('reserves', { ...worker, at: 'started' }, change);
  },
};
