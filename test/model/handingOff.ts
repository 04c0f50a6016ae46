import { cancellationOf } from './around.ts';
import { isNewest, NEVER, WORK, type Delivery, type Event, type Result } from './protocol.ts';
import { goes, isOver, isRefused, scheduleOf, type Move, type Stage } from './stage.ts';
import { IDLE, isHeld, names, spend, type Answer, type State, type Worker, type World } from './world.ts';

const started = (claim: number, items: readonly number[]): readonly Event[] =>
  items.length > 0 ? [{ type: 'started', claim, items }] : [];
const partition = (items: readonly number[], size: number): readonly (readonly number[])[] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, place) => items.slice(place * size, (place + 1) * size));
const appendAll = (world: World, state: State, eventsOf: (n: number) => readonly Event[]): readonly number[] =>
  state.logs.map((id, n) => world.protocol.append(id, eventsOf(n)));

/** From what is to go to what became of it. */
export const HANDING_OFF: Partial<Record<Worker['at'], Stage>> = {
  judged: (world, state, worker, move) => (worker.kind === 'recover' ? recover : start)(world, state, worker, move),
  started: (world, state, worker, move) => {
    if (isOver(state, worker) && !world.broken('no-check-before-call'))
      return move('has no time left, does not call', {
        ...worker,
        at: 'answered',
        answers: worker.sub.map(([d]) => [d, 'returned']),
        hasTime: false,
      });
    move('has time left', { ...worker, at: 'calling', answers: [], inTime: !isOver(state, worker) });
  },
  calling: (world, state, worker, move) => call(world, state, worker, move),
  answered: (world, state, worker, move) => record(world, state, worker, move),
};

const cleared = (worker: Worker): Worker => ({ ...IDLE, claim: worker.claim });
const attempts = (world: World, state: State, items: readonly number[]): Worker['sub'] =>
  items.map((d) => [d, world.now(state, d).attempt]);

/** Of what a gate lets go again, only what may be asked twice; the rest of a recovery stays open, and is recovered by the next claim. */
function recover(world: World, state: State, worker: Worker, move: Move): void {
  const { cfg } = world;
  const loaded = (d: number) => world.protocol.page(worker.revision[world.nOf(d)]!).view.of[d]!;
  // What nobody wants any more does not wait for a gate: nobody would ever end it.
  const isDeferred = (d: number): boolean =>
    !isRefused(world, worker, d) &&
    !goes(world, worker, scheduleOf(world, worker, d), d) &&
    (!loaded(d).unwanted || world.broken('recover-defers-unwanted'));
  const passes = (d: number): boolean => goes(world, worker, scheduleOf(world, worker, d), d) && !worker.duplicates.includes(d);
  const mayAsk = (d: number): boolean =>
    (cfg.keys === true || cfg.hold !== true) && !loaded(d).unwanted && loaded(d).starts - loaded(d).spent < (cfg.maxStarts ?? NEVER);
  const again = (d: number): boolean => (passes(d) || world.broken('recover-without-gates')) && mayAsk(d);
  const alive = worker.items.filter((d) => state.logs[world.nOf(d)] === worker.revision[world.nOf(d)]);
  const first = (partition(worker.items.filter(again), cfg.subBatch)[0] ?? []).filter((d) => alive.includes(d));
  const given = alive.filter((d) => !again(d));
  const logs = appendAll(world, state, (n) => {
    const own = world.mine(n, given);
    const claims = [...new Set(own.map((d) => world.now(state, d).by))];
    const recorded = claims.map((claim): Event => {
      const results = own.filter((d) => world.now(state, d).by === claim).map((d) => [d, isDeferred(d) ? 'later' : 'unknown'] as const);
      return { type: 'recorded', claim, results, at: worker.tick + 1 };
    });
    return [...recorded, ...started(worker.claim, world.mine(n, first))];
  });
  const next: Worker =
    first.length > 0 ? { ...cleared(worker), at: 'started', sub: attempts(world, state, first) } : { ...cleared(worker), at: 'done' };
  move(`starts again ${names(first)}, gives up ${names(given)}`, next, { logs });
}

/** At the loaded revision: a conflict drops that notification from the group. Of which nothing is written here, nothing is asked of the log either. */
function start(world: World, state: State, worker: Worker, move: Move): void {
  const { kind, duplicates, revision } = worker;
  const schedule = (d: number): number => scheduleOf(world, worker, d);
  const isReady = (d: number): boolean => goes(world, worker, schedule(d), d) && !duplicates.includes(d);
  const batches = partition(worker.items.filter(isReady), world.cfg.subBatch);
  const isWritten = (n: number): boolean =>
    world.mine(n, worker.items).some((d) => kind === 'plan' || !isReady(d) || batches[0]?.includes(d) === true);
  const isAlive = (d: number): boolean => state.logs[world.nOf(d)] === revision[world.nOf(d)] || !isWritten(world.nOf(d));
  const items = worker.items.filter(isAlive);
  const suppressed = items.filter((d) => isRefused(world, worker, d) || duplicates.includes(d));
  const deferred = items.filter((d) => !suppressed.includes(d) && !isReady(d));
  const living = batches.map((batch) => batch.filter(isAlive)).filter((batch) => batch.length > 0);
  const first = (batches[0] ?? []).filter(isAlive);
  const fenced = world.broken('no-hand-off-started') ? [] : first;
  const go = kind === 'plan' ? items.filter(isReady) : [];
  const logs = appendAll(world, state, (n) => {
    const own = (all: readonly number[]): readonly number[] => world.mine(n, all);
    const later = own(go).filter((d) => !fenced.includes(d));
    const planned: Event = {
      type: 'planned',
      claim: later.length > 0 ? worker.claim : 0,
      go: own(go),
      later,
      suppressed: own(suppressed),
      deferred: own(deferred),
      at:
        world.broken('pause-without-recheck') && worker.held
          ? NEVER
          : Math.max(worker.held ? worker.tick + 1 : 0, ...own(deferred).map(schedule)),
      held: worker.held && own(deferred).every((d) => schedule(d) <= worker.tick),
    };
    if (worker.isOff && own(items).length > 0) return [cancellationOf(world, state, n)];
    return [...(own([...go, ...suppressed, ...deferred]).length > 0 ? [planned] : []), ...started(worker.claim, own(fenced))];
  });
  const rest = living.slice(1).map((batch) => batch.map((d): readonly [number, number] => [d, known(world, worker, d).starts]));
  const seen = revision.map((id, n) => (id >= 0 && isWritten(n) ? logs[n]! : id));
  const late = world.broken('reserve-after-start');
  const begun: Worker = { ...waiting(worker, rest, seen), at: 'started', sub: attempts(world, state, first) };
  // A first sub-batch of which nothing is left was never started: the next one takes its place, as one without answers.
  const next = (): Worker => {
    if (living.length === 0) return { ...cleared(worker), at: 'done' };
    if (first.length === 0) return settledRest(world, state, worker, { rest, seen });
    return late ? { ...begun, at: 'reserveLate', items: first, revision } : begun;
  };
  const isUnwanted = fenced.some((d) => world.now(state, d).unwanted);
  const isEarly = fenced.some((d) => world.now(state, d).at > state.tick || schedule(d) > state.tick);
  const isPaused = fenced.length > 0 && worker.heldThen && isHeld(state) && world.cfg.batch !== undefined;
  const label = `appends ${kind === 'plan' ? 'plan, ' : ''}start of ${names(fenced)}, suppressed ${names(suppressed)}, deferred ${names(deferred)}`;
  move(label, next(), { logs }, { bad: isUnwanted ? 'I4' : isEarly || isPaused ? 'I9' : undefined });
}

/** What the worker knows of a delivery: its log as it was when it loaded it, or last appended to it. */
const known = (world: World, { revision }: Pick<Worker, 'revision'>, d: number): Delivery =>
  world.protocol.page(revision[world.nOf(d)]!).view.of[d]!;
const isStartable = ({ status, starts }: Delivery, before: number): boolean => WORK[status] === 'handOff' && starts === before;
type Left = { readonly rest: Worker['rest']; readonly seen: readonly number[] };
const waiting = (worker: Worker, rest: Worker['rest'], seen: readonly number[]): Worker => ({
  ...cleared(worker),
  rest,
  revision: rest.length > 0 ? seen : [],
});

function call(world: World, state: State, worker: Worker, move: Move): void {
  const { cfg } = world;
  const [d, attempt] = worker.sub[worker.answers.length]!;
  const key = `${String(d)}.${String(attempt)}`;
  const frozen = worker.inTime && isOver(state, worker);
  const isAfterOptOut = cfg.optOut !== undefined && state.optOut === 'answered' && world.isCovered(d);
  const bad = isAfterOptOut && !frozen ? 'I1' : state.saidCancelled.includes(d) ? 'I4' : undefined;
  const isKnown = cfg.keys === true && state.keys.includes(key);
  const accepted = isKnown
    ? {}
    : { taken: state.taken.with(d, state.taken[d]! + 1), keys: cfg.keys === true ? [...state.keys, key].sort() : [] };
  const isLast = worker.answers.length + 1 === worker.sub.length;
  const answer = (label: string, what: Answer, change: Partial<State>, isTaken: boolean): void =>
    move(
      `calls the provider for d${String(d)}, attempt ${String(attempt)}: ${label}`,
      isLast ? answered(world, state, worker, [...worker.answers, [d, what]]) : { ...worker, answers: [...worker.answers, [d, what]] },
      change,
      { bad, answer: what, isTaken },
    );
  answer('accepted', 'sent', accepted, true);
  if (state.may.refusal > 0) answer('refused for now', 'refused', { may: spend(state, 'refusal') }, false);
  if (state.may.final > 0 && !isKnown) answer('refused for good', 'failed', { may: spend(state, 'final') }, false);
  if (state.may.loss <= 0) return;
  const lost = { may: spend(state, 'loss'), hit: state.hit.with(d, state.hit[d]! + 1) };
  answer('accepted, ANSWER LOST', 'lost', { ...accepted, ...lost }, true);
  answer('not accepted, ANSWER LOST', 'lost', lost, false);
}

/** With the answers in hand it looks at its claim and at its batch: whether it may start any more. */
const answered = (world: World, state: State, worker: Worker, answers: Worker['answers']): Worker => ({
  ...worker,
  at: 'answered',
  answers,
  tick: state.tick,
  hasTime: !isOver(state, worker) && (!isHeld(state) || world.broken('pause-not-watched')),
  wasHeld: isHeld(state),
});

/** Results are facts: after a conflict the worker reloads and decides again on the newest log until the append succeeds, so this is one step. */
function record(world: World, state: State, worker: Worker, move: Move): void {
  const { claim, answers, rest, revision } = worker;
  const blind = world.broken('unchanged-on-conflict');
  const results = answers.flatMap(([d, answer]) => {
    const result = resultOf(world, state, worker, [d, answer]);
    return result === undefined ? [] : [[d, result] as const];
  });
  const upcoming = worker.hasTime ? (rest[0] ?? []) : [];
  // Only of what it has something to write about, as far as it knows, does it learn how the log has gone on.
  const isWritten = (n: number): boolean =>
    answers.some(([d]) => world.nOf(d) === n) ||
    upcoming.some(([d, starts]) => world.nOf(d) === n && isStartable(known(world, worker, d), starts));
  const startable = ([d, starts]: readonly [number, number]): boolean =>
    isWritten(world.nOf(d)) && (blind || isStartable(world.now(state, d), starts));
  const open = upcoming.filter(startable).map(([d]) => d);
  const logs = appendAll(world, state, (n) => {
    const own = results.filter(([d]) => world.nOf(d) === n);
    const at = world.cfg.backOff === true ? worker.tick + 1 : 0;
    const recorded: readonly Event[] = own.length > 0 ? [{ type: 'recorded', claim, results: own, at }] : [];
    return [...recorded, ...started(claim, world.broken('no-hand-off-started') ? [] : world.mine(n, open))];
  });
  const recorded = [...new Set([...state.recorded, ...answers.filter(([, answer]) => answer === 'sent').map(([d]) => d)])].sort();
  const left: Left = { rest: rest.slice(1), seen: revision.map((id, n) => (isWritten(n) ? logs[n]! : id)) };
  const next = (): Worker => {
    if (open.length > 0) return { ...waiting(worker, left.rest, left.seen), at: 'started', sub: attempts(world, state, open) };
    return worker.hasTime ? settledRest(world, state, worker, left) : { ...cleared(worker), at: 'done' };
  };
  const label = `records [${results.map(([d, result]) => `d${String(d)} ${result}`).join(', ')}], starts ${names(open)}`;
  move(label, next(), { logs, recorded }, { bad: open.length > 0 && worker.wasHeld ? 'I9' : undefined });
}

/** A sub-batch of which nothing was started is passed over; what may go behind it, as far as the worker knows, is started by the next append. */
function settledRest(world: World, state: State, worker: Worker, { rest, seen }: Left): Worker {
  const isTried = (batch: Worker['rest'][number]): boolean =>
    batch.some(([d, starts]) => isStartable(known(world, { revision: seen }, d), starts));
  const next = rest.findIndex(isTried);
  // Behind a call its batch has just been looked at.
  if (next < 0 || isOver(state, worker) || (worker.at === 'answered' && isHeld(state))) return { ...cleared(worker), at: 'done' };
  return { ...waiting(worker, rest.slice(next), seen), at: 'answered', hasTime: true };
}

/** Undefined: the answer says nothing that the log does not know better. */
function resultOf(world: World, state: State, { claim }: Worker, [d, answer]: readonly [number, Answer]): Result | undefined {
  const { cfg } = world;
  const it = world.now(state, d);
  const blind = world.broken('unchanged-on-conflict');
  const breaks = world.broken('late-refusal-counts')
    ? 'late-refusal-counts'
    : world.broken('no-hand-off-started')
      ? 'no-hand-off-started'
      : undefined;
  const newest = blind || isNewest(it, claim, breaks);
  if (answer === 'sent') return newest || !world.broken('no-late-acceptance') ? 'sent' : undefined;
  if (!newest) return undefined;
  const isUnwanted = it.unwanted && !blind;
  const noStarts = it.starts - it.spent >= (cfg.maxStarts ?? NEVER);
  const noTries = it.tries + 1 >= (cfg.maxTries ?? NEVER) || noStarts;
  if (answer === 'failed') return 'failed';
  if (answer === 'lost') return (cfg.keys === true || cfg.hold !== true) && !isUnwanted && !noTries ? 'again' : 'unknown';
  if (isUnwanted) return 'cancelled';
  if (answer === 'returned') return noStarts ? 'dead' : 'returned';
  return noTries ? 'dead' : 'refused';
}
