import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from '../support/client.ts';
import { quantile } from '../support/quantile.ts';
import { inScratch } from '../support/scratch.ts';
import { startService } from './caller.ts';
import { addressOf } from './mail.ts';
import { byCallers, figure, introduce, must, optionsOf, say } from './rounds.ts';
import { startMailCounter } from './mailCounter.ts';

/**
 * How long a caller waits for its 202 at half of what the service can deliver, while it delivers. First the capacity: notifications that
 * many callers get delivered. Then requests at half of that rate, evenly, whoever waits: each is timed from the instant at which it was
 * due, so that a stall counts for all that it held up.
 */
const { notifications, seconds, callers, profile } = optionsOf({ notifications: 5_000, seconds: 30, callers: 64, profile: 0 });
const TICK_MS = 5;

introduce(
  'accept',
  `capacity by ${String(notifications)} notifications of ${String(callers)} callers, then ${String(seconds)} s at half of it`,
);
await inScratch('bench', async (scratch) => {
  const counter = await startMailCounter();
  const service = await startService(join(scratch, 'data'), counter, profile === 1);
  let asked = 0;
  const delivered = async (): Promise<void> => {
    await eventually('all mails have arrived', () => (counter.mails() >= asked ? true : undefined), {
      deadlineMs: 60_000 + asked * 20,
      seen: counter.mails,
    });
    must(counter.mails() === asked && counter.people() === asked, 'everybody has one mail');
  };
  const capacity = async (round: number, count: number): Promise<number> => {
    asked += count;
    const began = performance.now();
    await byCallers(callers, count, (index) => service.notify(addressOf(round, index), index));
    await delivered();
    return count / ((performance.now() - began) / 1000);
  };
  say(`  warm-up: ${String(Math.round(await capacity(0, Math.ceil(notifications / 4))))} delivered a second`);
  const most = await capacity(1, notifications);
  figure('accept', 'capacity, accepted and delivered', most, 'notifications/s');

  const rate = most / 2;
  const waits: Promise<number>[] = [];
  const [began, cpuBefore] = [performance.now(), service.cpuMs()];
  for (let now = 0; now < seconds * 1000; now = performance.now() - began) {
    for (; (waits.length * 1000) / rate <= now; asked += 1) {
      const dueAt = began + (waits.length * 1000) / rate;
      waits.push(service.notify(addressOf(2, waits.length), waits.length).then(() => performance.now() - dueAt));
    }
    await pause(TICK_MS);
  }
  const sorted = (await Promise.all(waits)).sort((a, b) => a - b);
  const arrivedInTime = counter.mails() / asked;
  await delivered();
  const cpuMs = service.cpuMs() - cpuBefore;
  figure('accept', 'asked at half of it', rate, 'notifications/s');
  figure('accept', 'p50', quantile(sorted, 0.5), 'ms');
  figure('accept', 'p99', quantile(sorted, 0.99), 'ms', 'aim < 50');
  figure('accept', 'the longest', sorted.at(-1) ?? 0, 'ms');
  figure('accept', 'already delivered when the last was accepted', 100 * arrivedInTime, '%');
  figure('accept', 'processor', (1000 * cpuMs) / sorted.length, 'µs each');
  await service.stop();
  await counter.close();
});
