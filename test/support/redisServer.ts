import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { eventually } from './client.ts';
import { startFaultProxy, type FaultProxy } from './faultProxy.ts';
import { freePorts } from './freePorts.ts';
import type { Need } from './needs.ts';
import { onPath } from './onPath.ts';
import { ranAgainst } from './ranAgainst.ts';
import { newScratch } from './scratch.ts';

/** The path of a `redis-server` on PATH. */
const redisBinary = (): string | undefined => onPath(['redis-server']);

export const REDIS: Need = { what: 'redis-server', found: redisBinary() !== undefined, how: 'apt-get install redis-server' };

/** A Redis of the test's own, in memory alone, and a proxy that can break the way to it. */
export type TestRedis = {
  readonly url: string;
  readonly socket: string;
  readonly version: string;
  /** Of its process that runs now. */
  readonly pid: () => number;
  /** Through the proxy. */
  readonly proxiedUrl: string;
  readonly proxy: FaultProxy;
  readonly client: Redis;
  /** Ends it at once, with what it held; `start` brings an empty one. */
  readonly stop: () => Promise<void>;
  readonly start: () => Promise<void>;
  readonly freeze: () => void;
  readonly thaw: () => void;
  readonly close: () => Promise<void>;
};

export async function startRedisServer(): Promise<TestRedis> {
  const binary = redisBinary();
  if (binary === undefined) throw new Error('there is no redis-server on PATH: ask for it with describeWith(REDIS, …)');
  const { scratch, discard } = newScratch('redis');
  const socket = join(scratch, 'redis.sock');
  const flags = { bind: '127.0.0.1', unixsocket: socket, dir: scratch, save: '', appendonly: 'no', daemonize: 'no' };
  const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]);
  let port = 0;
  let child: ChildProcess | undefined;
  let hasEnded = true;
  let ended = Promise.resolve();

  const spawnOn = (free: number): void => {
    rmSync(socket, { force: true });
    const started = spawn(binary, ['--port', String(free), ...args], { cwd: scratch, stdio: 'ignore' });
    child = started;
    hasEnded = false;
    ended = new Promise<void>((resolve) => {
      started.once('close', () => resolve());
      started.once('error', () => resolve());
    }).then(() => {
      if (child === started) hasEnded = true;
    });
  };
  /** Between finding a free port and binding it another program can take it; once it has answered there it keeps its port. */
  const start = async (): Promise<void> => {
    const wanted = port;
    await eventually('redis-server answers', async () => {
      if (hasEnded) {
        port = wanted === 0 ? (await freePorts(1))[0]! : wanted;
        spawnOn(port);
      }
      return answers(socket, child?.pid);
    });
  };
  const stop = async (): Promise<void> => {
    child?.kill('SIGKILL');
    await ended;
  };
  const atExit = (): void => void child?.kill('SIGKILL');
  process.once('exit', atExit);

  try {
    await start();
  } catch (error) {
    process.off('exit', atExit);
    await stop();
    discard();
    throw error;
  }
  const proxy = await startFaultProxy({ path: socket });
  const client = new Redis({ path: socket, protocol: 2 });
  client.on('error', () => undefined);
  const version = /^redis_version:(\S+)/m.exec(await client.info('server'))?.[1] ?? '';
  ranAgainst({ part: 'Redis', name: `${version} (${binary})`, real: true });
  return {
    url: `redis://127.0.0.1:${String(port)}`,
    socket,
    version,
    pid: () => child?.pid ?? 0,
    proxiedUrl: `redis://127.0.0.1:${String(proxy.port)}`,
    proxy,
    client,
    start,
    stop,
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    close: async () => {
      process.off('exit', atExit);
      client.disconnect();
      await proxy.close();
      child?.kill('SIGCONT');
      await stop();
      discard();
    },
  };
}

/** Whether it is there; where its port is another's it ends at once. Before anything is written it must be the process that was started. */
async function answers(socket: string, pid: number | undefined): Promise<true | undefined> {
  if (!existsSync(socket)) return undefined;
  const client = new Redis({ path: socket, protocol: 2, lazyConnect: true, retryStrategy: () => null });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const named = /^process_id:(\d+)/m.exec(await client.info('server'))?.[1];
    if (named !== String(pid)) throw new Error('the Redis that answers is not the one that was started');
    return true;
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('the Redis')) throw error;
    return undefined;
  } finally {
    client.disconnect();
  }
}
