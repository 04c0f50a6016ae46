import { cpus, loadavg, totalmem } from 'node:os';

/** What one turn did. `cpuMs`: the processor's time that it took, in the process that is measured. */
export type Turn = { readonly count: number; readonly ms: number; readonly cpuMs?: number };
export type Contender = {
  readonly name: string;
  /** Turn 0 warms up and is not counted. @throws when what came of it is wrong. */
  readonly turn: (round: number) => Promise<Turn>;
};
/** What we are compared with, and how many times as fast we mean to be. */
export type Rival = Contender & { readonly goal?: number };

export type Match = {
  readonly bench: string;
  /** Of what: `appends/s`. */
  readonly unit: string;
  readonly rounds: number;
  readonly ours: Contender;
  readonly rivals: readonly Rival[];
};

export const say = (text: string): void => void process.stderr.write(`${text}\n`);
const line = (record: object): void => void process.stdout.write(`${JSON.stringify(record)}\n`);
const rounded = (value: number): number => Number(value.toPrecision(4));
const shown = (value: number): string => value.toLocaleString('en', { maximumSignificantDigits: 4 });

/** Fails the benchmark: a figure of something that is wrong is worth nothing. */
export function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`wrong: ${what}`);
}

/** `--rounds=5`: the numbers that may be set, with what they are otherwise; the word `--dkim` alone is 1. */
export function optionsOf<Name extends string>(defaults: Readonly<Record<Name, number>>): Readonly<Record<Name, number>> {
  const found: Record<string, number> = { ...defaults };
  for (const arg of process.argv.slice(2)) {
    const [, name = '', value = '1'] = /^--([\w-]+)(?:=(\d+))?$/.exec(arg) ?? [];
    if (!(name in defaults)) {
      say(`${arg} is no option of this benchmark: ${Object.entries(defaults).map(([one, is]) => `--${one}=${String(is)}`).join(' ')}`); // prettier-ignore
      process.exit(2);
    }
    found[name] = Number(value);
  }
  return found as Record<Name, number>;
}

/** Where and when: what every figure has to be read with. */
export function introduce(bench: string, what: string): void {
  say(`${bench}: ${what}`);
  say(
    `${new Date().toISOString().slice(0, 10)}, Node ${process.versions.node}, ${String(cpus().length)} × ${cpus()[0]?.model ?? '?'}, ` +
      `${String(Math.round(totalmem() / 2 ** 30))} GiB, load ${loadavg()[0]?.toFixed(1) ?? '?'}`,
  );
}

/** Of several values the middle one, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(middle)] ?? Number.NaN) + (sorted[Math.ceil(middle)] ?? Number.NaN)) / 2;
}

/** Times work of this process. */
export async function timed(count: number, work: () => Promise<void> | void): Promise<Turn> {
  const [before, began] = [process.cpuUsage(), performance.now()];
  await work();
  const ms = performance.now() - began;
  const { user, system } = process.cpuUsage(before);
  return { count, ms, cpuMs: (user + system) / 1000 };
}

/** One figure that stands for itself; its goal in words: `at most 1,000`. */
export function figure(bench: string, name: string, value: number, unit: string, goal?: string): void {
  say(`  ${name.padEnd(44)} ${shown(value)} ${unit}${goal === undefined ? '' : `   (${goal})`}`);
  line({ bench, figure: name, value: rounded(value), unit, ...(goal === undefined ? {} : { goal }) });
}

const rateOf = ({ count, ms }: Turn): number => count / (ms / 1000);
const cpuOf = ({ count, cpuMs }: Turn): number | undefined => (cpuMs === undefined ? undefined : (1000 * cpuMs) / count);
const told = (turn: Turn): string => {
  const cpu = cpuOf(turn);
  return `${shown(rateOf(turn))}${cpu === undefined ? '' : ` (${shown(cpu)} µs of processor each)`}`;
};

/**
 * A B A B …: all contenders in each round, one after the other, so that what disturbs the machine disturbs all of them. Prints each
 * round and the ratio of the medians, on stderr for people and as a line of JSON on stdout. Answers the ratios in the order of the rivals.
 */
export async function compete({ bench, unit, rounds, ours, rivals }: Match): Promise<readonly number[]> {
  const all = [ours, ...rivals];
  const turns = all.map((): Turn[] => []);
  for (let round = 0; round <= rounds; round += 1) {
    for (const [place, contender] of all.entries()) {
      globalThis.gc?.();
      const turn = await contender.turn(round);
      if (round > 0) turns[place]?.push(turn);
      say(`  ${round === 0 ? 'warm-up' : `round ${String(round)}`}  ${contender.name}: ${told(turn)} ${unit}`);
    }
  }
  const [own = [], ...theirs] = turns;
  const middle = median(own.map(rateOf));
  return rivals.map(({ name, goal }, place) => {
    const other = theirs[place] ?? [];
    const ratio = middle / median(other.map(rateOf));
    const pairs = own.map((turn, at) => [turn, other[at] ?? turn] as const);
    say(`  ${ours.name} ÷ ${name}: ${ratio.toFixed(2)}${goal === undefined ? '' : `   (goal ${String(goal)})`}`);
    say(`    by round: ${pairs.map(([a, b]) => (rateOf(a) / rateOf(b)).toFixed(2)).join(', ')}`);
    const cpu = (list: readonly Turn[]): number => rounded(median(list.map((turn) => cpuOf(turn) ?? Number.NaN)));
    line({
      bench,
      figure: `${ours.name} ÷ ${name}`,
      unit,
      value: rounded(middle),
      baseline: rounded(median(other.map(rateOf))),
      ratio: rounded(ratio),
      ...(goal === undefined ? {} : { goal }),
      processorMicros: [cpu(own), cpu(other)],
      rounds: pairs.map(([a, b]) => [rounded(rateOf(a)), rounded(rateOf(b))]),
    });
    return ratio;
  });
}

/** So many callers at a time over all of these; each takes the next when it has done one. */
export async function byCallers(callers: number, total: number, work: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const call = async (): Promise<void> => {
    for (let index = next++; index < total; index = next++) await work(index);
  };
  await Promise.all(Array.from({ length: callers }, call));
}
