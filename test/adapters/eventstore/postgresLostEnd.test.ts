import { expect, test } from 'vitest';
import { OnDisk } from '../../../src/adapters/eventstore/postgres/onDisk.ts';
import { Pages, type Queryable } from '../../../src/adapters/eventstore/postgres/pages.ts';
import { Wakeups } from '../../../src/adapters/eventstore/postgres/wakeups.ts';
import type { OnNotify } from '../../../src/adapters/postgres/notify.ts';
import { positionOf } from '../../../src/adapters/eventstore/positions.ts';

const LIMITS = { events: 10, bytes: 1_000, window: 100 };

/** A log of which only its head is known, and the statements that it was asked. */
function aLog(head: number) {
  const log = { head, asked: [] as string[] };
  const query = ({ name }: { readonly name: string }): Promise<unknown> => {
    log.asked.push(name);
    const none = Array.from({ length: 8 }, () => null);
    return Promise.resolve({ rows: [name === 'log_page' ? [String(log.head), ...none] : [String(log.head)]] });
  };
  const onDisk = new OnDisk();
  return { log, onDisk, pages: new Pages({ query } as unknown as Queryable, 1_000, onDisk) };
}

test('a log that ends before what was known to be on disk, since a standby without its end took over, is asked anew what is there', async () => {
  const { log, onDisk, pages } = aLog(10);
  onDisk.reached(10);
  expect(await pages.head()).toBe(positionOf(10));
  expect(log.asked).toStrictEqual(['log_head']);
  log.head = 7;
  expect(await pages.head()).toBe(positionOf(7));
  expect([onDisk.upTo, log.asked]).toStrictEqual([7, ['log_head', 'log_head', 'log_flush']]);
});

test('a page that finds out hands on only what is on disk there', async () => {
  const { log, onDisk, pages } = aLog(7);
  onDisk.reached(10);
  const page = await pages.after(positionOf(5), {}, LIMITS);
  expect(page).toStrictEqual({ events: [], upTo: positionOf(7), caughtUp: true });
  expect([onDisk.upTo, log.asked]).toStrictEqual([7, ['log_page', 'log_head', 'log_flush', 'log_page']]);
});

test('a reader who has come further than that is told so', async () => {
  const { onDisk, pages } = aLog(7);
  onDisk.reached(10);
  await expect(pages.after(positionOf(9), {}, LIMITS)).rejects.toMatchObject({ kind: 'invalid', code: 'position_beyond_head' });
});

test('what anybody else notifies on the channel of the log, and is no number, says nothing of what is on disk', async () => {
  const onDisk = new OnDisk();
  let heard: OnNotify = () => undefined;
  const subscribe = (_: string, it: OnNotify): Promise<() => void> => {
    heard = it;
    return Promise.resolve(() => undefined);
  };
  const wakeups = new Wakeups({ subscribe }, 1_000, onDisk);
  await wakeups.follow()(positionOf(0), AbortSignal.abort());
  for (const payload of ['7', 'hello', '', '9']) heard(payload);
  expect(onDisk.upTo).toBe(9);
});
