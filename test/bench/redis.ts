import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../support/client.ts';
import { peer } from './peers.ts';
import { must, say } from './rounds.ts';

type RedisClient = { readonly info: (section: string) => Promise<string>; readonly quit: () => Promise<unknown> };
export type Redis = { readonly socket: string; readonly version: string; readonly pid: number; readonly stop: () => Promise<void> };

/** A Redis of the benchmark's own on a socket, without persistence: the quickest it can be. */
export async function startRedis(scratch: string): Promise<Redis> {
  if (spawnSync('redis-server', ['--version']).status !== 0) {
    say('=== redis-server is not on this machine: this benchmark compares with queues on Redis. On Debian: apt-get install redis-server');
    process.exit(1);
  }
  const socket = join(scratch, 'redis.sock');
  const flags = { port: '0', unixsocket: socket, dir: scratch, save: '', appendonly: 'no', daemonize: 'no' };
  const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]);
  const child = spawn('redis-server', args, { cwd: scratch, stdio: 'ignore' });
  const stop = (): void => void child.kill('SIGTERM');
  process.once('exit', stop);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await eventually('redis-server listens', () => (existsSync(socket) ? true : undefined));
  const { Redis: Client } = peer('ioredis') as { readonly Redis: new (options: object) => RedisClient };
  const client = new Client({ path: socket });
  const info = await client.info('server');
  await client.quit();
  const field = (name: string): string => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? '';
  must(field('process_id') === String(child.pid), 'the Redis that answers is the one that was started');
  return {
    socket,
    version: field('redis_version'),
    pid: child.pid ?? 0,
    stop: async () => {
      process.off('exit', stop);
      stop();
      await ended;
    },
  };
}
