import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { mutants } from './mutants.ts';
import { runMutants } from './runMutants.ts';
import type { Verdict } from './verdict.ts';

// `npm run mutants -- [part of a name …] [--report=<file>]`: without a name all of them. The report is for scripts/test.mjs.
const args = process.argv.slice(2);
const report = args.flatMap((arg) => /^--report=(.+)$/.exec(arg)?.[1] ?? [])[0];
const parts = args.filter((arg) => !arg.startsWith('--'));
const chosen = parts.length === 0 ? mutants : mutants.filter(({ name }) => parts.some((part) => name.includes(part)));
if (chosen.length === 0) throw new Error('no mutant has that in its name');

const root = fileURLToPath(new URL('../..', import.meta.url));
const told = (verdict: Verdict, ms: number): void =>
  console.log(`${verdict.verdict.padEnd(8)} ${verdict.name} (${(ms / 1000).toFixed(1)} s)\n           ${verdict.because}`);
const verdicts = await runMutants(chosen, { root, heard: told });

const count = (...which: readonly Verdict['verdict'][]): number => verdicts.filter(({ verdict }) => which.includes(verdict)).length;
const [passed, failed, skipped] = [count('killed'), count('survived', 'broken'), count('skipped')];
if (report !== undefined) writeFileSync(report, JSON.stringify({ passed, failed, skipped }));
console.log(`${String(passed)} killed, ${String(failed)} not, ${String(skipped)} skipped`);
process.exitCode = failed === 0 ? 0 : 1;
