import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PortError } from '../../domain/kernel/portError.ts';
import type { Binaries } from './binaries.ts';
import type { RunAs } from './osUser.ts';

export type Cluster = { readonly binaries: Binaries; readonly dataDir: string; readonly runAs: RunAs };
export type RunningServer = {
  readonly port: number;
  readonly pid: number;
  /** Resolves when the server is gone, whoever ended it. */
  readonly ended: Promise<void>;
  /** Fast shutdown: open transactions are rolled back, the data directory is left clean. */
  readonly stop: () => Promise<void>;
};

/** Nothing of our own environment, which holds secrets, reaches the server. */
const ENVIRONMENT = { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };
const START_DEADLINE_MS = 120_000;
const STOP_DEADLINE_MS = 30_000;

const failed = (code: string, message: string, cause?: unknown): PortError =>
  new PortError('unavailable', code, message, cause === undefined ? {} : { cause });

export const isInitialised = (dataDir: string): boolean => existsSync(join(dataDir, 'PG_VERSION'));

/**
 * `initdb` with text order by bytes, UTF-8 and passwords (SCRAM-SHA-256); the superuser is `postgres`. It works beside the place and is
 * moved there when it is whole: one that was killed half-way would look like a cluster and never start.
 */
export function initialise({ binaries, dataDir, runAs }: Cluster, password: string, flags: readonly string[] = []): void {
  const draft = `${dataDir}.new`;
  rmSync(draft, { recursive: true, force: true });
  const scratch = mkdtempSync(join(tmpdir(), 'tidings-initdb-'));
  try {
    const passwordFile = join(scratch, 'password');
    writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
    mkdirSync(draft, { recursive: true, mode: 0o700 });
    chmodSync(draft, 0o700);
    if (runAs !== undefined) for (const path of [scratch, passwordFile, draft]) chownSync(path, runAs.uid, runAs.gid);
    const { status, stderr } = spawnSync(
      join(binaries.dir, 'initdb'),
      [
        `--pgdata=${draft}`,
        '--username=postgres',
        `--pwfile=${passwordFile}`,
        '--auth=scram-sha-256',
        '--encoding=UTF8',
        '--locale=C',
        '--no-instructions',
        ...flags,
      ],
      { ...(runAs ?? {}), env: ENVIRONMENT, cwd: '/', encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'] },
    );
    if (status !== 0) throw failed('initdb_failed', `initdb failed in ${draft}: ${stderr.trim()}`);
    renameSync(draft, dataDir);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => {
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
  });
}

type PidFile = { readonly pid: number; readonly port: number; readonly ready: boolean };

/** Postgres writes `postmaster.pid` line by line while it starts: pid, directory, start, port, socket, address, memory, state. */
export function readPidFile(dataDir: string): PidFile | undefined {
  try {
    const lines = readFileSync(join(dataDir, 'postmaster.pid'), 'utf8').split('\n');
    const pid = Number(lines[0]);
    return Number.isInteger(pid) && pid > 0 ? { pid, port: Number(lines[3]), ready: lines[7]?.trim() === 'ready' } : undefined;
  } catch {
    return undefined;
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** A postmaster's working directory is its data directory. A pid alone says nothing: after a reboot it can be anyone's. */
function servesDirectory(pid: number, dataDir: string): boolean {
  if (!isAlive(pid)) return false;
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(dataDir);
  } catch {
    const { stdout } = spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' });
    return typeof stdout === 'string' && stdout.includes(dataDir);
  }
}

/** The postmaster that serves this data directory now, whoever started it. */
export function postmasterOf(dataDir: string): PidFile | undefined {
  const file = readPidFile(dataDir);
  return file !== undefined && servesDirectory(file.pid, dataDir) ? file : undefined;
}

async function until(condition: () => boolean, deadlineMs: number): Promise<boolean> {
  for (let waited = 0; waited < deadlineMs; waited += 25) {
    if (condition()) return true;
    await sleep(25);
  }
  return condition();
}

/** Stops the postmaster of this data directory, if there is one: fast, then at once. Never another process. */
export async function stopPostmaster(dataDir: string): Promise<void> {
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
    const running = postmasterOf(dataDir);
    if (running === undefined) return;
    process.kill(running.pid, signal);
    if (await until(() => postmasterOf(dataDir) === undefined, STOP_DEADLINE_MS)) return;
  }
  throw failed('postgres_does_not_stop', `The Postgres server in ${dataDir} did not stop.`);
}

/** Left by a killed server: its pid may belong to another process by now, at which Postgres would refuse to start. */
function removeStalePidFile(dataDir: string): void {
  const file = readPidFile(dataDir);
  if (file !== undefined && postmasterOf(dataDir) === undefined) rmSync(join(dataDir, 'postmaster.pid'), { force: true });
}

type Settings = Readonly<Record<string, string>>;

/** `outlivesUs`: another process stops it (the tests' workers come and go). Otherwise our own exit, however sudden, stops it too. */
type Manner = { readonly outlivesUs?: boolean };

async function tryStart(
  { binaries, dataDir, runAs }: Cluster,
  settings: Settings,
  logFile: string,
  manner: Manner,
): Promise<RunningServer | undefined> {
  const port = await freePort();
  const flags = Object.entries({ listen_addresses: '127.0.0.1', port: String(port), unix_socket_directories: '', ...settings });
  const log = openSync(logFile, 'a', 0o600);
  // A session of its own: Ctrl-C goes to the whole foreground group, and the server must outlive our draining.
  const child = spawn(join(binaries.dir, 'postgres'), ['-D', dataDir, ...flags.flatMap(([name, value]) => ['-c', `${name}=${value}`])], {
    ...(runAs ?? {}),
    env: ENVIRONMENT,
    cwd: '/',
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  let gone = false;
  const ended = new Promise<void>((resolve) => {
    const end = (): void => {
      gone = true;
      process.off('exit', onExit);
      resolve();
    };
    child.once('exit', end);
    child.once('error', end);
  });
  const { pid } = child;
  const onExit = (): void => {
    if (!gone && pid !== undefined) process.kill(pid, 'SIGINT');
  };
  const answers = (): boolean => {
    const file = readPidFile(dataDir);
    return file?.pid === pid && file?.ready === true;
  };
  const started = await until(() => gone || answers(), START_DEADLINE_MS);
  if (pid === undefined || gone || !started) return undefined;
  child.unref();
  if (manner.outlivesUs !== true) process.once('exit', onExit);
  const stop = async (): Promise<void> => {
    // Who stops it waits for its end, which must not be the last thing that this process would have waited for.
    child.ref();
    await stopPostmaster(dataDir);
    process.off('exit', onExit);
  };
  return { port, pid, ended, stop };
}

/**
 * Starts Postgres on a free port of 127.0.0.1, without a unix socket. Its log starts anew; that of the last run is kept beside it.
 * @throws PortError `unavailable`; the reason stands in the log file named in the message.
 */
export async function startServer(cluster: Cluster, settings: Settings, logFile: string, manner: Manner = {}): Promise<RunningServer> {
  mkdirSync(dirname(logFile), { recursive: true });
  if (existsSync(logFile)) renameSync(logFile, `${logFile}.1`);
  removeStalePidFile(cluster.dataDir);
  // Between finding a free port and binding it another program can take it.
  for (let tries = 0; tries < 3; tries += 1) {
    const server = await tryStart(cluster, settings, logFile, manner);
    if (server !== undefined) return server;
    if (!/could not bind|Address already in use/.test(readFileSync(logFile, 'utf8'))) break;
  }
  const reason = /(?:FATAL|PANIC): +(.*)/.exec(existsSync(logFile) ? readFileSync(logFile, 'utf8') : '')?.[1] ?? 'it did not start in time';
  throw failed('postgres_did_not_start', `Postgres did not start in ${cluster.dataDir}: ${reason}. Its log: ${logFile}`);
}
