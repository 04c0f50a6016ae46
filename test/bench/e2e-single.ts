import { fork } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually } from '../support/client.ts';
import { cpuMsOf } from '../support/processUse.ts';
import { REDIS, startRedisServer } from '../support/redisServer.ts';
import { inScratch } from '../support/scratch.ts';
import { startService } from './caller.ts';
import { addressOf } from './mail.ts';
import { versionOf } from './peers.ts';
import type { QueuesTask } from './queuesProcess.ts';
import { byCallers, compete, introduce, must, optionsOf, say, type Turn } from './rounds.ts';
import { startMailCounter } from './mailCounter.ts';

/**
 * Single notifications, each a POST of its own, by many callers through the real program until the last mail has arrived ÷ as many jobs
 * through four BullMQ queues in series on the local Redis, added by as many callers without HTTP, rendering, mail or database.
 */
const { notifications, rounds, callers, concurrency, profile } = optionsOf({
  notifications: 5_000,
  rounds: 5,
  callers: 64,
  concurrency: 64,
  profile: 0,
});

if (!REDIS.found) {
  say(`=== ${REDIS.what} is not on this machine: this benchmark compares with queues on Redis. On Debian: ${REDIS.how}`);
  process.exit(1);
}
introduce('e2e-single', `${String(notifications)} notifications a turn, ${String(callers)} callers`);
await inScratch('bench', async (scratch) => {
  const redis = await startRedisServer();
  say(
    `  ${versionOf('bullmq')}, ${versionOf('ioredis')}, Redis ${redis.version} on a socket, nothing persisted; concurrency ${String(concurrency)}, 12 connections`,
  );
  const child = fork(fileURLToPath(new URL('queuesProcess.ts', import.meta.url)), [redis.socket, String(concurrency)]);
  const next = <T>(): Promise<T> =>
    new Promise((resolve, reject) => {
      const ended = (): void => reject(new Error('the queues ended'));
      child.once('exit', ended);
      child.once('message', (message) => {
        child.off('exit', ended);
        resolve(message as T);
      });
    });
  await next();
  const counter = await startMailCounter();
  const service = await startService(join(scratch, 'data'), counter, profile === 1);

  const whole = async (round: number): Promise<Turn> => {
    const [before, cpuBefore, began] = [counter.mails(), service.cpuMs(), performance.now()];
    await byCallers(callers, notifications, (index) => service.notify(addressOf(round, index), index));
    await eventually('all mails have arrived', () => (counter.mails() - before >= notifications ? true : undefined), {
      deadlineMs: 60_000 + notifications * 20,
      seen: counter.mails,
    });
    const ms = performance.now() - began;
    must(counter.mails() - before === notifications && counter.people() === counter.mails(), 'everybody has one mail');
    return { count: notifications, ms, cpuMs: service.cpuMs() - cpuBefore };
  };
  const queued = async (round: number): Promise<Turn> => {
    const [answer, redisBefore] = [next<Turn>(), cpuMsOf(redis.pid())];
    child.send({ jobs: notifications, callers, round } satisfies QueuesTask);
    const turn = await answer;
    say(`    (and ${String(Math.round((1000 * (cpuMsOf(redis.pid()) - redisBefore)) / notifications))} µs of Redis's processor each)`);
    return turn;
  };
  await compete({
    bench: 'e2e-single',
    unit: 'messages/s',
    rounds,
    ours: { name: 'single POSTs to delivered', turn: whole },
    rivals: [{ name: 'four BullMQ queues in series', goal: 1.2, turn: queued }],
  });
  await service.stop();
  await counter.close();
  child.disconnect();
  await redis.close();
});
