import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { build, checkNode, install, installPeers, ROOT } from './prepare.mjs';

// `npm run bench -- <name> [arguments]`: runs test/bench/<name>.ts against the built program (docs/performance.md).
const WITH_PEERS = ['append', 'catch-up', 'e2e-single'];
const NAMES = [...WITH_PEERS, 'smtp', 'render', 'e2e-bulk', 'storage', 'accept', 'million', 'eventstoredb', 'scale'];

const [name = '', ...args] = process.argv.slice(2);
checkNode();
if (!NAMES.includes(name)) {
  process.stderr.write(`npm run bench -- <name>, where the name is one of: ${NAMES.join(', ')}\n`);
  process.exit(2);
}
await install();
build();
const peers = join(ROOT, 'test/bench/peers');
if (WITH_PEERS.includes(name)) await installPeers(peers);
const loaders = ['tsx', join(ROOT, 'scripts/builtSources.mjs')].flatMap((loader) => ['--import', loader]);
const child = spawn(process.execPath, ['--expose-gc', ...loaders, join(ROOT, `test/bench/${name}.ts`), ...args], {
  cwd: ROOT,
  stdio: 'inherit',
  env: { ...process.env, TZ: 'UTC', PROGRAM_UNDER_TEST: join(ROOT, 'dist/main.js') },
});
child.once('exit', (code) => {
  process.exitCode = code ?? 1;
});
