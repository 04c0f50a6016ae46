import { beforeEach, describe, expect, test } from 'vitest';
import { PortError } from '../../../src/domain/kernel/portError.ts';
import type { NotificationId } from '../../../src/domain/values/ids.ts';
import { plusMs } from '../../../src/domain/values/instant.ts';
import type { SendResult } from '../../../src/processes/dispatch/provider.ts';
import { dispatchEffect } from '../../../src/processes/dispatch/effects.ts';
import type { Claim } from '../../../src/processes/process.ts';
import { openDispatch, type DispatchBench } from '../../support/dispatchBench.ts';
import { fakeProvider } from '../../support/fakeProvider.ts';
import { START } from '../../support/house.ts';
import { workOf } from '../../support/memoryActions.ts';

let bench: DispatchBench;
beforeEach(async () => {
  bench = await openDispatch();
});
const cancel = (id: NotificationId) => bench.command(id, { type: 'CancelNotification', data: { now: bench.house.clock.now() } });
const types = async (id: NotificationId) => (await bench.events(id)).map(({ type }) => type);
const keys = (): readonly string[] => bench.provider.ledger.map(({ key }) => key);
const run = (claim: Claim): Promise<unknown> => bench.effect(claim, new AbortController().signal);
const NEVER = new Promise<undefined>(() => undefined);
/** Past the end of every claim. */
const leaseOver = (): void => {
  bench.house.clock.advance(30_000);
};

describe('a cancellation that comes', () => {
  test('before anything was started, wins: nothing leaves', async () => {
    const id = await bench.request();
    bench.beforeAppend = (_, nth) => (nth === 0 ? cancel(id) : undefined);
    await bench.work('plan');
    expect(await types(id)).toStrictEqual(['NotificationRequested', 'NotificationCancelled']);
    expect(bench.provider.calls).toStrictEqual([]);
    expect(bench.actions.rows()).toStrictEqual([]);
    expect(bench.told.dropped).toStrictEqual([['conflict', 1]]);
  });

  test('takes only its own notification out of the group', async () => {
    const [first, second] = [await bench.request(), await bench.request()];
    bench.beforeAppend = (_, nth) => (nth === 0 ? cancel(first) : undefined);
    await bench.work('plan');
    expect([await bench.statuses(first), await bench.statuses(second)]).toStrictEqual([{ 0: 'cancelled' }, { 0: 'sent' }]);
    expect(bench.provider.calls).toStrictEqual([1]);
  });

  test('while it is in flight, changes nothing about what was taken', async () => {
    const id = await bench.request();
    bench.provider.script = async () => {
      await cancel(id);
      return undefined;
    };
    await bench.work('plan');
    expect(await types(id)).toStrictEqual([
      'NotificationRequested',
      'DeliveriesPlanned',
      'HandOffStarted',
      'NotificationCancelled',
      'HandOffRecorded',
    ]);
    expect(await bench.statuses(id)).toStrictEqual({ 0: 'sent' });
    expect(bench.actions.rows()).toStrictEqual([]);
  });

  test.each<[string, SendResult, string]>([
    ['was refused for now', { outcome: 'refused', kind: 'transient', code: 'no' }, 'cancelled'],
    ['was refused for good', { outcome: 'refused', kind: 'permanent', code: 'no' }, 'failed'],
    ['got no answer', { outcome: 'unknown', code: 'timeout' }, 'unknown'],
  ])('while it is in flight and %s, lets no further try happen', async (_, result, status) => {
    const id = await bench.request();
    bench.provider.script = async () => {
      await cancel(id);
      return result;
    };
    await bench.work('plan');
    await bench.onwards(3);
    expect(await bench.statuses(id)).toStrictEqual({ 0: status });
    expect(bench.provider.calls).toStrictEqual([1]);
    expect(bench.actions.rows()).toStrictEqual([]);
  });

  test('between two sub-batches, lets the second never start', async () => {
    const id = await bench.request({ people: 8 });
    bench.beforeAppend = (_, nth) => (nth === 1 ? cancel(id) : undefined);
    await bench.work('plan');
    expect(bench.provider.calls).toStrictEqual([5]);
    expect(Object.values(await bench.statuses(id))).toStrictEqual([
      'sent',
      'sent',
      'sent',
      'sent',
      'sent',
      'cancelled',
      'cancelled',
      'cancelled',
    ]);
    expect(bench.actions.rows()).toStrictEqual([]);
  });

  test('while an operator’s word and another worker write too, waits its turn and loses nothing', async () => {
    const id = await bench.request({ people: 6 });
    let left = 5;
    bench.beforeAppend = async (writes, nth) => {
      if (nth === 0 || left === 0) return;
      left -= 1;
      await bench.command(id, { type: 'CancelNotification', data: { now: START, recipients: [left] } });
      expect(writes).toHaveLength(1);
    };
    await bench.work('plan');
    const { 40: last, ...others } = await bench.statuses(id);
    expect(last).toBe('sent');
    expect(Object.values(others).every((status) => status === 'sent')).toBe(true);
    expect(bench.provider.ledger).toHaveLength(6);
  });

  test('after a crash, leaves what was in flight unknown: nobody asks again', async () => {
    bench = await openDispatch({ provider: fakeProvider({ takesKeys: true }) });
    const id = await bench.request();
    bench.provider.script = () => NEVER;
    void run((await bench.claim('plan'))!);
    await started(id);
    await cancel(id);
    leaseOver();
    await bench.drain();
    expect(await bench.statuses(id)).toStrictEqual({ 0: 'unknown' });
    expect(bench.provider.calls).toStrictEqual([1]);
    expect(bench.actions.rows()).toStrictEqual([]);
  });
});

const started = async (id: NotificationId): Promise<void> => {
  for (let looks = 0; looks < 1_000; looks += 1) {
    if ((await types(id)).includes('HandOffStarted') && bench.provider.calls.length > 0) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error('it was never started');
};

describe('a worker that dies with a start in the log', () => {
  test.each([
    ['takes keys', true, 'retry', 1, 'sent'],
    ['takes keys, of a type that holds', true, 'hold', 1, 'sent'],
    ['takes none', false, 'retry', 2, 'sent'],
    ['takes none, of a type that holds', false, 'hold', 1, 'unknown'],
  ] as const)('and a message that the provider took: with one that %s', async (_, takesKeys, unknownOutcome, taken, status) => {
    bench = await openDispatch({ provider: fakeProvider({ takesKeys }) });
    const id = await bench.request({ terms: { unknownOutcome } });
    const send = bench.provider.send.bind(bench.provider);
    bench.provider.send = async (messages) => {
      await send(messages);
      return NEVER as never;
    };
    void run((await bench.claim('plan'))!);
    await started(id);
    await bench.consume();
    expect(workOf(bench.actions.rows())).toStrictEqual([`recover 0 ${plusMs(START, 30_000)}`]);
    bench.provider.send = send;
    // Nobody touches it before the claim is over.
    bench.house.clock.advance(29_999);
    await bench.drain();
    expect(bench.provider.ledger).toHaveLength(1);
    bench.house.clock.advance(1);
    await bench.drain();
    expect(await bench.statuses(id)).toStrictEqual({ 0: status });
    expect(keys()).toStrictEqual(Array.from({ length: taken }, () => `${id}_0.1`));
    expect(bench.actions.rows()).toStrictEqual([]);
  });

  test('goes through the gates again: what has expired meanwhile is unknown', async () => {
    const id = await bench.request({ terms: { expiresAfterMs: 10_000 } });
    bench.provider.script = () => NEVER;
    void run((await bench.claim('plan'))!);
    await started(id);
    leaseOver();
    await bench.drain();
    expect(await bench.statuses(id)).toStrictEqual({ 0: 'unknown' });
  });

  test('in the midst of many doubles at most what was in flight, and recovers it sub-batch by sub-batch', async () => {
    const id = await bench.request({ people: 14 });
    const send = bench.provider.send.bind(bench.provider);
    bench.provider.send = async (messages) => {
      const results = await send(messages);
      return bench.provider.calls.length === 2 ? (NEVER as never) : results;
    };
    void run((await bench.claim('plan'))!);
    while (bench.provider.calls.length < 2) await new Promise((resolve) => setImmediate(resolve));
    bench.provider.send = send;
    leaseOver();
    await bench.drain();
    expect(Object.values(await bench.statuses(id)).every((status) => status === 'sent')).toBe(true);
    const doubled = keys().filter((key, place) => keys().indexOf(key) !== place);
    expect(doubled).toStrictEqual([5, 6, 7, 8, 9].map((index) => `${id}_${String(8 * index)}.1`));
  });

  test('many of them at once are recovered by one claim after the other, none twice', async () => {
    bench = await openDispatch({ provider: fakeProvider({ window: 4 }) });
    const id = await bench.request({ people: 6 });
    bench.provider.script = () => NEVER;
    const claims = [];
    // Three workers die with two messages each.
    for (let worker = 0; worker < 3; worker += 1) {
      const died = await openWorker();
      claims.push(died);
    }
    leaseOver();
    bench.provider.script = () => undefined;
    await bench.drain();
    expect(claims).toHaveLength(3);
    expect(Object.values(await bench.statuses(id)).every((status) => status === 'sent')).toBe(true);
    expect(bench.provider.ledger).toHaveLength(6);
  });
  /** Takes what is due, starts the first sub-batch of it and is never heard of again. */
  const openWorker = async (): Promise<Claim> => {
    const before = bench.provider.calls.length;
    const claim = (await bench.claim('plan')) ?? (await bench.claim('handOff'))!;
    // A process of its own: what it has on its way when it dies is no concern of the others.
    void dispatchEffect(bench.ports)(claim, new AbortController().signal);
    while (bench.provider.calls.length === before) await new Promise((resolve) => setImmediate(resolve));
    bench.actions.putOff(claim.id);
    return claim;
  };
});

describe('a worker that was frozen and comes back', () => {
  const freeze = async (id: NotificationId): Promise<(result: SendResult) => Promise<unknown>> => {
    let thaw: (result: SendResult) => void = () => undefined;
    bench.provider.script = (_, call) =>
      call === 0
        ? new Promise((resolve) => {
            thaw = resolve;
          })
        : { outcome: 'refused', kind: 'transient', code: 'no' };
    const frozen = run((await bench.claim('plan'))!);
    await started(id);
    leaseOver();
    await bench.drain();
    return async (result) => {
      thaw(result);
      return frozen;
    };
  };

  test('with an acceptance, is believed however late, and nobody asks again', async () => {
    const id = await bench.request();
    const thaw = await freeze(id);
    expect(await bench.statuses(id)).toStrictEqual({ 0: 'retry' });
    await thaw({ outcome: 'accepted' });
    await bench.consume();
    expect(await bench.statuses(id)).toStrictEqual({ 0: 'sent' });
    expect(bench.actions.rows()).toStrictEqual([]);
    const calls = bench.provider.calls.length;
    await bench.onwards(3);
    expect(bench.provider.calls).toHaveLength(calls);
  });

  test('with an acceptance, after an operator redrove what seemed lost, ends that too', async () => {
    bench = await openDispatch();
    const id = await bench.request({ terms: { unknownOutcome: 'hold' } });
    const thaw = await freeze(id);
    expect(await bench.statuses(id)).toStrictEqual({ 0: 'unknown' });
    await bench.command(id, { type: 'RedriveDeliveries', data: { now: bench.house.clock.now() } });
    await bench.consume();
    expect(workOf(bench.actions.rows())).toStrictEqual([`plan 0 ${bench.house.clock.now()}`]);
    await thaw({ outcome: 'accepted' });
    await bench.consume();
    expect(await bench.statuses(id)).toStrictEqual({ 0: 'sent' });
    expect(bench.actions.rows()).toStrictEqual([]);
  });

  test.each<SendResult>([
    { outcome: 'refused', kind: 'permanent', code: 'no' },
    { outcome: 'refused', kind: 'transient', code: 'no' },
    { outcome: 'unknown', code: 'timeout' },
  ])('with anything else ($outcome $kind), has nothing to say', async (result) => {
    const id = await bench.request();
    const thaw = await freeze(id);
    const before = await types(id);
    await thaw(result);
    expect(await types(id)).toStrictEqual(before);
  });

  test('hands off nothing more: its next sub-batch belongs to others', async () => {
    const id = await bench.request({ people: 7 });
    let thaw: () => void = () => undefined;
    const frozen = new Promise<undefined>((resolve) => {
      thaw = () => {
        resolve(undefined);
      };
    });
    bench.provider.script = (_, call) => (call === 0 ? frozen : undefined);
    const work = run((await bench.claim('plan'))!);
    await started(id);
    leaseOver();
    thaw();
    await work;
    expect(bench.provider.calls).toStrictEqual([5]);
    bench.provider.script = () => undefined;
    await bench.drain();
    expect(bench.provider.ledger).toHaveLength(7);
  });
});

describe('the log that fails', () => {
  const failing = (error: PortError, times: number) => {
    const append = bench.ports.log.append.bind(bench.ports.log);
    let left = times;
    bench.ports.log.append = async (writes) => {
      if (left-- > 0) return writes.map(() => ({ ok: false, conflict: false, error }));
      return append(writes);
    };
  };
  const away = new PortError('unavailable', 'down', 'the log is away');

  test('for a moment, is asked again with the same ids', async () => {
    const id = await bench.request();
    failing(away, 3);
    await bench.work('plan');
    expect(await bench.statuses(id)).toStrictEqual({ 0: 'sent' });
  });
  test('and cannot be read after another has written too, is read again: no answer is lost', async () => {
    const id = await bench.request();
    const read = bench.ports.log.read.bind(bench.ports.log);
    let failures = 0;
    bench.provider.script = async () => {
      await cancel(id);
      bench.ports.log.read = async (streams) => {
        failures += 1;
        if (failures <= 3) throw away;
        return read(streams);
      };
      return undefined;
    };
    await bench.work('plan');
    expect(failures).toBeGreaterThan(3);
    expect(await bench.statuses(id)).toStrictEqual({ 0: 'sent' });
  });
  test('for longer, before anything left: nothing leaves, and it is tried again', async () => {
    const id = await bench.request();
    failing(away, 100);
    await expect(bench.work('plan')).rejects.toMatchObject({ code: 'no_outcome' });
    expect(bench.provider.calls).toStrictEqual([]);
    failing(away, 0);
    expect(await bench.statuses(id)).toStrictEqual({ 0: 'new' });
  });
  test('for longer, after it left: the start is there to be recovered', async () => {
    const id = await bench.request();
    const append = bench.ports.log.append.bind(bench.ports.log);
    bench.provider.script = () => {
      failing(away, 100);
      return undefined;
    };
    await expect(bench.work('plan')).rejects.toMatchObject({ code: 'no_outcome' });
    bench.ports.log.append = append;
    bench.provider.script = () => undefined;
    expect(await bench.statuses(id)).toStrictEqual({ 0: 'open' });
    leaseOver();
    await bench.drain();
    expect(await bench.statuses(id)).toStrictEqual({ 0: 'sent' });
  });
  test('for one notification of a group, takes no neighbour with it', async () => {
    const [bad, good] = [await bench.request(), await bench.request()];
    const append = bench.ports.log.append.bind(bench.ports.log);
    bench.ports.log.append = async (writes) => {
      const results = await append(writes.filter(({ stream }) => !stream.endsWith(bad)));
      let next = 0;
      return writes.map(({ stream }) =>
        stream.endsWith(bad)
          ? { ok: false, conflict: false, error: new PortError('invalid', 'append_too_large', 'too large') }
          : results[next++]!,
      );
    };
    await expect(bench.work('plan')).rejects.toMatchObject({ code: 'append_too_large' });
    expect([await bench.statuses(bad), await bench.statuses(good)]).toStrictEqual([{ 0: 'new' }, { 0: 'sent' }]);
    expect(bench.provider.ledger).toHaveLength(1);
  });
});

describe('an opt-out', () => {
  test('finds the claim by subject and address from before the facts are read until the claim ends', async () => {
    await bench.request({ terms: {}, data: { batch: { batchId: 'b' as never, chunk: 0 } } });
    const seen: unknown[] = [];
    const look = (): void => {
      // As it is now: the claim goes on to change.
      seen.push(structuredClone([...bench.actions.live().values()]));
    };
    const [key] = await bench.house.indexes.hash('acme' as never, 'address', ['email:p0@example.com']);
    const named = { subjects: [await bench.subject('p0')], addresses: [key] };
    bench.beforeFacts = look;
    bench.provider.script = () => {
      look();
      return undefined;
    };
    await bench.work('plan');
    look();
    expect(seen).toMatchObject([[named], [named], []]);
  });
});

describe('a batch that has been cancelled', () => {
  const batch = { data: { batch: { batchId: 'b' as never, chunk: 0 } } };
  test('has what waits cancelled by whoever comes to it, also what was redriven after it had told its notifications', async () => {
    const id = await bench.request(batch);
    bench.provider.script = () => ({ outcome: 'refused', kind: 'permanent', code: 'no' });
    await bench.drain();
    bench.batchStates.set('b' as never, { status: 'cancelled' });
    await bench.command(id, { type: 'RedriveDeliveries', data: { now: bench.house.clock.now() } });
    await bench.drain();
    expect(await bench.statuses(id)).toStrictEqual({ 0: 'cancelled' });
    expect(bench.actions.rows()).toStrictEqual([]);
    expect(bench.provider.calls).toStrictEqual([1]);
  });
  test('leaves what was in flight unknown, and asks nobody again', async () => {
    const id = await bench.request(batch);
    bench.provider.script = () => NEVER;
    void run((await bench.claim('plan'))!);
    await started(id);
    await cancel(id);
    bench.batchStates.set('b' as never, { status: 'cancelled' });
    leaseOver();
    await bench.drain();
    expect(await bench.statuses(id)).toStrictEqual({ 0: 'unknown' });
    expect(bench.actions.rows()).toStrictEqual([]);
  });
});

test('a recovery and a hand-off of one notification that meet: the one that comes second is overtaken, and comes again', async () => {
  // A crash left eight of twelve people open, and their claim has run out.
  const id = await bench.request({ people: 12 });
  bench.provider.script = () => NEVER;
  void run((await bench.claim('plan'))!);
  await started(id);
  leaseOver();
  bench.provider.script = () => undefined;
  const [recovering, handingOff] = [(await bench.claim('recover'))!, (await bench.claim('handOff'))!];
  let other: Promise<unknown> | undefined;
  bench.beforeAppend = () => {
    bench.beforeAppend = () => undefined;
    other = run(handingOff);
    return other.then(() => undefined);
  };
  expect(await run(recovering)).toBe('overtaken');
  expect(await other).not.toBe('overtaken');
  expect(bench.told.dropped).toStrictEqual([['conflict', 1]]);
});

describe('what is not carried out', () => {
  test('a recovery of a start that another worker has recovered already, though an older row of it is still there', async () => {
    const id = await bench.request();
    bench.provider.script = () => NEVER;
    const first = (await bench.claim('plan'))!;
    void run(first);
    await started(id);
    leaseOver();
    const second = (await bench.claim('recover'))!;
    void run(second);
    while (bench.provider.calls.length < 2) await new Promise((resolve) => setImmediate(resolve));
    expect(await run({ ...second, until: plusMs(START, 90_000) })).toBe('nothing');
    expect(bench.provider.calls).toStrictEqual([1, 1]);
  });
  test('a retry is not made before it is due, though an older row of it is still there', async () => {
    const id = await bench.request();
    bench.provider.script = () => ({ outcome: 'refused', kind: 'transient', code: 'no' });
    const claim = (await bench.claim('plan'))!;
    await run(claim);
    // The consumer lags, and the row of the plan, or of an older hand-off, is claimed again.
    const stale: Claim = { ...claim, kind: 'handOff' };
    expect(await run(stale)).toBe('nothing');
    expect(bench.provider.calls).toStrictEqual([1]);
    expect(await bench.statuses(id)).toStrictEqual({ 0: 'retry' });
  });
});
