import { execFileSync, spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { PortError } from '../../domain/kernel/portError.ts';

/** Ids of an OS user that Postgres runs as; absent: as ourselves. */
export type RunAs = { readonly uid: number; readonly gid: number } | undefined;

const amRoot = (): boolean => process.getuid?.() === 0;

function idsOf(user: string): RunAs {
  const [uid, gid] = ['-u', '-g'].map((flag) => {
    const { status, stdout } = spawnSync('id', [flag, user], { encoding: 'utf8' });
    return status === 0 ? Number(stdout.trim()) : Number.NaN;
  });
  return uid === undefined || gid === undefined || Number.isNaN(uid) || Number.isNaN(gid) ? undefined : { uid, gid };
}

/**
 * Postgres refuses to run as root: as root it runs as the owner of an existing data directory, else as the user `postgres`,
 * which is made where it is missing.
 * @throws PortError `invalid` when there is no such user and none can be made.
 */
export function postgresUser(existingDataDir?: string): RunAs {
  if (!amRoot()) return undefined;
  if (existingDataDir !== undefined) {
    const { uid, gid } = statSync(existingDataDir);
    if (uid !== 0) return { uid, gid };
  }
  const known = idsOf('postgres');
  if (known !== undefined) return known;
  try {
    execFileSync('useradd', ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin', 'postgres'], {
      stdio: 'ignore',
    });
  } catch (cause) {
    throw new PortError(
      'invalid',
      'postgres_user_missing',
      'Postgres does not run as root, and the OS user "postgres" is missing and could not be made. Start Tidings as another user, make that user, or set DATABASE_URL.',
      { cause },
    );
  }
  const made = idsOf('postgres');
  if (made === undefined)
    throw new PortError('invalid', 'postgres_user_missing', 'The OS user "postgres" was made, but cannot be looked up.');
  return made;
}

/** Whether that user can enter the directory. Asked of the system, since only it knows about ACLs and mounts. */
export function canReach(runAs: RunAs, path: string): boolean {
  if (runAs === undefined) return true;
  return spawnSync('/bin/sh', ['-c', 'test -x "$1"', 'sh', path], { ...runAs, cwd: '/', stdio: 'ignore' }).status === 0;
}
