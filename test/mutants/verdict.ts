import type { Mutant } from './mutant.ts';

/** `broken`: it says nothing, since it could not be tried as it is written. `skipped`: what its test needs is not here. */
export type Verdict = { readonly name: string; readonly verdict: 'killed' | 'survived' | 'broken' | 'skipped'; readonly because: string };

/** Of vitest's JSON report what counts here. */
export type TestReport = {
  readonly testResults: readonly {
    /** The absolute path of the file. */
    readonly name: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages: readonly string[] | null;
    }[];
  }[];
};

type Found = {
  readonly status: string;
  readonly failures: readonly string[];
  readonly ofFile: string;
  /** What this machine lacks for it, if that is known. */ readonly needs: string | undefined;
};

/** A suite or a test that lacks something is skipped under another name, which says what (test/support/needs.ts). */
const NEEDS = / \[needs (?<what>[^\]]*)\]/;

/** What became of the mutant's own test. `tree`: the folder in which the tests ran. */
function foundIn(report: TestReport, { killedBy, testName }: Mutant, tree: string): Found {
  const file = report.testResults.find(({ name }) => name === `${tree}/${killedBy}`);
  const test = file?.assertionResults.find(({ fullName }) => fullName.replace(NEEDS, '') === testName);
  const needs = test === undefined ? undefined : NEEDS.exec(test.fullName)?.groups?.['what'];
  return { needs, status: test?.status ?? 'missing', failures: test?.failureMessages ?? [], ofFile: file?.message ?? '' };
}

const firstLine = (text: string): string => (text.split('\n')[0] ?? '').slice(0, 200);

/**
 * Why it need not be tried at all; undefined: its test is there and green without the patch. `order`: the options by which that run was
 * shuffled.
 */
export function unfit(report: TestReport, mutant: Mutant, tree: string, order: readonly string[]): Omit<Verdict, 'name'> | undefined {
  const { status, failures, ofFile, needs } = foundIn(report, mutant, tree);
  if (status === 'passed') return undefined;
  const test = `${mutant.killedBy}: “${mutant.testName}”`;
  if (status === 'missing') return { verdict: 'broken', because: `there is no ${test} ${firstLine(ofFile)}`.trim() };
  if (status === 'failed')
    return { verdict: 'broken', because: `${test} is red without the patch (${order.join(' ')}): ${firstLine(failures[0] ?? '')}` };
  return { verdict: 'skipped', because: `${test} was skipped${needs === undefined ? '' : `: it needs ${needs}`}` };
}

/** `rejects` and `resolves` throw an Error of their own. */
const ASSERTION = /^(?:AssertionError\b|Error: promise (?:resolved|rejected) ".*" instead of (?:rejecting|resolving))/s;

/** Only an assertion of its own test kills it: a file that no longer loads, a crash or a time-out proves nothing about the guard. */
export function verdictOn(report: TestReport, mutant: Mutant, tree: string): Omit<Verdict, 'name'> {
  const { status, failures, ofFile } = foundIn(report, mutant, tree);
  if (status === 'passed')
    return { verdict: 'survived', because: `nothing noticed: ${mutant.killedBy}: “${mutant.testName}” stayed green` };
  const assertion = failures.find((failure) => ASSERTION.test(failure));
  if (status === 'failed' && assertion !== undefined) return { verdict: 'killed', because: firstLine(assertion) };
  return { verdict: 'broken', because: `red, but by no assertion of its test: ${firstLine(failures[0] ?? ofFile)}` };
}
