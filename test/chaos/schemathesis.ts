import { spawn, spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeWorld } from '../support/exampleCalls.ts';
import { follow } from '../support/follow.ts';
import type { Program } from '../support/program.ts';
import { inScratch } from '../support/scratch.ts';
import type { Chaos, ChaosRun } from './chaosRun.ts';
import { clientFor } from './feeder.ts';
import { withProgram } from './ground.ts';

type Size = { readonly examples: number; readonly seconds: number };

const VERSION = '4.32.5';
/** Kept between runs. */
const VENV = join(tmpdir(), `tidings-schemathesis-${VERSION}`);
const PROGRAM = join(VENV, 'bin', 'schemathesis');

/**
 * What is not asked, and why: that whatever fits a schema is accepted (an id may name nothing, a key may have been used), that `Allow` has only
 * what the document has at this very path (`/v1/recipients/bulk` is also the recipient "bulk"), that a bulk is refused as a whole for one entry
 * that is wrong (it answers each for itself); and a rebuild, which is long work. 503 is what is answered for a position that the read model has
 * not reached. Any refusal will do for what breaks its schema: a very long value is 431 before anybody looks at its schema.
 */
const CONFIG = `[checks]
positive_data_acceptance.enabled = false
allow_header_conformance.enabled = false
not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", "503"]
negative_data_rejection.expected-statuses = ["4xx", "503"]

[[operations]]
include-operation-id = ["requestNotifications", "patchRecipients", "uploadBatch"]
checks.negative_data_rejection.enabled = false
`;

/** Another's generator over the same document. Where there is no Python, or nothing to be had by pip, it is skipped, loudly. */
export const schemathesis: Chaos<Size> = {
  long: { examples: 50, seconds: 3_600 },
  short: { examples: 5, seconds: 900 },
  run: async (size, run) => {
    const missing = installed();
    if (missing !== undefined) {
      run.say(`SKIPPED: ${missing}`);
      run.figure('skipped', 1, missing);
      return;
    }
    await inScratch('schemathesis', (scratch) =>
      withProgram({ env: { NODE_ENV: 'test' } }, async (program) => {
        await makeWorld({ ...clientFor(program), ...follow(clientFor(program)) });
        await generated(program, scratch, size, run);
      }),
    );
  },
};

/** What is missing, if anything is. */
function installed(): string | undefined {
  if (existsSync(PROGRAM)) return undefined;
  const steps = [
    ['python3', ['-m', 'venv', VENV], 'needs python3 with venv'],
    [join(VENV, 'bin', 'pip'), ['install', '--quiet', `schemathesis==${VERSION}`], `pip could not install schemathesis ${VERSION}`],
  ] as const;
  for (const [program, args, why] of steps) {
    if (spawnSync(program, args, { stdio: 'inherit' }).status === 0) continue;
    rmSync(VENV, { recursive: true, force: true });
    return why;
  }
  return undefined;
}

async function generated(program: Program, scratch: string, { examples, seconds }: Size, run: ChaosRun): Promise<void> {
  const config = join(scratch, 'schemathesis.toml');
  writeFileSync(config, CONFIG);
  const args = [
    ...['--config-file', config, 'run', `${program.url}/openapi.json`, '--header', `Authorization: Bearer ${program.key}`],
    ...['--max-examples', String(examples), '--seed', String(run.seed), '--workers', '2', '--phases', 'examples,coverage,fuzzing'],
    ...['--exclude-operation-id', 'rebuildProjection', '--no-color', '--request-timeout', '30', '--continue-on-failure'],
  ];
  const child = spawn(PROGRAM, args, { cwd: scratch, stdio: ['ignore', 'pipe', 'inherit'], timeout: seconds * 1_000 });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  const bad = program.faults();
  const kinds = [...said.matchAll(/❌ (ST\d+ [^:]+: \d+)/g)].map(([, kind]) => kind);
  const cases = /(\d+) generated/.exec(said)?.[1] ?? '0';
  // Where it cannot make a value, or doubts itself, it ends with 1 too.
  const doubts = [...said.matchAll(/🚫 (\w+ Error: \d+)/g)].map(([, doubt]) => doubt);
  if (status !== 0) run.say(said);
  run.figure('requests', Number(cases), `by schemathesis ${VERSION}`);
  run.figure('kinds of errors of its own', doubts.length, doubts.join(', '));
  run.must('it ran to its end', status === 0 || status === 1, String(status));
  run.must('it finds nothing', kinds.length === 0 && cases !== '0', kinds.length === 0 ? `0 in ${cases}` : kinds.join(', '));
  run.must('no error is logged', program.isRunning() && bad.length === 0, bad.length === 0 ? 'none' : JSON.stringify(bad[0]));
}
