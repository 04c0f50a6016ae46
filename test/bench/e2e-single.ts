import { fork } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually } from '../support/client.ts';
import { cpuMsOf } from '../support/processUse.ts';
import { inScratch } from '../support/scratch.ts';
import { startService } from './caller.ts';
import { addressOf } from './mail.ts';
import { versionOf } from './peers.ts';
import type { QueuesTask } from './queuesProcess.ts';
import { startRedis } from './redis.ts';
import { byCallers, compete, introduce, must, optionsOf, say, type Turn } from './rounds.ts';
import { startSink } from './sink.ts';

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

introduce('e2e-single', `${String(notifications)} notifications a turn, ${String(callers)} callers`);
await inScratch('bench', async (scratch) => {
  const redis = await startRedis(scratch);
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
  const sink = await startSink();
  const service = await startService(join(scratch, 'data'), sink, profile === 1);

  const whole = async (round: number): Promise<Turn> => {
    const [before, cpuBefore, began] = [sink.mails(), service.cpuMs(), performance.now()];
    await byCallers(callers, notifications, (index) => service.notify(addressOf(round, index), index));
    await eventually('all mails have arrived', () => (sink.mails() - before >= notifications ? true : undefined), {
      deadlineMs: 60_000 + notifications * 20,
      seen: sink.mails,
    });
    const ms = performance.now() - began;
    must(sink.mails() - before === notifications && sink.people() === sink.mails(), 'everybody has one mail');
    return { count: notifications, ms, cpuMs: service.cpuMs() - cpuBefore };
  };
  const queued = async (round: number): Promise<Turn> => {
    const [answer, redisBefore] = [next<Turn>(), cpuMsOf(redis.pid)];
    child.send({ jobs: notifications, callers, round } satisfies QueuesTask);
    const turn = await answer;
    say(`    (and ${String(Math.round((1000 * (cpuMsOf(redis.pid) - redisBefore)) / notifications))} µs of Redis's processor each)`);
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
  await sink.close();
  child.disconnect();
  await redis.stop();
});
