import { afterEach, expect, test } from 'vitest';
import { tailReader, type Member, type TailOptions, type TailReader } from '../../src/consumers/tailReader.ts';
import { watchdog } from '../../src/consumers/watchdog.ts';
import type { Checkpoint } from '../../src/consumers/position.ts';
import { happened, systemTime, until } from '../support/consumers.ts';
import { memoryFeed, positionAt, type MemoryFeed } from '../support/memoryFeed.ts';

const open: TailReader[] = [];
afterEach(() => {
  for (const tail of open.splice(0)) tail.stop();
});
const reader = (feed: MemoryFeed, more: Partial<TailOptions> = {}): TailReader => {
  const tail = tailReader({ feed, time: systemTime, filter: {}, ...more });
  open.push(tail);
  return tail;
};

/** Takes whatever there is, or only what it is told to. */
function follower(tail: TailReader, after: Checkpoint, how: { readonly noun?: string; readonly byHand?: boolean } = {}) {
  const seen: string[] = [];
  let at: Checkpoint = after;
  const take = (): boolean => {
    const batch = member.take(500);
    if (!batch) return false;
    seen.push(...batch.events.map(({ position }) => position));
    at = batch.upTo;
    return true;
  };
  let isByHand = how.byHand === true;
  const ready = (): void => {
    queueMicrotask(() => {
      if (!isByHand) while (take());
    });
  };
  const member: Member = tail.join(after, how.noun === undefined ? {} : { nouns: [how.noun] }, ready);
  return {
    seen,
    at: () => at,
    member,
    take,
    setFree: () => {
      isByHand = false;
      ready();
    },
  };
}
const fill = (feed: MemoryFeed, count: number, noun: 'template' | 'audit' = 'template', items = 0): string[] => {
  const from = feed.log().length;
  for (let i = 0; i < count; i += 1) feed.add(happened('Filled', { items: Array.from({ length: items }, () => 0) }, { noun }));
  return feed
    .log()
    .slice(from)
    .map(({ position }) => position);
};

test('consumers that stand at the same place share one reading of the log', async () => {
  const feed = memoryFeed();
  const all = fill(feed, 1_200);
  const tail = reader(feed);
  const followers = [follower(tail, 'start'), follower(tail, 'start'), follower(tail, 'start')];
  await until(() => followers.every(({ seen }) => seen.length === 1_200));
  expect(followers.map(({ seen }) => seen)).toStrictEqual([all, all, all]);
  expect(feed.handedOut()).toStrictEqual({ subscribed: 1_200, paged: 0 });
});

test('each gets its own nouns, and passes the rest', async () => {
  const feed = memoryFeed();
  const tail = reader(feed);
  const [templates, audits] = [follower(tail, 'start', { noun: 'template' }), follower(tail, 'start', { noun: 'audit' })];
  const [first, second] = [fill(feed, 3), fill(feed, 2, 'audit')];
  await until(() => templates.at() === positionAt(5) && audits.at() === positionAt(5));
  expect([templates.seen, audits.seen]).toStrictEqual([first, second]);
});

test('one that lies far behind reads on its own, misses nothing and joins the others at the head', async () => {
  const feed = memoryFeed();
  const early = fill(feed, 5_000);
  const tail = reader(feed, { maxWaiting: 600 });
  const ahead = follower(tail, positionAt(5_000));
  await until(() => tail.at() === positionAt(5_000));
  const behind = follower(tail, 'start');
  const middle = fill(feed, 50);
  await until(() => behind.seen.length === 5_050);
  const paged = feed.handedOut().paged;
  const late = fill(feed, 50);
  await until(() => behind.seen.length === 5_100 && ahead.seen.length === 100);
  expect([ahead.seen, behind.seen]).toStrictEqual([
    [...middle, ...late],
    [...early, ...middle, ...late],
  ]);
  expect(feed.handedOut().paged).toBe(paged);
});

test('a slow consumer bounds what is read ahead, and holds up the others for a moment only', async () => {
  const feed = memoryFeed(100);
  const tail = reader(feed, { maxWaiting: 300, patienceMs: 50 });
  const slow = follower(tail, 'start', { byHand: true });
  const fast = follower(tail, 'start');
  await until(() => tail.at() !== undefined);
  const all = fill(feed, 3_000);
  await until(() => tail.heldUp());
  // It has not been asked for more than what its place holds and one page.
  expect(feed.handedOut().subscribed).toBeLessThanOrEqual(400);
  await until(() => fast.seen.length === 3_000);
  expect(slow.seen).toStrictEqual([]);
  slow.setFree();
  await until(() => slow.seen.length === 3_000);
  expect([fast.seen, slow.seen]).toStrictEqual([all, all]);
});

test('the only consumer is waited for, however slow', async () => {
  const feed = memoryFeed(100);
  const tail = reader(feed, { maxWaiting: 300, patienceMs: 1 });
  const slow = follower(tail, 'start', { byHand: true });
  const all = fill(feed, 1_000);
  await until(() => tail.heldUp());
  slow.setFree();
  await until(() => slow.seen.length === 1_000);
  expect([slow.seen, feed.handedOut()]).toStrictEqual([all, { subscribed: 1_000, paged: 0 }]);
});

test('large events count for what they hold', async () => {
  const feed = memoryFeed(10);
  const tail = reader(feed, { maxWaiting: 5_000 });
  follower(tail, 'start', { byHand: true });
  fill(feed, 200, 'template', 500);
  await until(() => tail.heldUp());
  expect(feed.handedOut().subscribed).toBeLessThanOrEqual(20);
});

test('one at the head moves a subscription that is still far behind', async () => {
  const feed = memoryFeed(100);
  fill(feed, 2_000);
  const tail = reader(feed, { maxWaiting: 300, patienceMs: 20 });
  const stuck = follower(tail, 'start', { byHand: true });
  await until(() => tail.heldUp());
  const current = follower(tail, positionAt(2_000));
  const late = fill(feed, 5);
  await until(() => current.seen.length === 5);
  expect(current.seen).toStrictEqual(late);
  stuck.setFree();
  await until(() => stuck.seen.length === 2_005);
});

test('one that stands beyond the end of the log fails, and says why', async () => {
  const feed = memoryFeed();
  fill(feed, 3);
  const tail = reader(feed);
  const beyond = follower(tail, positionAt(9));
  await until(() => beyond.member.failed() !== undefined);
  expect(beyond.member.failed()).toBe('position_beyond_head');
});

test('a subscription that has died without a word is made anew', async () => {
  const feed = memoryFeed();
  const tail = reader(feed);
  const one = follower(tail, 'start');
  const early = fill(feed, 2);
  await until(() => one.seen.length === 2);
  let stalls = 0;
  const end = watchdog({ feed, time: systemTime, tail, everyMs: 20, onStall: () => (stalls += 1) });
  feed.stall(true);
  const late = fill(feed, 2);
  await until(() => stalls > 0);
  feed.stall(false);
  await until(() => one.seen.length === 4);
  end();
  expect(one.seen).toStrictEqual([...early, ...late]);
});

test('a log that is silent is no stall', async () => {
  const feed = memoryFeed();
  const tail = reader(feed);
  const one = follower(tail, 'start');
  fill(feed, 2);
  await until(() => one.seen.length === 2);
  let [stalls, looks] = [0, 0];
  const time = { ...systemTime, after: (ms: number, run: () => void) => ((looks += 1), systemTime.after(ms, run)) };
  const end = watchdog({ feed, time, tail, everyMs: 5, onStall: () => (stalls += 1) });
  await until(() => looks > 6);
  end();
  expect(stalls).toBe(0);
});
