import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What an engine can change: HTTP, TLS, streams, crypto, the drivers, and the program as a whole. The rest is plain computing. */
const SUITES = ['test/contract', 'test/http', 'test/adapters', 'test/cli', 'test/e2e'];
/** Of them, what takes long and would show the same: crashes, outages and load. */
const SPARED = ['bigBatch', 'clockJumps', 'crashes', 'crowd', 'diskFull', 'time'];

/** For vitest: the tests that are run again on every other version of Node. */
export const ENGINE_TESTS = [...SUITES, ...SPARED.flatMap((name) => ['--exclude', `test/e2e/${name}.test.ts`])];

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
