import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { mutants } from './mutants.ts';
import { runMutants } from './runMutants.ts';
import type { Verdict } from './verdict.ts';

// `npm run mutants -- [part of a name …] [--no-skips] [--report=<file>]`: without a name all of them. `--no-skips`: one that was skipped has
// failed, as in CI, where what its test needs can be had. The report is for scripts/test.mjs.
const args = process.argv.slice(2);
const report = args.flatMap((arg) => /^--report=(.+)$/.exec(arg)?.[1] ?? [])[0];
const parts = args.filter((arg) => !arg.startsWith('--'));
const chosen = parts.length === 0 ? mutants : mutants.filter(({ name }) => parts.some((part) => name.includes(part)));
if (chosen.length === 0) throw new Error('no mutant has that in its name');

const root = fileURLToPath(new URL('../..', import.meta.url));
const heard = (verdict: Verdict, ms: number): void =>
  console.log(`${verdict.verdict.padEnd(8)} ${verdict.name} (${(ms / 1000).toFixed(1)} s)\n           ${verdict.because}`);
const verdicts = await runMutants(chosen, { root, heard });

const noSkips = args.includes('--no-skips');
const failed = verdicts.filter(({ verdict }) => verdict === 'survived' || verdict === 'broken' || (noSkips && verdict === 'skipped'));
const skipped = verdicts.filter(({ verdict }) => !noSkips && verdict === 'skipped');
const passed = verdicts.length - failed.length - skipped.length;
const lines = (mark: string, of: readonly Verdict[]): readonly string[] =>
  of.map(({ name, verdict, because }) => `${mark} mutant “${name}” ${verdict}: ${because}`);
const told = { failedLines: lines('FAILED', failed), skippedLines: lines('SKIPPED', skipped) };
if (report !== undefined) writeFileSync(report, JSON.stringify({ passed, failed: failed.length, skipped: skipped.length, ...told }));
else for (const line of [...told.skippedLines, ...told.failedLines]) console.log(line);
console.log(`${String(passed)} killed, ${String(failed.length)} not, ${String(skipped.length)} skipped`);
process.exitCode = failed.length === 0 ? 0 : 1;
