import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { build, checkNode, install, ROOT } from './prepare.mjs';

// `npm run bench -- <name> [arguments]`: runs test/bench/<name>.ts against the built program.
const folder = join(ROOT, 'test/bench');
const [name = '', ...args] = process.argv.slice(2);
const file = join(folder, `${name}.ts`);
checkNode();
if (!/^[\w-]+$/.test(name) || !existsSync(file)) {
  const names = readdirSync(folder).flatMap((entry) => /^([\w-]+)\.ts$/.exec(entry)?.[1] ?? []);
  process.stderr.write(`npm run bench -- <name>, where the name is one of: ${names.join(', ')}\n`);
  process.exit(2);
}
await install();
build();
const child = spawn(process.execPath, ['--import', 'tsx', file, ...args], {
  cwd: ROOT,
  stdio: 'inherit',
  env: { ...process.env, TZ: 'UTC', PROGRAM_UNDER_TEST: join(ROOT, 'dist/main.js') },
});
child.once('exit', (code) => {
  process.exitCode = code ?? 1;
});
