import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What an engine can change: HTTP, TLS, streams, crypto, the drivers … */
const PARTS = ['test/contract', 'test/http', 'test/adapters'];
/** … and the program as a whole. The rest is plain computing. */
const WHOLE = ['test/cli', 'test/e2e'];
/** Of it, what takes long and would show the same: crashes, outages and load. */
const SPARED = ['bigBatch', 'clockJumps', 'crashes', 'crowd', 'diskFull', 'time'].flatMap((name) => [
  '--exclude',
  `test/e2e/${name}.test.ts`,
]);

/**
 * For vitest, run by run: the tests that are run again on every other version of Node, `inEventStore` with the logs of the program in an
 * EventStoreDB: the one that EVENT_STORE_URL names, or its double. The parts have stores of their own.
 */
export function engineRuns(inEventStore) {
  if (!inEventStore) return [{ args: [...PARTS, ...WHOLE, ...SPARED], env: {} }];
  return [
    { args: PARTS, env: {} },
    { args: [...WHOLE, ...SPARED], env: { EVENT_STORE_URL: process.env.EVENT_STORE_URL ?? 'double:' } },
  ];
}

/**
 * Runs `use` with a Node of this major version, which comes from npm as a package and stays out of the project. Answers what it does.
 * @throws where npm has none for this machine.
 */
export function withNode(major, use) {
  const scratch = mkdtempSync(join(tmpdir(), `tidings-node-${major}-`));
  try {
    const name = `node-${process.platform}-${process.arch}@${major}`;
    const { status } = spawnSync('npm', ['install', '--silent', '--no-audit', '--no-fund', '--prefix', scratch, name], {
      stdio: 'inherit',
    });
    if (status !== 0) throw new Error(`npm could not install ${name}`);
    const [installed] = readdirSync(join(scratch, 'node_modules')).filter((entry) => !entry.startsWith('.'));
    return use(join(scratch, 'node_modules', installed, 'bin/node'));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
