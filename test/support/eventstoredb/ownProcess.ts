import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { eventually } from '../client.ts';
import { freePorts } from '../freePorts.ts';
import { onPath } from '../onPath.ts';
import { newScratch } from '../scratch.ts';

/** A server that this process started, on ports of its own, with its data in a scratch directory that goes with it. */
export type OwnProcess = {
  readonly url: string;
  /** Ends it at once, as a crash does; `start` brings it back with what it held. */
  readonly stop: () => Promise<void>;
  readonly start: () => Promise<void>;
  readonly freeze: () => void;
  readonly thaw: () => void;
  readonly close: () => Promise<void>;
};

const BINARIES = ['EventStore.ClusterNode', 'eventstored', 'kurrentd'];

/** The path of a server on PATH, the first of the three names that is found. */
export function eventStoreBinary(): string | undefined {
  return onPath(BINARIES);
}

/** Starts it on loopback, without TLS, on disk. Resolves once it leads and has proved to be the one that was started. */
export async function startEventStoreBinary(binary: string): Promise<OwnProcess> {
  const { scratch, discard } = newScratch('eventstore');
  const data = join(scratch, 'data');
  const [port, replication] = await freePorts(2);
  const options = {
    db: data,
    log: join(scratch, 'log'),
    'node-ip': '127.0.0.1',
    'node-port': String(port),
    'replication-ip': '127.0.0.1',
    'replication-port': String(replication),
    'mem-db': 'false',
    'run-projections': 'None',
    insecure: 'true',
  };
  let child: ChildProcess | undefined;
  let ended = Promise.resolve();

  const start = async (): Promise<void> => {
    const args = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
    const started = spawn(binary, args, { cwd: scratch, stdio: 'ignore', env: { ...process.env, EVENTSTORE_TELEMETRY_OPTOUT: 'true' } });
    child = started;
    ended = new Promise((resolve) => {
      started.once('close', () => resolve());
      started.once('error', () => resolve());
    });
    const over = (): boolean => started.exitCode !== null || started.signalCode !== null || started.pid === undefined;
    await eventually(
      `${binary} leads`,
      () => {
        if (over()) throw new Error(`${binary} ended while it started`);
        return leads(`http://127.0.0.1:${String(port)}`, data);
      },
      { deadlineMs: 90_000 },
    );
  };
  const stop = async (): Promise<void> => {
    child?.kill('SIGKILL');
    await ended;
  };
  const atExit = (): void => void child?.kill('SIGKILL');
  process.once('exit', atExit);
  const close = async (): Promise<void> => {
    process.off('exit', atExit);
    await stop();
    discard();
  };
  try {
    await start();
  } catch (error) {
    await close();
    throw error;
  }
  return {
    url: `esdb://127.0.0.1:${String(port)}?tls=false`,
    start,
    stop,
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    close,
  };
}

/** Whether it takes writes. Before that it must name our data directory as its own: another server may have been quicker to the port. */
async function leads(base: string, data: string): Promise<true | undefined> {
  const info = await jsonFrom(`${base}/info`);
  if ((info as { readonly state?: string } | undefined)?.state !== 'leader') return undefined;
  const options = await jsonFrom(`${base}/info/options`);
  const named = Array.isArray(options) ? options.find(({ name }: { readonly name: string }) => name.toLowerCase() === 'db') : undefined;
  if (named?.value !== data) throw new Error('the event store that answers is not the one this test run started');
  return true;
}

async function jsonFrom(url: string): Promise<unknown> {
  try {
    const response = await fetch(url, { headers: { Accept: 'application/json' }, signal: AbortSignal.timeout(2_000) });
    return response.ok ? await response.json() : undefined;
  } catch {
    return undefined;
  }
}
