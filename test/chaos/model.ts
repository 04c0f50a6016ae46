import { SHOWS, SMALL, WIDE } from '../model/configurations.ts';
import { explore } from '../model/explore.ts';
import { BREAKS, type Break } from '../model/protocol.ts';
import { walkAll } from '../model/walks.ts';
import { INVARIANTS, type Config } from '../model/world.ts';
import type { Chaos, ChaosRun } from './chaosRun.ts';

/** `visits`: 0 leaves out what `test/model` does on its own in `npm test`. */
type Size = { readonly visits: number; readonly walks: number };

/** The hand-off protocol as a model: every interleaving of its configurations, its wrong variants found out, and its walks replayed by the code. */
export const model: Chaos<Size> = {
  long: { visits: 1, walks: 4_000 },
  short: { visits: 0, walks: 200 },
  run: async ({ visits, walks }, run) => {
    if (visits > 0) {
      visit([...SMALL, ...WIDE], run);
      breakAll(run);
    }
    const began = performance.now();
    const walked = await walkAll(run.seed % 1_000_000, walks).catch((error: unknown) => String(error));
    if (typeof walked === 'string') {
      run.must(SAME, false, walked.slice(0, 3_000));
      return;
    }
    const { steps, seen } = walked;
    run.figure('walks', walks, `of the model, replayed by the code in ${((performance.now() - began) / 1000).toFixed(0)} s`);
    run.must(SAME, true, `${String(steps)} steps`);
    run.must('they are more than a step each', steps > walks, `${(steps / walks).toFixed(0)} steps each`);
    const missing = EVERYTHING.filter((name) => !seen.has(name));
    // Few walks may miss what is rare.
    if (walks >= ENOUGH)
      run.must('they come everywhere: each end, each fault, each step of a worker', missing.length === 0, missing.join() || seen.size);
    else run.figure('they miss', missing.length, `of ${String(EVERYTHING.length)} ends, faults and steps`);
    for (const name of FAULTS) run.figure(`walks: ${name}`, seen.get(name) ?? 0, 'times');
  },
};

const SAME = 'after each of their steps the code says what the model says';
const ENOUGH = 2_000;

function visit(configurations: readonly Config[], run: ChaosRun): void {
  let [states, steps] = [0, 0];
  for (const cfg of configurations) {
    const explored = explore(cfg);
    states += explored.states;
    steps += explored.steps;
    run.say(`${cfg.name}: ${String(explored.states)} states`);
    const { failed } = explored;
    if (failed !== undefined) run.must(`${cfg.name}: ${INVARIANTS[failed.invariant]}`, false, failed.path.join('\n'));
  }
  run.figure('configurations', configurations.length, 'visited completely');
  run.must('every invariant holds in every state', run.broken().length === 0, `${String(states)} states, ${String(steps)} steps`);
}

function breakAll(run: ChaosRun): void {
  const names = Object.keys(BREAKS) as Break[];
  const found = names.filter((name) => {
    const [configuration, invariant] = SHOWS[name];
    const { failed } = explore(
      [...SMALL, ...WIDE].find((cfg) => cfg.name === configuration)!,
      name,
    );
    if (failed !== undefined) run.say(`${name}: ${BREAKS[name]}\n${failed.invariant}: ${failed.path.join('; ')}`);
    return failed?.invariant === invariant;
  });
  run.must(
    'each wrong protocol gives a counterexample',
    found.length === names.length,
    `${String(found.length)} of ${String(names.length)}`,
  );
}

const FAULTS = ['crash', 'runOut', 'an append is not taken', 'an answer of the log is lost', 'a conflict is met', 'calling: lost'];
const EVERYTHING = [
  ...['sent', 'failed', 'dead', 'unknown', 'suppressed', 'cancelled'],
  ...['claim', 'claimed', 'halfway', 'ready', 'looking', 'takingOver', 'judged', 'started', 'answered', 'done'],
  ...['calling: sent', 'calling: refused', 'calling: failed', ...FAULTS],
  ...['tick', 'consume', 'optOut', 'cancel', 'reschedule', 'redrive', 'pause', 'resume', 'cancelBatch', 'batchFacts', 'tell'],
];
