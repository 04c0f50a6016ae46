import { beforeEach, describe, expect, test } from 'vitest';
import { notificationControls } from '../../src/commands/controlNotifications.ts';
import type { EventLog } from '../../src/commands/ports.ts';
import { PortError } from '../../src/domain/kernel/portError.ts';
import { isRejection } from '../../src/domain/kernel/rejection.ts';
import type { NotificationId } from '../../src/domain/values/ids.ts';
import { plusMs, type Instant } from '../../src/domain/values/instant.ts';
import { openDispatch, type DispatchBench } from '../support/dispatchBench.ts';
import { ACME, caller, START } from '../support/house.ts';
import { workOf } from '../support/memoryActions.ts';

let bench: DispatchBench;
let controls: ReturnType<typeof notificationControls>;
/** What the caller's key leads to. */
let byKey: Map<string, readonly NotificationId[]>;
let pauses: number[];
/** Instead of the log's own. */
let append: EventLog['append'] | undefined;
/** Streams that were asked for. */
let read: number;

beforeEach(async () => {
  bench = await openDispatch();
  byKey = new Map();
  pauses = [];
  append = undefined;
  read = 0;
  const { log, clock, ids, indexes, subjects } = bench.house;
  controls = notificationControls({
    log: { read: (streams) => ((read += streams.length), log.read(streams)), append: (writes) => (append ?? log.append)(writes) },
    clock,
    ids,
    indexes,
    subjects,
    // Two a page.
    findByKey: (_, key, after) => {
      const all = byKey.get(key) ?? [];
      const from = after === undefined ? 0 : all.indexOf(after) + 1;
      return Promise.resolve(all.slice(from, from + 2));
    },
    pause: async (ms) => {
      pauses.push(ms);
      clock.advance(ms);
      await new Promise((resolve) => setImmediate(resolve));
    },
  });
});
const code = (it: object): unknown => (isRejection(it) ? it.rejected : it);
const without = (it: object): object => {
  const { position, ...rest } = it as { position?: string };
  expect(position).toMatch(/^\d+$/);
  return rest;
};

describe('cancelling', () => {
  test('ends what waits, and says what was too late', async () => {
    const id = await bench.request({ people: 3 });
    bench.provider.script = ({ message }) =>
      message.to === 'p0@example.com' ? undefined : { outcome: 'refused', kind: 'transient', code: 'no' };
    await bench.drain();
    expect(without(await controls.cancel(caller(), id, { reason: 'by mistake' }))).toStrictEqual({
      cancelled: 2,
      alreadySent: 1,
      pending: false,
    });
    await bench.onwards(3);
    expect(bench.provider.ledger).toHaveLength(1);
  });

  test('answers when what is in flight has been answered', async () => {
    const id = await bench.request();
    let cancellation: Promise<object> | undefined;
    bench.provider.script = async () => {
      cancellation = controls.cancel(caller(), id);
      for (let turns = 0; turns < 3; turns += 1) await new Promise((resolve) => setImmediate(resolve));
      return { outcome: 'refused', kind: 'transient', code: 'no' };
    };
    await bench.work('plan');
    expect(without((await cancellation)!)).toStrictEqual({ cancelled: 1, alreadySent: 0, pending: false });
  });

  test('is pending when that takes too long, and never a false “cancelled”', async () => {
    const id = await bench.request();
    bench.provider.script = () => new Promise(() => undefined);
    void bench.effect((await bench.claim('plan'))!, new AbortController().signal);
    while (bench.provider.calls.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(without(await controls.cancel(caller(), id))).toStrictEqual({ cancelled: 0, alreadySent: 0, pending: true });
    // Five seconds, a look after ever longer pauses.
    expect(pauses).toStrictEqual([50, 100, 200, 400, 800, 800, 800, 800, 800, 250]);
  });

  test('of what has gone is refused, and of what is unknown too', async () => {
    const id = await bench.request();
    await bench.drain();
    expect(code(await controls.cancel(caller(), id))).toBe('nothing_to_cancel');
    expect(code(await controls.cancel(caller(), '01900000-0000-7000-8000-00000000ffff' as NotificationId))).toBe('notification_not_found');
  });

  test('twice is the same', async () => {
    const id = await bench.request();
    const first = await controls.cancel(caller(), id);
    expect(await controls.cancel(caller(), id)).toStrictEqual(first);
  });

  describe('by the caller’s own key', () => {
    const named = async (...ids: readonly NotificationId[]): Promise<void> => {
      const [hash] = await bench.house.indexes.hash(ACME, 'key', ['order-1']);
      byKey.set(hash!, ids);
    };
    test('cancels everything that was requested under it', async () => {
      await named(await bench.request({ people: 2 }), await bench.request());
      expect(without(await controls.cancelByKey(caller(), { key: 'order-1' }))).toStrictEqual({
        cancelled: 3,
        alreadySent: 0,
        pending: false,
      });
    });
    test('however much that is, and a page in which nothing is left ends nothing', async () => {
      const gone = [await bench.request(), await bench.request()];
      await bench.drain();
      const waiting = [];
      for (let count = 0; count < 3; count += 1) waiting.push(await bench.request());
      await named(...gone, ...waiting);
      expect(await controls.cancelByKey(caller(), { key: 'order-1' })).toMatchObject({ cancelled: 3, alreadySent: 2, pending: false });
      for (const id of waiting) expect(await bench.statuses(id)).toStrictEqual({ 0: 'cancelled' });
    });
    test('and reads each once, asked again too', async () => {
      await named(await bench.request(), await bench.request(), await bench.request());
      const reads = [];
      for (let time = 0; time < 2; time += 1) {
        read = 0;
        expect(await controls.cancelByKey(caller(), { key: 'order-1' })).toMatchObject({ cancelled: 3, alreadySent: 0, pending: false });
        reads.push(read);
      }
      expect(reads).toStrictEqual([3, 3]);
    });
    test('but not after its caller has gone, and not for ever', async () => {
      const ids = [await bench.request(), await bench.request(), await bench.request()];
      await named(...ids);
      await expect(controls.cancelByKey(caller(), { key: 'order-1' }, { signal: AbortSignal.abort() })).rejects.toMatchObject({
        code: 'cancel_unfinished',
      });
      expect(await bench.statuses(ids[0]!)).toStrictEqual({ 0: 'new' });
      append = (writes) => {
        bench.house.clock.advance(30_000);
        return bench.house.log.append(writes);
      };
      await expect(controls.cancelByKey(caller(), { key: 'order-1' })).rejects.toMatchObject({ code: 'cancel_unfinished' });
      expect(await Promise.all(ids.map((id) => bench.statuses(id)))).toStrictEqual([{ 0: 'cancelled' }, { 0: 'cancelled' }, { 0: 'new' }]);
    });
    test('and one that cannot be cancelled keeps no other from it', async () => {
      const ids = [await bench.request(), await bench.request()];
      await named(...ids);
      append = async (writes) => {
        const results = await bench.house.log.append(writes.filter(({ stream }) => !stream.includes(ids[0]!)));
        return [{ ok: false, conflict: false, error: new PortError('unavailable', 'append_open', 'in this test') }, ...results];
      };
      await expect(controls.cancelByKey(caller(), { key: 'order-1' })).rejects.toMatchObject({ code: 'append_open' });
      expect(await bench.statuses(ids[1]!)).toStrictEqual({ 0: 'cancelled' });
    });
    test('or what some people would have got of it', async () => {
      const id = await bench.request({ people: 3 });
      await named(id, await bench.request({ people: [{ name: 'zoe' }] }));
      expect(without(await controls.cancelByKey(caller(), { key: 'order-1', recipientIds: ['p1', 'nobody'] }))).toStrictEqual({
        cancelled: 1,
        alreadySent: 0,
        pending: false,
      });
      expect(await bench.statuses(id)).toStrictEqual({ 0: 'new', 8: 'cancelled', 16: 'new' });
    });
    test('goes on past what has gone, and is refused only if all has', async () => {
      const gone = await bench.request();
      await bench.drain();
      await named(gone, await bench.request());
      expect(without(await controls.cancelByKey(caller(), { key: 'order-1' }))).toStrictEqual({
        cancelled: 1,
        alreadySent: 1,
        pending: false,
      });
      await named(gone);
      expect(code(await controls.cancelByKey(caller(), { key: 'order-1' }))).toBe('nothing_to_cancel');
    });
    test('of nothing is not found', async () => {
      expect(code(await controls.cancelByKey(caller(), { key: 'order-2' }))).toBe('notification_not_found');
      await named(await bench.request());
      expect(code(await controls.cancelByKey(caller(), { key: 'order-1', recipientIds: ['nobody'] }))).toBe('nothing_to_cancel');
    });
  });
});

describe('rescheduling', () => {
  test('moves what waits', async () => {
    const id = await bench.request({ people: 2 });
    const at = plusMs(START, 3_600_000);
    expect(without(await controls.reschedule(caller(), id, { at }))).toStrictEqual({ moved: 2 });
    await bench.consume();
    expect(workOf(bench.actions.rows())).toStrictEqual([`plan 0 ${at}`, `plan 8 ${at}`]);
    expect(await controls.reschedule(caller(), id, { at })).toMatchObject({ moved: 0 });
  });
  test('to a local time is worked out, and into the past is now', async () => {
    const id = await bench.request();
    await controls.reschedule(caller(), id, { local: '2026-12-01T09:00', timeZone: 'Europe/Vienna' });
    await bench.consume();
    expect(bench.actions.rows().map(({ dueAt }) => dueAt)).toStrictEqual(['2026-12-01T08:00:00.000Z']);
    await controls.reschedule(caller(), id, { at: '2020-01-01T00:00:00.000Z' as Instant });
    await bench.drain();
    expect(await bench.statuses(id)).toStrictEqual({ 0: 'sent' });
  });
  test('of what is under way is refused', async () => {
    const id = await bench.request();
    await bench.drain();
    expect(code(await controls.reschedule(caller(), id, { at: plusMs(START, 1) }))).toBe('nothing_to_reschedule');
  });
});

describe('redriving', () => {
  test('sends dead letters on their way again, all or one', async () => {
    const id = await bench.request({ people: 3 });
    bench.provider.script = () => ({ outcome: 'refused', kind: 'permanent', code: 'no' });
    await bench.drain();
    bench.provider.script = () => undefined;
    expect(without(await controls.redrive(caller(), id, [8]))).toStrictEqual({ moved: 1 });
    await bench.drain();
    expect(await bench.statuses(id)).toStrictEqual({ 0: 'failed', 8: 'sent', 16: 'failed' });
    expect(without(await controls.redrive(caller(), id, undefined, 'mended'))).toStrictEqual({ moved: 2 });
    await bench.drain();
    expect(await bench.statuses(id)).toStrictEqual({ 0: 'sent', 8: 'sent', 16: 'sent' });
    expect(code(await controls.redrive(caller(), id))).toBe('nothing_to_redrive');
  });
});
