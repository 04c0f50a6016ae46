import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { scratchForRun, testServer } from '../support/postgresServer.ts';
import { patched, type Mutant } from './mutant.ts';
import { unfit, verdictOn, type TestReport, type Verdict } from './verdict.ts';

/** What tests of the sources read. */
const COPIED = ['src', 'test', 'migrations', 'package.json', 'tsconfig.json', 'vitest.config.ts'];
/** Milliseconds after which a run of tests is ended: a mutant may loop for ever. */
const ALL_MS = 900_000;
const ONE_MS = 180_000;

/**
 * A mutant's test runs alone, and without a patch beside the others of its file. One that leans on another of them would be red alone whatever
 * the patch does; in an order that is not the file's it is as likely as not to be red without a patch, and is told. The order is another
 * whenever the list of mutants is, and no other between two runs of one list.
 */
const shuffledBy = (seed: number): readonly string[] => ['--sequence.shuffle.tests', `--sequence.seed=${String(seed)}`];

/** A copy of the tree in which patches are applied: the tree itself is never written to. */
function copyOf(root: string, scratch: string, name: string): string {
  const tree = join(scratch, name);
  mkdirSync(tree);
  const filter = (path: string): boolean => basename(path) !== 'node_modules';
  for (const entry of COPIED) cpSync(join(root, entry), join(tree, entry), { recursive: true, filter });
  symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'), 'dir');
  return tree;
}

const literally = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Ends a run of tests that is under way. */
const running = new Set<() => void>();

/** A copy of the tree, and the environment that its tests run in. */
type Copy = { readonly tree: string; readonly env: NodeJS.ProcessEnv };

/** Runs these mutants' tests, and no others, in a copy. Nothing: they did not come to an end. */
async function testsOf(
  { tree, env }: Copy,
  mutants: readonly Mutant[],
  ms: number,
  order: readonly string[] = [],
): Promise<TestReport | undefined> {
  const report = join(tree, 'report.json');
  rmSync(report, { force: true });
  const names = [...new Set(mutants.map(({ testName }) => literally(testName)))];
  const child = spawn(
    process.execPath,
    [
      ...[join(tree, 'node_modules/vitest/vitest.mjs'), 'run', '--configLoader=runner', '--no-cache'],
      ...['--reporter=json', `--outputFile.json=${report}`, '--testNamePattern', `^(?:${names.join('|')})$`],
      ...order,
      ...new Set(mutants.map(({ killedBy }) => killedBy)),
    ],
    // A group of its own: a worker that loops for ever hears of nobody's end.
    { cwd: tree, stdio: 'ignore', env, detached: true },
  );
  const stop = (): void => {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  };
  running.add(stop);
  const patience = setTimeout(stop, ms);
  await new Promise((resolve) => child.once('close', resolve));
  clearTimeout(patience);
  running.delete(stop);
  try {
    return JSON.parse(readFileSync(report, 'utf8')) as TestReport;
  } catch {
    return undefined;
  }
}

/** Applies one patch, runs its test, takes it back. */
async function tried(mutant: Mutant, copy: Copy): Promise<Omit<Verdict, 'name'>> {
  const file = join(copy.tree, mutant.file);
  const source = readFileSync(file, 'utf8');
  const patch = patched(mutant, source);
  if ('misplaced' in patch) return { verdict: 'broken', because: patch.misplaced };
  writeFileSync(file, patch.source);
  try {
    const report = await testsOf(copy, [mutant], ONE_MS);
    return report === undefined ? { verdict: 'broken', because: 'its tests did not come to an end' } : verdictOn(report, mutant, copy.tree);
  } finally {
    writeFileSync(file, source);
  }
}

/** What has been made and is to go, in reverse. */
type Undo = (() => unknown)[];

/** One server for all runs, where there is any: each makes databases of its own in it. */
async function openDatabase(undo: Undo): Promise<NodeJS.ProcessEnv> {
  const { scratch, discard } = await scratchForRun();
  undo.push(discard);
  const server = await testServer(scratch).catch(() => undefined);
  return server === undefined ? {} : { DATABASE_URL: server.adminUrl };
}

export type MutantRun = {
  readonly root: string;
  /** Hears of each verdict as it comes. `ms`: how long it took. */
  readonly heard: (verdict: Verdict, ms: number) => void;
};

/**
 * Tries each mutant in a copy of the tree, two side by side, after all their tests were green in one run without a patch.
 * @throws when that run does not come to an end.
 */
export async function runMutants(mutants: readonly Mutant[], { root, heard }: MutantRun): Promise<readonly Verdict[]> {
  const undo: Undo = [];
  const clean = async (): Promise<void> => {
    for (let last = undo.pop(); last !== undefined; last = undo.pop()) await last();
  };
  const ended = (): void => {
    for (const stop of running) stop();
    void clean().finally(() => process.exit(130));
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, ended);
  try {
    const scratch = mkdtempSync(join(realpathSync(tmpdir()), 'tidings-mutants-'));
    undo.push(() => rmSync(scratch, { recursive: true, force: true }));
    const env = { ...process.env, TZ: 'UTC', ...(await openDatabase(undo)) };
    const copyIn = (name: string): Copy => ({ tree: copyOf(root, scratch, name), env });
    const [first, second] = [copyIn('first'), copyIn('second')];
    const order = shuffledBy(mutants.reduce((sum, { name, testName }) => sum + name.length + testName.length, 0));
    const before = await testsOf(first, mutants, ALL_MS, order);
    if (before === undefined) throw new Error('the tests that mutants name did not come to an end without a patch');
    const waiting = [...mutants];
    const verdicts: Verdict[] = [];
    const work = async (copy: Copy): Promise<void> => {
      for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
        const began = performance.now();
        const verdict = { name: mutant.name, ...(unfit(before, mutant, first.tree, order) ?? (await tried(mutant, copy))) };
        verdicts.push(verdict);
        heard(verdict, performance.now() - began);
      }
    };
    await Promise.all([work(first), work(second)]);
    return verdicts;
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, ended);
    await clean();
  }
}
