import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { scratchForRun, testServer } from '../support/postgresServer.ts';
import { patched, type Mutant } from './mutant.ts';
import { unfit, verdictOn, type TestReport, type Verdict } from './verdict.ts';

/** What tests of the sources read. */
const COPIED = ['src', 'test', 'migrations', 'package.json', 'tsconfig.json', 'vitest.config.ts'];
/** Milliseconds after which a run of tests is ended: a mutant may loop for ever. */
const ALL_MS = 300_000;
const ONE_MS = 90_000;

/** A copy of the tree in which patches are applied: the tree itself is never written to. */
function copyOf(root: string, scratch: string, name: string): string {
  const tree = join(scratch, name);
  mkdirSync(tree);
  for (const entry of COPIED) cpSync(join(root, entry), join(tree, entry), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'), 'dir');
  return tree;
}

const literally = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** A copy of the tree, and the environment that its tests run in. */
type Bench = { readonly tree: string; readonly env: NodeJS.ProcessEnv };

/** Runs these mutants' tests, and no others, in a copy. Nothing: they did not come to an end. */
async function testsOf({ tree, env }: Bench, mutants: readonly Mutant[], ms: number): Promise<TestReport | undefined> {
  const report = join(tree, 'report.json');
  rmSync(report, { force: true });
  const names = [...new Set(mutants.map(({ testName }) => literally(testName)))];
  const child = spawn(
    process.execPath,
    [
      ...[join(tree, 'node_modules/vitest/vitest.mjs'), 'run', '--configLoader=runner', '--no-cache'],
      ...['--reporter=json', `--outputFile.json=${report}`, '--testNamePattern', `^(?:${names.join('|')})$`],
      ...new Set(mutants.map(({ killedBy }) => killedBy)),
    ],
    { cwd: tree, stdio: 'ignore', env },
  );
  const stop = setTimeout(() => child.kill('SIGTERM'), ms);
  const kill = setTimeout(() => child.kill('SIGKILL'), ms + 5_000);
  await new Promise((resolve) => child.once('close', resolve));
  clearTimeout(stop);
  clearTimeout(kill);
  try {
    return JSON.parse(readFileSync(report, 'utf8')) as TestReport;
  } catch {
    return undefined;
  }
}

/** Applies one patch, runs the tests, takes it back. All named tests of the file run, as they did before without a patch. */
async function tried(mutant: Mutant, all: readonly Mutant[], bench: Bench): Promise<Omit<Verdict, 'name'>> {
  const file = join(bench.tree, mutant.file);
  const source = readFileSync(file, 'utf8');
  const patch = patched(mutant, source);
  if ('misplaced' in patch) return { verdict: 'broken', because: patch.misplaced };
  writeFileSync(file, patch.source);
  try {
    const report = await testsOf(
      bench,
      all.filter(({ killedBy }) => killedBy === mutant.killedBy),
      ONE_MS,
    );
    return report === undefined
      ? { verdict: 'broken', because: 'its tests did not come to an end' }
      : verdictOn(report, mutant, bench.tree);
  } finally {
    writeFileSync(file, source);
  }
}

/** One server for all runs, where there is any: each makes databases of its own in it. */
async function openDatabase(): Promise<{ readonly env: NodeJS.ProcessEnv; readonly discard: () => Promise<void> }> {
  const { scratch, discard } = await scratchForRun();
  const server = await testServer(scratch).catch(() => undefined);
  return { env: server === undefined ? {} : { DATABASE_URL: server.adminUrl }, discard };
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
  const scratch = mkdtempSync(join(realpathSync(tmpdir()), 'tidings-mutants-'));
  const database = await openDatabase();
  const clean = async (): Promise<void> => {
    rmSync(scratch, { recursive: true, force: true });
    await database.discard();
  };
  const ended = (): void => void clean().finally(() => process.exit(130));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, ended);
  try {
    const env = { ...process.env, TZ: 'UTC', ...database.env };
    const benchIn = (name: string): Bench => ({ tree: copyOf(root, scratch, name), env });
    const [first, second] = [benchIn('first'), benchIn('second')];
    const before = await testsOf(first, mutants, ALL_MS);
    if (before === undefined) throw new Error('the tests that mutants name did not come to an end without a patch');
    const waiting = [...mutants];
    const verdicts: Verdict[] = [];
    const work = async (bench: Bench): Promise<void> => {
      for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
        const began = performance.now();
        const verdict = { name: mutant.name, ...(unfit(before, mutant, first.tree) ?? (await tried(mutant, mutants, bench))) };
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
