import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { build, checkNode, install, ROOT } from './prepare.mjs';

// `npm run chaos -- <name> [--seed N] [--short] [--<size>=N …]`: what test/chaos/<name>.ts breaks, against the built program.
const folder = join(ROOT, 'test/chaos');
const names = readdirSync(folder).flatMap((entry) => /^([\w-]+)\.test\.ts$/.exec(entry)?.[1] ?? []);
// Schemathesis is another's program, and no part of `npm test`.
const runs = [...names, 'schemathesis'];
const [name = '', ...args] = process.argv.slice(2);
checkNode();
if (!runs.includes(name)) {
  process.stderr.write(`npm run chaos -- <name> [--seed N] [--short], where the name is one of: ${runs.join(', ')}\n`);
  process.exit(2);
}
await install();
build();
const child = spawn(process.execPath, ['--import', 'tsx', join(folder, 'main.ts'), name, ...args], {
  cwd: ROOT,
  stdio: 'inherit',
  env: { ...process.env, TZ: 'UTC', PROGRAM_UNDER_TEST: join(ROOT, 'dist/main.js') },
});
child.once('exit', (code) => {
  process.exitCode = code ?? 1;
});
