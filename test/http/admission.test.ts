import { expect, test } from 'vitest';
import { QUEUE_BYTES } from '../../src/adapters/eventstore/pendingAppends.ts';
import { ADMISSION, createAdmission, type AdmissionLimits, type Place } from '../../src/http/admission.ts';
import { trusted } from '../../src/domain/values/ids.ts';
import { isRefusal } from '../../src/http/problems.ts';

function opened(limits: Partial<AdmissionLimits>) {
  const load = { bytesWaiting: 0, actionsDue: 0, eventLoopDelayMs: 0 };
  const gauges = {
    bytesWaiting: () => load.bytesWaiting,
    actionsDue: () => load.actionsDue,
    eventLoopDelayMs: () => load.eventLoopDelayMs,
  };
  let now = 0;
  const admission = createAdmission(gauges, { ...ADMISSION, ...limits }, { epochMs: () => now });
  const enter = (kind: Parameters<typeof admission.enter>[0]): (() => void) | string => {
    const it = admission.enter(kind);
    return isRefusal(it) ? `${it.rejected}: ${it.detail}` : () => it.leave(202);
  };
  const place = (): Place => {
    const it = admission.enter('command');
    if (isRefusal(it)) throw new Error(it.detail);
    return it;
  };
  const share = (tenant: string, bytes: number): (() => void) | string => {
    const it = admission.share(trusted(tenant), bytes);
    return isRefusal(it) ? it.detail : it;
  };
  return { load, enter, place, share, passMs: (ms: number) => void (now += ms) };
}

test('so many requests are let in, so many uploads of them, and a place is free again once', () => {
  const { enter } = opened({ requests: 3, uploads: 1 });
  const [upload, read] = [enter('upload'), enter('read')];
  expect(enter('upload')).toBe('overloaded: Too many uploads are under way: try again after Retry-After.');
  expect(enter('command')).toBeTypeOf('function');
  expect(enter('read')).toBe('overloaded: Too many requests are in flight: try again after Retry-After.');
  if (typeof upload === 'string' || typeof read === 'string') throw new Error('refused');
  upload();
  upload();
  expect(enter('upload')).toBeTypeOf('function');
  expect(enter('read')).toBe('overloaded: Too many requests are in flight: try again after Retry-After.');
  read();
  expect(enter('read')).toBeTypeOf('function');
});

test('of the bytes of files that are held, one tenant has half at the most, and they are free again once', () => {
  const { share } = opened({ uploadBytes: 100 });
  const REFUSED = 'The files of this tenant that are under way are too large: try again after Retry-After.';
  const [first, second] = [share('a', 25), share('a', 25)];
  expect([share('a', 25), typeof share('b', 25), share('b', 25), typeof share('a', 0)]).toStrictEqual([
    REFUSED,
    'function',
    REFUSED,
    'function',
  ]);
  if (typeof first === 'string' || typeof second === 'string') throw new Error('refused');
  first();
  first();
  expect(share('a', 26)).toBe(REFUSED);
  expect(share('a', 25)).toBeTypeOf('function');
});

test('at a limit one is let in, past it not; a read needs neither the log nor who sends', () => {
  const limits = { bytesWaiting: 10, actionsDue: 20, eventLoopDelayMs: 30 };
  const { load, enter } = opened(limits);
  Object.assign(load, limits);
  expect([enter('command'), enter('read')].map((it) => typeof it)).toStrictEqual(['function', 'function']);
  const past = (more: Partial<typeof load>) => {
    Object.assign(load, limits, more);
    return (['command', 'upload', 'read'] as const).map((kind) => typeof enter(kind));
  };
  expect(past({ bytesWaiting: 11 })).toStrictEqual(['string', 'string', 'function']);
  expect(past({ actionsDue: 21 })).toStrictEqual(['string', 'string', 'function']);
  expect(past({ eventLoopDelayMs: 31 })).toStrictEqual(['string', 'string', 'string']);
});

test('the log’s queue is never full before admission lets nobody in: it has room for those who are in already', () => {
  expect(ADMISSION.bytesWaiting).toBeLessThanOrEqual(QUEUE_BYTES / 2);
});

test('commands that all have to wait are few at once; one that is slow by itself says nothing', () => {
  const { enter, passMs } = opened({ commandMs: 1000, fewCommands: 2 });
  const command = (): (() => void) => {
    const leave = enter('command');
    if (typeof leave === 'string') throw new Error(leave);
    return leave;
  };
  const WAIT = 'overloaded: Commands wait too long: try again after Retry-After.';
  const [slow, quick, third] = [command(), command(), command()];
  passMs(900);
  quick();
  passMs(9000);
  slow();
  third();
  // The fastest of the last second or two took ten: two may go on, a read goes always.
  const [a, b] = [command(), command()];
  expect([enter('command'), typeof enter('read'), typeof enter('upload')]).toStrictEqual([WAIT, 'function', 'function']);
  // That none ends any more is no better news.
  passMs(30_000);
  expect(enter('command')).toBe(WAIT);
  a();
  command()();
  // One that was quick is enough to know that nobody stands in a queue.
  expect([enter('command'), enter('command')].map((it) => typeof it)).toStrictEqual(['function', 'function']);
  b();
});

test('the time that a caller takes for its body is no queue', async () => {
  const { enter, place, passMs } = opened({ commandMs: 1000, fewCommands: 1 });
  const [trickling, broken] = [place(), place()];
  await trickling.body(async () => passMs(20_000));
  await broken
    .body(async () => {
      passMs(20_000);
      throw new RangeError('no more comes');
    })
    .catch((error: unknown) => error);
  broken.leave(408);
  expect(typeof enter('command')).toBe('function');
  // From here on it is ours.
  trickling.leave(202);
  expect(enter('command')).toBe('overloaded: Commands wait too long: try again after Retry-After.');
});

test('one that is refused at once says nothing of those who wait, one that had to wait does', () => {
  const { enter, place, passMs } = opened({ commandMs: 1000, fewCommands: 1 });
  const [slow, refused, last] = [place(), place(), place()];
  refused.leave(401);
  passMs(2_000);
  slow.leave(202);
  expect(typeof enter('command')).toBe('string');
  passMs(5_000);
  last.leave(404);
  place().leave(422);
  expect(typeof enter('command')).toBe('function');
  expect(typeof enter('command')).toBe('string');
});
