import { accessSync, constants, existsSync, statfsSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fail, ok, warn, type Finding } from './finding.ts';

export function checkNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return ok('node', version);
  return fail('node', `${version} is too old`, 'Get 20.19 or newer from https://nodejs.org.');
}

/** Made by `start`, each with mode 0600. */
const SECRETS = ['admin-key', 'master-keys', 'postgres-passwords.json', 'service.json'];
const LOW_BYTES = 1_000_000_000;

function mayWrite(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The nearest directory above that exists: where a new one would be made. */
function existingAbove(directory: string): string {
  const above = dirname(directory);
  return existsSync(above) || above === directory ? above : existingAbove(above);
}

function checkSecret(file: string): readonly Finding[] {
  const mode = statSync(file).mode & 0o777;
  if ((mode & 0o077) === 0) return [];
  const octal = mode.toString(8).padStart(4, '0');
  return [
    fail(
      'data directory',
      `${file} can be read by others (mode ${octal})`,
      `chmod 600 '${file}', and rotate what it holds if others were there.`,
    ),
  ];
}

/** Whether secrets are ours alone, and whether there is room. */
export function checkDataDir(dataDir: string): readonly Finding[] {
  const directory = resolve(dataDir);
  if (!existsSync(directory)) {
    const above = existingAbove(directory);
    if (mayWrite(above)) return [ok('data directory', `${directory} will be made by the first start`)];
    return [
      fail('data directory', `${directory} cannot be made: ${above} is not writable`, 'Set TIDINGS_DATA_DIR to a place of your own.'),
    ];
  }
  if (!statSync(directory).isDirectory()) return [fail('data directory', `${directory} is no directory`, 'Set TIDINGS_DATA_DIR.')];
  if (!mayWrite(directory))
    return [fail('data directory', `${directory} is not writable`, 'Run as the user that owns it, or set TIDINGS_DATA_DIR.')];
  const { bavail, bsize } = statfsSync(directory);
  const free = bavail * bsize;
  const room =
    free < LOW_BYTES ? [warn('disk', `${Math.round(free / 1_000_000)} MB free at ${directory}`, 'Make room before it fills up.')] : [];
  const open = SECRETS.map((name) => join(directory, name))
    .filter(existsSync)
    .flatMap(checkSecret);
  return [...(open.length === 0 ? [ok('data directory', directory)] : open), ...room];
}
