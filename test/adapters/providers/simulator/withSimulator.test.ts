import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { withSimulator } from '../../../../src/adapters/providers/simulator/withSimulator.ts';
import type { Outgoing, Provider } from '../../../../src/processes/dispatch/provider.ts';
import type { FeedbackItem, FeedbackSink } from '../../../../src/processes/feedback/ports.ts';
import type { Instant } from '../../../../src/domain/values/instant.ts';
import { outgoing, providerContract, type Fate } from '../../../contract/provider.ts';
import { manualClock } from '../../../support/manualClock.ts';

const at = '2026-03-05T07:08:09.000Z' as Instant;

/** Takes everything, and remembers it. */
function ledger(): Provider & { readonly keys: string[] } {
  const keys: string[] = [];
  return {
    id: 'ledger',
    takesKeys: false,
    deadlineMs: 1_000,
    window: 16,
    keys,
    send: (messages) => {
      keys.push(...messages.map(({ key }) => key));
      return Promise.resolve(messages.map(({ key }) => ({ outcome: 'accepted', providerMessageId: `real-${key}` })));
    },
    close: () => Promise.resolve(),
  };
}

function simulated(record: FeedbackSink['record'] = () => Promise.resolve()) {
  const inner = ledger();
  const dropped: number[] = [];
  const provider = withSimulator(inner, {
    sink: { record },
    clock: manualClock(at),
    feedbackAfterMs: 1,
    onDropped: (count) => dropped.push(count),
  });
  onTestFinished(() => provider.close());
  return { provider, inner, dropped };
}
const to = (n: number, name: string): Outgoing => outgoing(n, { to: `${name}@simulator.tidings` });

const NAMES: { readonly [fate in Fate]: string } = {
  accepted: 'success',
  permanent: 'bounce',
  transient: 'soft',
  throttled: 'throttled',
  unknown: 'timeout',
  timeout: 'timeout',
};
providerContract('simulator', () => {
  const taken: string[] = [];
  const inner = ledger();
  const provider = withSimulator(
    {
      ...inner,
      send: (messages) => {
        if (messages.some(({ message }) => 'subject' in message && /[\r\n]/.test(message.subject))) {
          return Promise.resolve(messages.map(() => ({ outcome: 'refused', kind: 'permanent', code: 'invalid_header' })));
        }
        taken.push(...messages.map(({ key }) => key));
        return inner.send(messages);
      },
    },
    { sink: { record: () => Promise.resolve() }, clock: manualClock(at), onDropped: () => undefined },
  );
  return Promise.resolve({
    provider,
    message: (fate, n) => (fate === 'accepted' ? outgoing(n) : to(n, NAMES[fate])),
    taken: () => Promise.resolve(taken),
  });
});

describe('the simulator', () => {
  test('answers for its addresses and hands the rest on, in order', async () => {
    const { provider, inner } = simulated();
    const results = await provider.send([
      to(0, 'bounce'),
      outgoing(1),
      to(2, 'SOFT+tag'),
      to(3, 'throttled'),
      outgoing(4, { to: 'bounce@example.org' }),
      to(5, 'timeout'),
      to(6, 'success'),
      to(7, 'constructor'),
    ]);
    expect(results).toStrictEqual([
      { outcome: 'refused', kind: 'permanent', code: 'mailbox_not_found' },
      { outcome: 'accepted', providerMessageId: `real-${outgoing(1).key}` },
      { outcome: 'refused', kind: 'transient', code: 'mailbox_full' },
      { outcome: 'refused', kind: 'throttled', code: 'rate_limited', retryAfterMs: 1_000 },
      { outcome: 'accepted', providerMessageId: `real-${outgoing(4).key}` },
      { outcome: 'unknown', code: 'timeout' },
      { outcome: 'accepted', providerMessageId: `simulated-${outgoing(6).key}` },
      { outcome: 'refused', kind: 'permanent', code: 'mailbox_not_found' },
    ]);
    expect(inner.keys).toStrictEqual([outgoing(1).key, outgoing(4).key]);
  });

  test('leaves other channels alone', async () => {
    const { provider, inner } = simulated();
    await provider.send([{ ...outgoing(1), message: { channel: 'sms', to: 'bounce@simulator.tidings', text: 'x' } }]);
    expect(inner.keys).toStrictEqual([outgoing(1).key]);
  });

  test('complains after it has answered, once for a repeated key, also when the sink fails at first', async () => {
    const told: FeedbackItem[] = [];
    let answered = false;
    const record = vi.fn((items: readonly FeedbackItem[]) => {
      if (!answered) return Promise.reject(new Error('told before the answer'));
      if (record.mock.calls.length === 1) return Promise.reject(new Error('away'));
      told.push(...items);
      return Promise.resolve();
    });
    const { provider, dropped } = simulated(record);
    const [result] = await provider.send([to(1, 'complaint')]);
    answered = true;
    expect(result).toStrictEqual({ outcome: 'accepted', providerMessageId: `simulated-${outgoing(1).key}` });
    const { tenant, notificationId, deliveryId, key } = outgoing(1);
    await expect
      .poll(() => told)
      .toStrictEqual([
        { tenant, notificationId, deliveryId, kind: 'complained', provider: 'ledger', providerEventId: `simulated-complained-${key}`, at },
      ]);
    expect(dropped).toStrictEqual([]);
  });

  test('tells what waits before it closes, and counts what it could not tell', async () => {
    const told: string[] = [];
    const quick = simulated((items) => Promise.resolve(void told.push(...items.map(({ providerEventId }) => providerEventId))));
    await quick.provider.send([to(1, 'complaint')]);
    await quick.provider.close();
    expect(told).toStrictEqual([`simulated-complained-${outgoing(1).key}`]);
    const broken = simulated(() => Promise.reject(new Error('away')));
    await broken.provider.send(Array.from({ length: 1_003 }, (_, n) => to(n, 'complaint')));
    await broken.provider.close();
    expect(broken.dropped).toStrictEqual([3, 1_000]);
  });
});
