import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { patched, type Mutant } from './mutant.ts';
import { mutants } from './mutants.ts';
import { unfit, verdictOn, type TestReport } from './verdict.ts';

const sourceOf = (file: string): string => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');

test('what each mutant is to find stands where it says, once: whoever moves a guard takes its mutant along', () => {
  const misplaced = mutants.flatMap((mutant) => {
    const patch = patched(mutant, sourceOf(mutant.file));
    return 'misplaced' in patch ? [`${mutant.name}: ${patch.misplaced}`] : [];
  });
  expect(misplaced).toStrictEqual([]);
});

test('no two mutants have one name, none changes nothing, and every test file is there', () => {
  expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
  expect(mutants.filter(({ find, put }) => find === put)).toStrictEqual([]);
  for (const file of new Set(mutants.map(({ killedBy }) => killedBy))) expect(sourceOf(file)).not.toBe('');
});

const mutant: Mutant = { name: 'a', file: 'src/a.ts', find: 'x > 1', put: '$&', killedBy: 'test/a.test.ts', testName: 'it holds' };

test('a patch takes the place of what it found, to the letter; in no place, or in two, it says so', () => {
  expect(patched(mutant, 'if (x > 1) go();')).toStrictEqual({ source: 'if ($&) go();' });
  const said = (how: string) => ({
    misplaced: `what it is to find is ${how} in src/a.ts: the code has moved on, so update \`find\` and \`put\` (test/mutants/list)`,
  });
  expect(patched(mutant, 'if (x > 2) go();')).toStrictEqual(said('not there'));
  expect(patched(mutant, 'x > 1 || x > 1')).toStrictEqual(said('there 2 times'));
});

const named = (fullName: string, status: string, ...failureMessages: string[]): TestReport => ({
  testResults: [{ name: '/tree/test/a.test.ts', message: '', assertionResults: [{ fullName, status, failureMessages }] }],
});
const reported = named.bind(undefined, 'it holds');
const brokenFile: TestReport = { testResults: [{ name: '/tree/test/a.test.ts', message: 'SyntaxError: no\nat', assertionResults: [] }] };

test('only a test that is there and green is a test of a mutant', () => {
  const reasonOf = (report: TestReport) => unfit(report, mutant, '/tree', ['--shuffled', '--by=7']);
  expect([reasonOf(reported('passed')), reasonOf(reported('skipped')), reasonOf(reported('failed', 'Error: red\nat'))]).toStrictEqual([
    undefined,
    { verdict: 'skipped', because: 'test/a.test.ts: “it holds” was skipped' },
    { verdict: 'broken', because: 'test/a.test.ts: “it holds” is red without the patch (--shuffled --by=7): Error: red' },
  ]);
  expect(reasonOf(named('it holds [needs a lock: apt install lock]', 'skipped'))).toStrictEqual({
    verdict: 'skipped',
    because: 'test/a.test.ts: “it holds” was skipped: it needs a lock: apt install lock',
  });
  expect([reasonOf({ testResults: [] }), reasonOf(brokenFile)]).toStrictEqual([
    { verdict: 'broken', because: 'there is no test/a.test.ts: “it holds”' },
    { verdict: 'broken', because: 'there is no test/a.test.ts: “it holds” SyntaxError: no' },
  ]);
});

test('only an assertion of its own test kills a mutant', () => {
  const verdicts = [
    reported('passed'),
    reported('failed', 'AssertionError: expected 1 to be 2\nat'),
    reported('failed', 'Error: promise resolved "undefined" instead of rejecting\nat'),
    reported('failed', 'ReferenceError: y is not defined\nat'),
    reported('failed', 'Error: Test timed out in 30000ms.'),
    reported('failed'),
    brokenFile,
  ].map((report) => verdictOn(report, mutant, '/tree'));
  const noProof = (because: string) => ({ verdict: 'broken', because: `red, but by no assertion of its test: ${because}` });
  expect(verdicts).toStrictEqual([
    { verdict: 'survived', because: 'nothing noticed: test/a.test.ts: “it holds” stayed green' },
    { verdict: 'killed', because: 'AssertionError: expected 1 to be 2' },
    { verdict: 'killed', because: 'Error: promise resolved "undefined" instead of rejecting' },
    noProof('ReferenceError: y is not defined'),
    noProof('Error: Test timed out in 30000ms.'),
    noProof(''),
    noProof('SyntaxError: no'),
  ]);
});
