import { beforeEach, describe, expect, test } from 'vitest';
import { channelOf } from '../../../src/domain/notification/delivery.ts';
import type { SendResult } from '../../../src/processes/dispatch/provider.ts';
import { ACME, START } from '../../support/house.ts';
import { openDispatch, type DispatchBench } from '../../support/dispatchBench.ts';
import { fakeProvider } from '../../support/fakeProvider.ts';
import { workOf } from '../../support/memoryActions.ts';

let bench: DispatchBench;
beforeEach(async () => {
  bench = await openDispatch();
});
const refused = (kind: 'permanent' | 'transient' | 'throttled', more: object = {}): SendResult => ({
  outcome: 'refused',
  kind,
  code: 'no',
  ...more,
});
const results = async (id: Parameters<DispatchBench['events']>[0]) =>
  (await bench.events(id)).flatMap((event) => (event.type === 'HandOffRecorded' ? event.data.results : []));
/** Of what the gates said, each verdict. */
const traceOf = (events: Awaited<ReturnType<DispatchBench['events']>>) =>
  events.flatMap((event) =>
    event.type === 'DeliveriesPlanned' ? event.data.traces.flat().map(({ gate, verdict }) => `${gate} ${verdict}`) : [],
  );

describe('what is due at once', () => {
  test('is planned, started, handed off and recorded, in three events of two appends', async () => {
    const id = await bench.request({ message: { variables: { name: 'Ana' } } });
    await bench.consume();
    expect(workOf(bench.actions.rows())).toStrictEqual([`plan 0 ${START}`]);
    await bench.work('plan');

    const of = { notificationId: id, requestedAt: START, priority: 'normal' };
    const claim = `019a0000-0000-7000-8000-00000000000${String(3)}`;
    const [, planned, started, recorded] = await bench.events(id);
    expect(planned).toStrictEqual({
      type: 'DeliveriesPlanned',
      data: {
        ...of,
        plannedAt: START,
        traces: [
          [
            { gate: 'address', verdict: 'pass', because: 'the request brought the address' },
            { gate: 'expiry', verdict: 'pass', because: 'it does not expire' },
            { gate: 'schedule', verdict: 'pass', because: 'it may go at once' },
            { gate: 'allowlist', verdict: 'pass', because: 'no allowlist is set' },
            { gate: 'consent', verdict: 'pass', because: 'a transactional message needs no consent' },
            { gate: 'batch', verdict: 'pass', because: 'it belongs to no batch' },
            { gate: 'duplicate', verdict: 'pass', because: 'the request names no dedup key' },
          ],
        ],
        planned: [{ plan: 'go', items: [0], trace: 0 }],
        later: [],
        escalated: [],
      },
    });
    expect(started).toStrictEqual({
      type: 'HandOffStarted',
      data: {
        ...of,
        claim,
        until: '2026-11-21T10:00:30.000Z',
        startedAt: START,
        started: [{ items: [0], attempt: 1, provider: 'smtp', locale: 'en' }],
      },
    });
    expect(recorded).toStrictEqual({
      type: 'HandOffRecorded',
      data: {
        ...of,
        claim,
        recordedAt: START,
        results: [{ items: [0], attempt: 1, provider: 'smtp', result: 'sent', messageIds: [`id of ${id}_0.1`] }],
        details: [],
        escalated: [],
      },
    });
    expect(bench.appends()).toStrictEqual([['DeliveriesPlanned', 'HandOffStarted'], ['HandOffRecorded']]);
    expect(bench.actions.rows()).toStrictEqual([]);
    expect(bench.told.planned).toStrictEqual([{ go: 1 }]);
    expect(bench.provider.ledger).toStrictEqual([
      {
        tenant: ACME,
        notificationId: id,
        deliveryId: `${id}_0`,
        subject: await bench.subject('p0'),
        key: `${id}_0.1`,
        message: {
          channel: 'email',
          from: 'Shop <shop@example.com>',
          to: 'p0@example.com',
          subject: 'Hello Ana',
          text: 'Hi Ana',
          headers: {},
          attachments: [],
        },
      },
    ]);
  });

  test('every event carries the correlation of the request, and the claim as its cause', async () => {
    await bench.request();
    await bench.drain();
    const metas = (await bench.house.recorded()).map(({ meta }) => [meta.correlationId, meta.actor.id]);
    expect(metas).toStrictEqual([
      ['correlation', 'test'],
      ['correlation', 'dispatch'],
      ['correlation', 'dispatch'],
      ['correlation', 'dispatch'],
    ]);
  });

  test('many notifications of one group share each append', async () => {
    const ids = [await bench.request(), await bench.request(), await bench.request()];
    let appends = 0;
    bench.beforeAppend = (writes) => {
      appends += 1;
      expect(writes).toHaveLength(3);
    };
    await bench.drain();
    expect(appends).toBe(2);
    expect(bench.provider.calls).toStrictEqual([3]);
    for (const id of ids) expect(await bench.statuses(id)).toStrictEqual({ 0: 'sent' });
  });

  test('a claim that names nothing that is still to be done does nothing', async () => {
    const id = await bench.request();
    const [stale] = [await bench.claim('plan')];
    await bench.command(id, { type: 'CancelNotification', data: { now: START } });
    expect(await bench.effect(stale!, new AbortController().signal)).toBe('nothing');
    expect(bench.provider.calls).toStrictEqual([]);
  });
});

describe('sub-batches', () => {
  test('are half the window; each is recorded in one append with the start of the next', async () => {
    const id = await bench.request({ people: 12 });
    await bench.work('plan');
    expect(bench.provider.calls).toStrictEqual([5, 5, 2]);
    expect(bench.appends()).toStrictEqual([
      ['DeliveriesPlanned', 'HandOffStarted'],
      ['HandOffRecorded', 'HandOffStarted'],
      ['HandOffRecorded', 'HandOffStarted'],
      ['HandOffRecorded'],
    ]);
    expect(Object.values(await bench.statuses(id)).every((it) => it === 'sent')).toBe(true);
    expect(bench.mostUnrecorded()).toBe(5);
  });

  test('of several notifications start where the one before ended', async () => {
    const ids = [await bench.request({ people: 3 }), await bench.request({ people: 4 })];
    await bench.work('plan');
    expect(bench.provider.calls).toStrictEqual([5, 2]);
    expect((await bench.events(ids[0]!)).map(({ type }) => type)).toStrictEqual([
      'NotificationRequested',
      'DeliveriesPlanned',
      'HandOffStarted',
      'HandOffRecorded',
    ]);
    expect((await bench.events(ids[1]!)).map(({ type }) => type)).toStrictEqual([
      'NotificationRequested',
      'DeliveriesPlanned',
      'HandOffStarted',
      'HandOffRecorded',
      'HandOffStarted',
      'HandOffRecorded',
    ]);
  });

  test('several claims of one process never have more on their way than the window', async () => {
    for (let count = 0; count < 4; count += 1) await bench.request({ people: 20 });
    await bench.consume();
    const claims = bench.actions.due().map(({ id }) => bench.actions.claim('plan', [id])!);
    bench.provider.script = async () => {
      await new Promise((resolve) => setImmediate(resolve));
      return undefined;
    };
    await Promise.all(claims.map((claim) => bench.effect(claim, new AbortController().signal)));
    expect(bench.provider.ledger).toHaveLength(80);
    expect(Math.max(...bench.provider.calls)).toBe(5);
    expect(bench.mostUnrecorded()).toBe(10);
  });

  test('what does not go at once is nobody else’s while its group lives: it is not composed twice', async () => {
    await bench.request({ people: 12 });
    await bench.consume();
    const duringCalls: number[] = [];
    bench.provider.script = async () => {
      await bench.consume();
      duringCalls.push(bench.actions.due().length);
      return undefined;
    };
    const claim = bench.actions.claim('plan')!;
    bench.actions.finish(claim.id, await bench.effect(claim, new AbortController().signal));
    await bench.consume();
    expect(duringCalls).toStrictEqual(Array.from({ length: 12 }, () => 0));
    expect(bench.actions.rows()).toStrictEqual([]);
  });

  test('told to leave off, it records what is out and starts nothing more; the rest goes later, and nobody gets it twice', async () => {
    const id = await bench.request({ people: 12 });
    await bench.consume();
    const stop = new AbortController();
    bench.provider.script = () => {
      stop.abort();
      return undefined;
    };
    const claim = bench.actions.claim('plan', [bench.actions.due()[0]!.id]);
    bench.actions.finish(claim!.id, await bench.effect(claim!, stop.signal));
    expect((await bench.events(id)).slice(1).map(({ type }) => type)).toStrictEqual([
      'DeliveriesPlanned',
      'HandOffStarted',
      'HandOffRecorded',
    ]);
    expect(bench.provider.ledger).toHaveLength(5);
    await bench.drain();
    expect(new Set(bench.provider.ledger.map(({ deliveryId }) => deliveryId)).size).toBe(12);
    expect(bench.provider.ledger).toHaveLength(12);
  });

  test('told to leave off, what the provider has not let go of is recorded as not called, uses up no attempt, and goes later', async () => {
    const id = await bench.request({ people: 12 });
    await bench.consume();
    const stop = new AbortController();
    bench.provider.script = (_message, _call, signal) => {
      if (signal?.aborted === true) return { outcome: 'returned' };
      stop.abort();
      return undefined;
    };
    const claim = bench.actions.claim('plan', [bench.actions.due()[0]!.id]);
    bench.actions.finish(claim!.id, await bench.effect(claim!, stop.signal));
    expect((await results(id)).map(({ result, items, attempt }) => [result, items.length, attempt])).toStrictEqual([
      ['sent', 1, 1],
      ['returned', 4, 1],
    ]);
    expect(bench.told.health).toStrictEqual([true]);
    bench.provider.script = () => undefined;
    await bench.drain();
    expect(bench.provider.ledger.map(({ key }) => key).sort()).toStrictEqual(
      Array.from({ length: 12 }, (_, n) => `${id}_${String(8 * n)}.1`).sort(),
    );
  });

  test('told to leave off while it waits for its turn, it calls nobody, and that says nothing of the provider', async () => {
    const ids = [await bench.request({ people: 5 }), await bench.request({ people: 5 }), await bench.request({ people: 5 })];
    await bench.consume();
    const stop = new AbortController();
    let tell: () => void = () => undefined;
    const isBusy = new Promise<void>((resolve) => (tell = resolve));
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    bench.provider.script = async () => {
      if (bench.provider.calls.length === 2) tell();
      await held;
      return undefined;
    };
    const claims = bench.actions.due().map(({ id }) => bench.actions.claim('plan', [id])!);
    const working = claims.map((claim) => bench.effect(claim, stop.signal));
    await isBusy;
    await expect
      .poll(
        async () => (await Promise.all(ids.map((id) => bench.events(id)))).flat().filter(({ type }) => type === 'HandOffStarted').length,
      )
      .toBe(3);
    stop.abort();
    release();
    await Promise.all(working);
    expect(bench.provider.calls).toStrictEqual([5, 5]);
    expect((await Promise.all(ids.map(results))).map((list) => list.map(({ result }) => result)).sort()).toStrictEqual([
      ['returned'],
      ['sent'],
      ['sent'],
    ]);
    expect(bench.told.health).toStrictEqual([true, true]);
  });

  test('told to leave off before anything is out, it starts nothing', async () => {
    const id = await bench.request();
    await bench.consume();
    const claim = bench.actions.claim('plan', [bench.actions.due()[0]!.id]);
    expect(await bench.effect(claim!, AbortSignal.abort())).toBe('nothing');
    expect((await bench.events(id)).map(({ type }) => type)).toStrictEqual(['NotificationRequested']);
  });

  test('a provider that takes one at a time gets one at a time', async () => {
    bench = await openDispatch({ provider: fakeProvider({ window: 1 }) });
    await bench.request({ people: 3 });
    await bench.drain();
    expect(bench.provider.calls).toStrictEqual([1, 1, 1]);
    expect(bench.mostUnrecorded()).toBe(1);
  });

  test('what the claim has no time left for is left to a later one', async () => {
    const id = await bench.request({ people: 12 });
    bench.provider.script = (_, call) => {
      if (call === 0) bench.house.clock.advance(5_500);
      return undefined;
    };
    await bench.work('plan');
    // 27.5 s have gone by, the provider may take 5: the second sub-batch is not even started.
    expect(bench.provider.calls).toStrictEqual([5]);
    expect(workOf(bench.actions.rows())).toStrictEqual(
      [5, 6, 7, 8, 9, 10, 11].map((index) => `handOff ${String(8 * index)} ${START}`).sort(),
    );
    bench.provider.script = () => undefined;
    await bench.drain();
    expect(bench.provider.ledger).toHaveLength(12);
    expect(Object.values(await bench.statuses(id)).every((it) => it === 'sent')).toBe(true);
  });
});

describe('a claim that has run out', () => {
  test('before it could declare whom it concerns, does nothing', async () => {
    await bench.request();
    const claim = await bench.claim('plan');
    bench.house.clock.advance(30_000);
    expect(await bench.effect(claim!, new AbortController().signal)).toBe('nothing');
    expect(bench.told.dropped).toStrictEqual([['claim_over', 1]]);
    await bench.drain();
    expect(bench.provider.ledger).toHaveLength(1);
  });

  test('before the call, does not call and says so; the next claim does', async () => {
    const id = await bench.request();
    bench.beforeAppend = (_, nth) => {
      if (nth === 0) bench.house.clock.advance(26_000);
    };
    await bench.work('plan');
    expect(bench.provider.calls).toStrictEqual([]);
    expect(await results(id)).toStrictEqual([
      { items: [0], attempt: 1, provider: 'smtp', result: 'returned', retryAt: '2026-11-21T10:00:26.000Z' },
    ]);
    await bench.drain();
    expect(bench.provider.ledger.map(({ key }) => key)).toStrictEqual([`${id}_0.1`]);
    expect(await bench.statuses(id)).toStrictEqual({ 0: 'sent' });
  });
});

describe('an answer', () => {
  test('transient: tried again when it is due, under a new key, until it is taken', async () => {
    const id = await bench.request();
    let tries = 0;
    bench.provider.script = () => (++tries < 3 ? refused('transient') : undefined);
    await bench.drain();
    expect(await bench.statuses(id)).toStrictEqual({ 0: 'retry' });
    await bench.onwards(2);
    expect(await bench.statuses(id)).toStrictEqual({ 0: 'sent' });
    expect(bench.provider.ledger.map(({ key }) => key)).toStrictEqual([`${id}_0.3`]);
    expect((await results(id)).map(({ result, attempt }) => [result, attempt])).toStrictEqual([
      ['retry', 1],
      ['retry', 2],
      ['sent', 3],
    ]);
    // A retry is not planned again: only its start and its result are written.
    expect(bench.appends().slice(2)).toStrictEqual([['HandOffStarted'], ['HandOffRecorded'], ['HandOffStarted'], ['HandOffRecorded']]);
  });

  test('transient for ever: a dead letter, which an operator can send on its way again', async () => {
    const id = await bench.request();
    bench.provider.script = () => refused('transient');
    await bench.drain();
    await bench.onwards(20);
    expect(await bench.statuses(id)).toStrictEqual({ 0: 'dead' });
    expect(bench.provider.calls).toHaveLength(8);
    expect(bench.actions.rows()).toStrictEqual([]);
    bench.provider.script = () => undefined;
    await bench.command(id, { type: 'RedriveDeliveries', data: { now: bench.house.clock.now() } });
    await bench.drain();
    expect(await bench.statuses(id)).toStrictEqual({ 0: 'sent' });
    expect(bench.provider.ledger.map(({ key }) => key)).toStrictEqual([`${id}_0.9`]);
  });

  test('permanent: failed, with the provider’s words sealed', async () => {
    const id = await bench.request();
    bench.provider.script = ({ message }) => refused('permanent', { detail: `550 no ${message.to} here` });
    await bench.drain();
    expect(await bench.statuses(id)).toStrictEqual({ 0: 'failed' });
    const stored = await bench.house.store.readAll('start', {}, 100);
    expect(stored.events.map(({ data }) => data).join()).not.toContain('p0@example.com');
    const detail = (await bench.events(id)).flatMap((it) => (it.type === 'HandOffRecorded' ? it.data.details : []))[0]?.detail;
    const [opened] = await bench.house.vault.open([detail as never]);
    expect(opened).toStrictEqual({ value: '550 no p0@example.com here' });
  });

  test('one of many is each one’s own', async () => {
    const id = await bench.request({ people: 4 });
    bench.provider.script = ({ message }) =>
      ({
        'p1@example.com': refused('permanent'),
        'p2@example.com': refused('transient'),
        'p3@example.com': refused('throttled', { retryAfterMs: 60_000 }),
      })[message.to];
    await bench.drain();
    expect(await bench.statuses(id)).toStrictEqual({ 0: 'sent', 8: 'failed', 16: 'retry', 24: 'retry' });
    expect(workOf(bench.actions.rows())).toStrictEqual(['handOff 16 2026-11-21T10:00:05.000Z', 'handOff 24 2026-11-21T10:01:10.000Z']);
  });

  test.each([
    ['takes keys', true, 'hold', 1, 'sent'],
    ['takes none, of a type that may be doubled', false, 'retry', 2, 'sent'],
  ] as const)(
    'lost, although it was taken, by a provider that %s: asked again under the same key',
    async (_, takesKeys, unknownOutcome, taken, status) => {
      bench = await openDispatch({ provider: fakeProvider({ takesKeys }) });
      const id = await bench.request({ terms: { unknownOutcome } });
      let calls = 0;
      bench.provider.script = () => (++calls === 1 ? { outcome: 'unknown', code: 'timeout' } : undefined);
      bench.provider.tookAnyway = () => true;
      await bench.drain();
      await bench.onwards();
      expect(await bench.statuses(id)).toStrictEqual({ 0: status });
      expect(bench.provider.ledger.map(({ key }) => key)).toStrictEqual(Array.from({ length: taken }, () => `${id}_0.1`));
    },
  );

  test('lost, of a type that holds and without keys: unknown, and not asked again', async () => {
    const id = await bench.request({ terms: { unknownOutcome: 'hold' } });
    bench.provider.script = () => ({ outcome: 'unknown', code: 'timeout' });
    await bench.drain();
    await bench.onwards(5);
    expect(await bench.statuses(id)).toStrictEqual({ 0: 'unknown' });
    expect(bench.provider.calls).toStrictEqual([1]);
  });

  test('of an open outcome is sought from the same provider, though another is first by now', async () => {
    bench = await openDispatch({ provider: fakeProvider({ takesKeys: true }) });
    const id = await bench.request();
    bench.provider.script = () => ({ outcome: 'unknown', code: 'timeout' });
    await bench.drain();
    const other = fakeProvider({ id: 'other' });
    bench.providers.delete('smtp');
    bench.providers.set('other', other).set('smtp', bench.provider);
    bench.provider.script = () => undefined;
    await bench.onwards();
    expect(await bench.statuses(id)).toStrictEqual({ 0: 'sent' });
    expect([bench.provider.ledger.length, other.ledger.length]).toStrictEqual([1, 0]);
  });

  test('that never comes since the provider throws, or gives fewer than it was asked, is open too', async () => {
    const id = await bench.request({ people: 2 });
    bench.provider.send = () => Promise.reject(new Error('a bug'));
    await bench.drain();
    expect((await results(id)).map(({ result, code }) => [result, code])).toStrictEqual([['retry', 'provider_fault']]);
    expect((await bench.state(id)).deliveries.get(0)).toMatchObject({ doubt: true, attempt: 1, tries: 1 });
    expect(bench.told.dropped).toStrictEqual([['provider_fault', 2]]);
    bench.provider.send = async (messages) => messages.slice(0, 1).map(() => ({ outcome: 'accepted' }));
    await bench.onwards();
    expect(await bench.statuses(id)).toStrictEqual({ 0: 'sent', 8: 'retry' });
  });

  test('tells the breaker whether the provider is well', async () => {
    await bench.request();
    bench.provider.script = () => refused('permanent');
    await bench.drain();
    await bench.request();
    bench.provider.script = () => refused('transient');
    await bench.drain();
    expect(bench.told.health).toStrictEqual([true, false]);
  });
});

describe('routing first', () => {
  const first = { channels: ['email', 'sms'], routing: { method: 'first', until: 'accepted' } } as const;
  const both = [{ name: 'ana', person: { email: 'ana@example.com', phone: '+4366412345678' } }];
  const channels = (): readonly string[] => bench.provider.ledger.map(({ message }) => message.channel);

  test('uses the first channel that reaches the person', async () => {
    const people = [...both, { name: 'bo', person: { phone: '+4366412345679' } }];
    const id = await bench.request({ people, terms: { ...first, channelsNamed: false } });
    await bench.drain();
    expect(await bench.statuses(id)).toStrictEqual({ 0: 'sent', 1: 'left', 8: 'left', 9: 'sent' });
    expect(channels()).toStrictEqual(['email', 'sms']);
  });
  test('a channel that was named and does not reach the person says so', async () => {
    const id = await bench.request({ people: [{ name: 'bo', person: { phone: '+4366412345679' } }], terms: first });
    await bench.drain();
    expect(await bench.statuses(id)).toStrictEqual({ 0: 'suppressed', 1: 'sent' });
  });
  test('whom none reaches is told about with the last', async () => {
    const id = await bench.request({ people: [{ name: 'cy', person: null }], terms: { ...first, channelsNamed: false } });
    await bench.drain();
    expect(await bench.statuses(id)).toStrictEqual({ 0: 'left', 1: 'suppressed' });
  });
  test('goes on to the next when one is refused for good', async () => {
    const id = await bench.request({ people: both, terms: first });
    bench.provider.script = ({ message }) => (message.channel === 'email' ? refused('permanent') : undefined);
    await bench.drain();
    expect(await bench.statuses(id)).toStrictEqual({ 0: 'failed', 1: 'sent' });
    expect(channels()).toStrictEqual(['sms']);
    expect(bench.actions.rows()).toStrictEqual([]);
  });
  test('goes on to the next when one cannot be made', async () => {
    const id = await bench.request({ people: both, terms: first, content: { sms: { text: 'Hi' } } });
    await bench.drain();
    expect(await bench.statuses(id)).toStrictEqual({ 0: 'failed', 1: 'sent' });
  });
  test('goes on to the next when a gate stops a retry', async () => {
    const id = await bench.request({ people: [{ name: 'ana', person: { phone: '+4366412345678' } }], terms: first });
    await bench.profile('ana', { email: 'ana@example.com' });
    bench.provider.script = () => refused('transient');
    await bench.drain();
    expect(await bench.statuses(id)).toStrictEqual({ 0: 'retry', 1: 'left' });
    await bench.profile('ana', {}, 2);
    bench.provider.script = () => undefined;
    await bench.onwards();
    expect(await bench.statuses(id)).toStrictEqual({ 0: 'suppressed', 1: 'sent' });
  });

  describe('until delivered', () => {
    const terms = { ...first, routing: { method: 'first', until: 'delivered', waitMs: 600_000 } } as const;
    const confirm = async (id: string, n: number): Promise<void> => {
      const item = { n, subject: await bench.subject('ana'), kind: 'confirmed', provider: 'smtp', eventId: 'e1', at: START } as const;
      await bench.house.log.append([
        {
          stream: `engagement-acme_${id}` as never,
          at: 'absent',
          events: [{ type: 'EngagementRecorded', data: { notificationId: id, requestedAt: START, items: [item], recordedAt: START } }],
          envelope: {
            commandId: 'engaged',
            correlationId: 'c',
            causationId: 'c',
            actor: { kind: 'system', id: 'test' },
            occurredAt: START,
          },
        },
      ]);
    };
    test('asks the next channel when nobody has confirmed by then', async () => {
      const id = await bench.request({ people: both, terms });
      await bench.drain();
      expect(workOf(bench.actions.rows())).toStrictEqual(['plan 1 2026-11-21T10:10:00.000Z']);
      await bench.onwards();
      expect(await bench.statuses(id)).toStrictEqual({ 0: 'sent', 1: 'sent' });
    });
    test('leaves it when somebody has', async () => {
      const id = await bench.request({ people: both, terms });
      await bench.drain();
      await confirm(id, 0);
      await bench.onwards();
      expect(await bench.statuses(id)).toStrictEqual({ 0: 'sent', 1: 'left' });
      expect(channels()).toStrictEqual(['email']);
    });
    test('a cancellation ends the wait', async () => {
      const id = await bench.request({ people: both, terms });
      await bench.drain();
      await bench.command(id, { type: 'CancelNotification', data: { now: START } });
      await bench.onwards();
      expect(await bench.statuses(id)).toStrictEqual({ 0: 'sent', 1: 'cancelled' });
    });
  });
});

describe('channels that nobody named', () => {
  const terms = { channels: ['email', 'sms', 'in_app'], channelsNamed: false } as const;
  const content = { email: { subject: 's', text: 't' }, sms: { text: 't' }, in_app: { title: 't', body: 'b' } };
  test('are used where they reach the person; in-app always does', async () => {
    const id = await bench.request({ terms, content });
    await bench.drain();
    expect(await bench.statuses(id)).toStrictEqual({ 0: 'sent', 1: 'left', 3: 'sent' });
    expect(bench.provider.ledger.map(({ message: { channel, to } }) => [channel, to])).toStrictEqual([
      ['email', 'p0@example.com'],
      ['in_app', await bench.subject('p0')],
    ]);
  });
  test('whom none reaches is told about once', async () => {
    const id = await bench.request({ people: [{ name: 'cy', person: null }], terms: { ...terms, channels: ['email', 'sms'] } });
    await bench.drain();
    expect(await bench.statuses(id)).toStrictEqual({ 0: 'suppressed', 1: 'left' });
    expect(traceOf(await bench.events(id))).toContain('address suppress');
    expect([0, 1].map(channelOf)).toStrictEqual(['email', 'sms']);
  });
});
