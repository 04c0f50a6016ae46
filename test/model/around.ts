import { NEVER, WORK, type Delivery, type Event } from './protocol.ts';
import { isHeld, names, spend, type Act, type State, type Step, type World } from './world.ts';

type Add = (label: string, act: Act, change: Partial<State>) => void;

/** What happens beside the workers: time, the consumer, and what people ask for. */
export function stepsAround(world: World, state: State, steps: Step[]): void {
  const add: Add = (label, act, change) => {
    steps.push({ label, act, to: { ...state, ...change } });
  };
  time(world, state, add);
  consumer(world, state, add);
  optOut(world, state, add);
  cancellation(world, state, add);
  reschedule(world, state, add);
  redrive(world, state, add);
  batch(world, state, add);
}

function time(world: World, state: State, add: Add): void {
  for (const { claim, orphan } of state.claims) {
    if (orphan !== true) continue;
    const change = { over: [...state.over, claim], claims: state.claims.filter((row) => row.claim !== claim) };
    add(`claim ${String(claim)}: RUNS OUT`, { do: 'runOut', claim }, change);
  }
  const waits = state.logs.some(
    (id, n) =>
      world.protocol
        .page(id)
        .view.of.some((it) => it !== undefined && WORK[it.status] !== undefined && it.at > state.tick && it.at < NEVER) ||
      world.rowsOf(state, n).some(({ at }) => at > state.tick && at < NEVER),
  );
  if (!waits || (isHeld(state) && state.may.tick === 0)) return;
  add('time goes by: what waits is due', { do: 'tick' }, { tick: state.tick + 1, ...(isHeld(state) ? { may: spend(state, 'tick') } : {}) });
}

function consumer(world: World, state: State, add: Add): void {
  state.logs.forEach((id, n) => {
    const event = world.protocol.page(id).events[state.read[n]!];
    if (event !== undefined)
      add(
        `consumer: applies ${event.type} of ${String(n)}`,
        { do: 'consume', notification: n },
        { read: state.read.with(n, state.read[n]! + 1) },
      );
  });
}

function optOut(world: World, state: State, add: Add): void {
  const { optOut: who } = world.cfg;
  if (state.optOut === 'answered' || who === undefined) return;
  const inFlight = state.claims
    .filter(
      (row) =>
        row.names.includes(who.subject) ||
        (who.address !== undefined && row.names.includes(who.address) && !world.broken('opt-out-by-subject-only')),
    )
    .map((row) => row.claim);
  const found = world.broken('ack-without-claims') ? [] : inFlight;
  const act: Act = { do: 'optOut' };
  if (state.optOut === 'none') add('opt-out: appended', act, { optOut: 'appended' });
  if (state.optOut === 'appended') add('facts: have the opt-out', act, { optOut: 'inFacts' });
  if (state.optOut === 'inFacts') add(`opt-out: finds claims [${found.join(' ')}]`, act, { optOut: 'waiting', waitsFor: found });
  if (state.optOut === 'waiting' && !found.some((claim) => state.waitsFor.includes(claim)))
    add('opt-out: answers 200', act, { optOut: 'answered', waitsFor: [] });
}

type Place = { readonly d: number; readonly it: Delivery };
const deliveriesOf = (world: World, state: State, n: number): readonly Place[] =>
  world.protocol.page(state.logs[n]!).view.of.flatMap((it, d) => (it === undefined ? [] : [{ d, it }]));
const numbers = (all: readonly Place[], test: (it: Delivery) => boolean): readonly number[] =>
  all.filter(({ it }) => test(it)).map(({ d }) => d);
const isWaiting = ({ status }: Delivery): boolean => WORK[status] === 'plan' || WORK[status] === 'handOff';
const cancelled = (all: readonly Place[]): Extract<Event, { type: 'cancelled' }> => ({
  type: 'cancelled',
  items: numbers(all, isWaiting),
  open: numbers(all, (it) => it.status === 'open' && !it.unwanted),
});
/** Ends what waits of a notification, and marks what is in flight. */
export const cancellationOf = (world: World, state: State, n: number): Extract<Event, { type: 'cancelled' }> =>
  cancelled(deliveriesOf(world, state, n));
const appended = (world: World, state: State, n: number, events: readonly Event[]): readonly number[] =>
  state.logs.with(n, world.protocol.append(state.logs[n]!, events));

function cancellation(world: World, state: State, add: Add): void {
  if (state.cancel === 'answered') return;
  const all = deliveriesOf(world, state, 0);
  if (state.cancel === 'none') {
    const event = cancelled(all);
    if (event.items.length + event.open.length > 0)
      add(
        `cancellation: appended for ${names(event.items)}`,
        { do: 'cancel', appended: true },
        { cancel: 'appended', logs: appended(world, state, 0, [event]) },
      );
    else add('cancellation: answers 409, nothing to cancel', { do: 'cancel', appended: false }, { cancel: 'answered' });
    return;
  }
  if (!all.every(({ it }) => it.status !== 'open' || state.over.includes(it.by))) return;
  const said = numbers(all, ({ status }) => status === 'cancelled');
  add(`cancellation: answers cancelled ${names(said)}`, { do: 'cancel', appended: false }, { cancel: 'answered', saidCancelled: said });
}

function reschedule(world: World, state: State, add: Add): void {
  if (state.reschedule === 'done') return;
  const moves = (it: Delivery): boolean =>
    world.broken('reschedule-moves-open') ? WORK[it.status] !== undefined : isWaiting(it) && it.starts === 0;
  const items = numbers(deliveriesOf(world, state, 0), moves);
  const event: Event = { type: 'rescheduled', items, at: state.tick + 1, schedule: true };
  add(
    `reschedule: moves ${names(items)}`,
    { do: 'reschedule' },
    { reschedule: 'done', logs: appended(world, state, 0, items.length > 0 ? [event] : []) },
  );
}

function redrive(world: World, state: State, add: Add): void {
  if (state.may.redrive === 0) return;
  state.logs.forEach((_, n) => {
    const all = deliveriesOf(world, state, n);
    const items = numbers(all, ({ status }) => ['failed', 'dead', 'unknown'].includes(status));
    if (items.length === 0) return;
    const redriven = state.redriven.map((times, d) => times + (items.includes(d) && world.now(state, d).status === 'unknown' ? 1 : 0));
    const logs = appended(world, state, n, [{ type: 'redriven', items }]);
    add(`operator: redrives ${names(items)}`, { do: 'redrive', notification: n }, { may: spend(state, 'redrive'), redriven, logs });
  });
}

function batch(world: World, state: State, add: Add): void {
  const { batch: end } = world.cfg;
  if (end === undefined) return;
  const { log, facts, told } = state.batch;
  if (facts !== log) {
    // What was put off before the facts had it may come again, and once more where it was recovered.
    const may = log === 'cancelled' ? { ...state.may, tick: state.may.tick + 2 } : state.may;
    add(`facts: have that the batch is ${log}`, { do: 'batchFacts' }, { batch: { ...state.batch, facts: log }, may });
  }
  if (log === 'open') add('batch: is paused', { do: 'pause' }, { batch: { ...state.batch, log: 'paused' } });
  if (log === 'paused')
    add(`batch: is ${end}`, { do: end === 'resumed' ? 'resume' : 'cancelBatch' }, { batch: { ...state.batch, log: end } });
  if (log !== end || told) return;
  const logs = state.logs.map((id, n) => world.protocol.append(id, tell(world, state, n)));
  add(`batch: tells its notifications that it is ${end}`, { do: 'tell' }, { batch: { ...state.batch, told: true }, logs });
}

function tell(world: World, state: State, n: number): readonly Event[] {
  const all = deliveriesOf(world, state, n);
  if (world.cfg.batch === 'cancelled') {
    const event = cancelled(all);
    return event.items.length + event.open.length === 0 ? [] : [event];
  }
  const items = numbers(all, (it) => it.status === 'deferred' && it.held);
  return items.length > 0 ? [{ type: 'rescheduled', items, at: 0, schedule: false }] : [];
}
