import { writeFileSync } from 'node:fs';
import { fractions } from '../support/drawing.ts';

/** What one run measured, and whether what it must show holds. */
export type ChaosRun = {
  readonly seed: number;
  /** From [0, 1), by the seed. */
  readonly random: () => number;
  readonly say: (what: string) => void;
  readonly figure: (name: string, value: number, unit: string) => void;
  /** A line of the table that decides; `saw` stands beside it. */
  readonly must: (what: string, holds: boolean, saw: string | number) => void;
  /** What does not hold. */
  readonly broken: () => readonly string[];
  readonly table: () => string;
};

/** A run with its two sizes: `npm run chaos -- <name>` takes the long one, `npm test` and `--short` the other. */
export type Chaos<Size extends object> = {
  readonly long: Size;
  readonly short: Size;
  readonly run: (size: Size, run: ChaosRun) => Promise<void>;
};

export const newSeed = (): number => Math.floor(Math.random() * 2 ** 31);

/** `quiet`: progress is kept back, as among other tests; the seed then stands in what does not hold. */
export function chaosRun(seed: number, { quiet = false }: { readonly quiet?: boolean } = {}): ChaosRun {
  const rows: { readonly what: string; readonly saw: string; readonly holds?: boolean }[] = [];
  const began = performance.now();
  return {
    seed,
    random: fractions(seed),
    say: (what) => {
      if (!quiet) process.stderr.write(`${((performance.now() - began) / 1000).toFixed(1).padStart(7)} s  ${what}\n`);
    },
    figure: (what, value, unit) => {
      rows.push({ what, saw: `${String(Math.round(value * 100) / 100)} ${unit}` });
    },
    must: (what, holds, saw) => {
      rows.push({ what, saw: String(saw), holds });
    },
    broken: () => rows.filter(({ holds }) => holds === false).map(({ what, saw }) => `${what}: ${saw} (seed ${String(seed)})`),
    table: () => {
      const width = Math.max(...rows.map(({ what }) => what.length));
      const mark = (holds: boolean | undefined): string => (holds === undefined ? '  ' : holds ? 'ok' : 'NO');
      return rows.map(({ what, saw, holds }) => `${mark(holds)}  ${what.padEnd(width)}  ${saw}`).join('\n');
    },
  };
}

/** To its end; what breaks it off is one of the things that do not hold, and told with the seed. */
export async function runThrough<Size extends object>({ run: work }: Chaos<Size>, size: Size, run: ChaosRun): Promise<void> {
  try {
    await work(size, run);
  } catch (error) {
    const told = error instanceof Error ? (error.stack ?? error.message) : String(error);
    run.must('the run comes to its end', false, told.slice(0, 3_000));
  }
}

/** The short form, among other tests: what does not hold. */
export async function brokenIn<Size extends object>(chaos: Chaos<Size>): Promise<readonly string[]> {
  const run = chaosRun(newSeed(), { quiet: true });
  await runThrough(chaos, chaos.short, run);
  return run.broken();
}

/** Above `process.stdout`, which a pipe may cut short at exit. */
export const printNow = (text: string): void => {
  writeFileSync(1, `${text}\n`);
};
