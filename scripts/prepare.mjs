import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

// Plain Node and nothing else: this runs before anything is installed.

export const ROOT = fileURLToPath(new URL('..', import.meta.url));
const at = (...path) => join(ROOT, ...path);
const say = (text) => process.stderr.write(`${text}\n`);

/** Ends the process with one clear sentence when this Node is too old. */
export function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  say(`Tidings needs Node 20.19 or newer; this is ${process.versions.node}. Get a newer one from https://nodejs.org and try again.`);
  process.exit(1);
}

const jsonIn = (path) => {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
};

/** npm writes down what it has installed when it is done: that has to be what the lock file says. Optional packages may be missing. */
function isInstalled(folder) {
  const wanted = jsonIn(join(folder, 'package-lock.json'))?.packages;
  const found = jsonIn(join(folder, 'node_modules/.package-lock.json'))?.packages;
  if (wanted === undefined || found === undefined) return false;
  return Object.entries(wanted).every(([path, { version, optional, peer }]) => {
    if (path === '') return true;
    const there = found[path];
    return there === undefined ? optional === true || peer === true : there.version === version;
  });
}

/** The npm that started us, or the one on PATH. */
const npmCommand = () => {
  const own = process.env.npm_execpath;
  return own !== undefined && /npm-cli\.c?js$/.test(own) ? [process.execPath, [own]] : ['npm', []];
};

function runNpm(args, folder) {
  const [command, first] = npmCommand();
  return new Promise((resolve) => {
    // npm's own progress goes to stderr, so that stdout stays for what is asked for.
    const child = spawn(command, [...first, ...args], { cwd: folder, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' });
    const started = Date.now();
    const beat = setInterval(() => say(`  … still installing, ${Math.round((Date.now() - started) / 1000)} s`), 10_000);
    const end = (code) => {
      clearInterval(beat);
      resolve(code);
    };
    child.once('error', () => end(1));
    child.once('exit', (code) => end(code ?? 1));
  });
}

async function installIn(folder, what, flags) {
  if (isInstalled(folder)) return;
  say(`installing ${what} (a minute or two the first time)`);
  if ((await runNpm(['ci', '--no-audit', '--no-fund', ...flags], folder)) === 0) return;
  say('The dependencies could not be installed: see above. Is the npm registry reachable?');
  process.exit(1);
}

/** Installs exactly what package-lock.json says, when what is there differs. */
export const install = () => installIn(ROOT, 'the locked dependencies', []);

/** What a benchmark compares with: a lock file of its own, and none of its packages' scripts are run. */
export const installPeers = (folder) => installIn(folder, 'what this benchmark compares with', ['--ignore-scripts']);

function* filesBelow(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesBelow(path);
    else yield path;
  }
}

const STAMP = () => at('dist/.built.json');

/** What a build was made of: every source with its time and size. */
function sources() {
  const files = [...filesBelow(at('src')), at('tsconfig.json'), at('tsconfig.build.json'), at('package-lock.json')];
  return Object.fromEntries(
    files.map((path) => {
      const { mtimeMs, size } = statSync(path);
      return [relative(ROOT, path), `${mtimeMs} ${size}`];
    }),
  );
}

/** Compiles src to dist when a source is newer than what is there; incremental, unless a source has gone. */
export function build() {
  const [before, now] = [jsonIn(STAMP()), sources()];
  if (before !== undefined && JSON.stringify(before) === JSON.stringify(now) && existsSync(at('dist/main.js'))) return;
  const gone = before === undefined || Object.keys(before).some((path) => now[path] === undefined);
  if (gone) rmSync(at('dist'), { recursive: true, force: true });
  say('building');
  const { status } = spawnSync(process.execPath, [at('node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'], {
    cwd: ROOT,
    stdio: ['ignore', 2, 2],
  });
  if (status !== 0) {
    say('The build failed: see above.');
    process.exit(1);
  }
  mkdirSync(at('dist'), { recursive: true });
  writeFileSync(STAMP(), JSON.stringify(now));
}

/** The built program, in this process: signals reach it directly. An image that holds no sources is ready as it is. */
export async function run(args) {
  checkNode();
  if (existsSync(at('src'))) {
    await install();
    build();
  }
  // Before the first Date: local times of this machine have no place here.
  process.env.TZ = 'UTC';
  const main = at('dist/main.js');
  process.argv = [process.argv[0], main, ...args];
  await import(new URL('../dist/main.js', import.meta.url).href);
}
