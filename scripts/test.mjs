import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { engineRuns, withNode } from './otherNodes.mjs';
import { build, checkNode, install, ROOT } from './prepare.mjs';

const heading = (text) => process.stdout.write(`\n── ${text}\n`);

/** Runs a tool of node_modules with this Node; true when it is content. */
const tool = (path, ...args) => toolOn(process.execPath, {}, path, ...args);
function toolOn(node, env, path, ...args) {
  const { status } = spawnSync(node, [join(ROOT, 'node_modules', path), ...args], {
    cwd: ROOT,
    stdio: 'inherit',
    env: { ...process.env, ...env, TZ: 'UTC' },
  });
  return status === 0;
}

/** Each counts as one failure when it fails. */
const CHECKS = {
  lint: () => tool('eslint/bin/eslint.js', '.', '--max-warnings=0'),
  format: () => tool('prettier/bin/prettier.cjs', '--check', '--log-level=warn', '.'),
  types: () => tool('typescript/bin/tsc', '-p', 'tsconfig.json'),
  layers: async () => (await import('./layers.mjs')).reportLayers(ROOT),
};

/**
 * What a run counted itself, in the report that it writes to the file it is given, with a line for each that failed or was skipped. One that
 * is not content has failed, whatever it counted, and so has one that leaves no report.
 */
function counted(run, read) {
  const scratch = mkdtempSync(join(tmpdir(), 'tidings-report-'));
  const report = join(scratch, 'report.json');
  try {
    const fine = run(report);
    const counts = read(JSON.parse(readFileSync(report, 'utf8')));
    if (fine || counts.failed > 0) return counts;
    const line = 'FAILED the runner is not content although all tests passed: see “Unhandled Errors” above';
    return { ...counts, failed: 1, failedLines: [...counts.failedLines, line] };
  } catch {
    return { passed: 0, failed: 1, skipped: 0, failedLines: [], skippedLines: [] };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

const failedIn = ({ assertionResults }) => assertionResults.filter(({ status }) => status === 'failed');

/** A file that fails before its first test is one failure. */
const vitest = (args, { node = process.execPath, env = {} } = {}) =>
  counted(
    (report) =>
      toolOn(node, env, 'vitest/vitest.mjs', 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...args),
    ({ numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults }) => {
      const broken = testResults.filter((file) => file.status === 'failed' && failedIn(file).length === 0);
      return {
        passed: numPassedTests,
        failed: numFailedTests + broken.length,
        skipped: numPendingTests + numTodoTests,
        failedLines: failedTests(testResults),
        skippedLines: skippedSuites(testResults),
      };
    },
  );

/** A mutant that a test notices has passed; one that nothing notices has failed. It counts as vitest is read above. */
const mutants = (...args) =>
  counted(
    (report) => tool('tsx/dist/cli.mjs', join(ROOT, 'test/mutants/main.ts'), `--report=${report}`, ...args),
    (report) => report,
  );

/** A suite that lacks something says so in its name, `… [needs <what>: <how to get it>]`: one line for each. */
const skippedSuites = (testResults) =>
  testResults
    // What a broken set-up kept from running is no skip: the file has failed.
    .filter(({ status }) => status !== 'failed')
    .flatMap(({ name, assertionResults }) =>
      assertionResults
        .filter(({ status }) => status === 'skipped' || status === 'pending' || status === 'todo')
        .map(({ ancestorTitles, title }) => {
          const titles = [...ancestorTitles, title];
          return `SKIPPED ${relative(ROOT, name)}: ${titles.find((each) => each.includes('[needs ')) ?? titles.join(' > ')}`;
        }),
    );

/** Who reads only the end of a long run has to find there what failed, and with which words. */
const failedTests = (testResults) =>
  testResults.flatMap((file) => {
    const { name, status, message } = file;
    const failed = failedIn(file);
    if (failed.length === 0) return status === 'failed' ? [`FAILED ${relative(ROOT, name)}: ${message}`] : [];
    return failed.map(
      ({ ancestorTitles, title, failureMessages }) =>
        `FAILED ${relative(ROOT, name)} > ${[...ancestorTitles, title].join(' > ')}\n  ${failureMessages.join('\n').slice(0, 1500)}`,
    );
  });

/** What test/support/ranAgainst.ts has left here: which servers were real, and which were stand-ins. */
const serversIn = (directory) =>
  readdirSync(directory)
    .map((name) => JSON.parse(readFileSync(join(directory, name), 'utf8')))
    .map(({ part, name, real }) => `${part}: ${name}, ${real ? 'real' : 'NOT REAL'}`)
    .sort();

checkNode();
await install();

// `--no-skips`: a skipped suite is a failure; `--also-on=22,24`: what an engine can change is run again on those versions of Node, on the
// last of them with the logs of the program in EventStoreDB or its double (no third time the same);
// `--mutants`: guards are taken away, and each has to be missed by a test (CONTRIBUTING.md).
const OURS = /^--(?:no-skips|mutants|also-on=(?<versions>[\d,]+))$/;
const args = process.argv.slice(2).filter((arg) => !OURS.test(arg));
const noSkips = process.argv.includes('--no-skips');
const versions = process.argv.flatMap((arg) => OURS.exec(arg)?.groups?.versions?.split(',') ?? []);
const failures = [];
for (const [name, check] of Object.entries(CHECKS)) {
  heading(name);
  if (!(await check())) failures.push(name);
}
if (!failures.includes('types')) {
  // Tests start the program a hundred times: built, it is there in half the time.
  build();
  process.env.PROGRAM_UNDER_TEST = join(ROOT, 'dist/main.js');
}
const servers = mkdtempSync(join(tmpdir(), 'tidings-servers-'));
process.env.SERVERS_REPORT = servers;
heading('tests');
const runs = [vitest(args)];
for (const version of versions) {
  const inEventStore = version === versions.at(-1);
  heading(`tests on Node ${version}${inEventStore ? ', the logs of programs in EventStoreDB or its double' : ''}`);
  try {
    runs.push(...withNode(version, (node) => engineRuns(inEventStore).map(({ args, env }) => vitest(args, { node, env }))));
  } catch (error) {
    failures.push(`tests on Node ${version}: ${error.message}`);
  }
}
if (process.argv.includes('--mutants')) {
  heading('mutants');
  // They break the sources of copies: what was built here is none of theirs.
  delete process.env.PROGRAM_UNDER_TEST;
  runs.push(mutants(...(noSkips ? ['--no-skips'] : [])));
}
const sum = (name) => runs.reduce((all, run) => all + run[name], 0);
const [passed, failed, skipped] = [sum('passed'), sum('failed'), sum('skipped')];

const skippedLines = new Set(runs.flatMap((run) => run.skippedLines));
if (skippedLines.size > 0) heading('skipped');
for (const line of skippedLines) console.log(line);
if (noSkips && skipped > 0) failures.push('skipped suites (what they need can be had here)');

heading('servers');
for (const line of serversIn(servers)) console.log(line);
rmSync(servers, { recursive: true, force: true });

heading('result');
for (const line of runs.flatMap((run) => run.failedLines)) console.log(line);
for (const name of failures) console.log(`FAILED ${name}`);
console.log(`${passed} passed, ${failed + failures.length} failed, ${skipped} skipped`);
process.exitCode = failed + failures.length === 0 ? 0 : 1;
