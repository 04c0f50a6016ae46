import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { checkNode, install, ROOT } from './prepare.mjs';

// `npm run mutants -- [part of a name …]`: takes guards away in a copy of the tree, one at a time, and expects a test to notice each.
checkNode();
await install();
const child = spawn(process.execPath, ['--import', 'tsx', join(ROOT, 'test/mutants/main.ts'), ...process.argv.slice(2)], {
  cwd: ROOT,
  stdio: 'inherit',
  env: { ...process.env, TZ: 'UTC' },
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.once('exit', (code) => {
  process.exitCode = code ?? 1;
});
