import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type Chaos, chaosRun, newSeed, printNow, runThrough } from './chaosRun.ts';

// `npm run chaos -- <name> [--seed N] [--short] [--<size>=N …]`: runs test/chaos/<name>.ts; a size overrides a number of the run's own.
const [name = '', ...args] = process.argv.slice(2);
const folder = dirname(fileURLToPath(import.meta.url));
const at = args.indexOf('--seed');
const seed = at < 0 ? newSeed() : Number(args[at + 1]);
const overrides = Object.fromEntries(
  args.flatMap((arg) => [...arg.matchAll(/^--(\w+)=(\d+)$/g)].map(([, key, value]) => [key, Number(value)])),
);

if (!readdirSync(folder).includes(`${name}.ts`) || !Number.isSafeInteger(seed))
  throw new Error('npm run chaos -- <name> [--seed N] [--short]');
const loaded = (await import(pathToFileURL(join(folder, `${name}.ts`)).href)) as Readonly<Record<string, Chaos<object>>>;
const chaos = loaded[name];
if (chaos === undefined) throw new Error(`test/chaos/${name}.ts does not export ${name}`);

// What it started ends with it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

const run = chaosRun(seed);
const size = { ...(args.includes('--short') ? chaos.short : chaos.long), ...overrides };
run.say(`${name}, seed ${String(seed)}, ${JSON.stringify(size)}`);
await runThrough(chaos, size, run);
printNow(`\n${name}, seed ${String(seed)}\n${run.table()}`);
process.exit(run.broken().length === 0 ? 0 : 1);
