import { beforeEach, describe, expect, test } from 'vitest';
import type { BatchId, NotificationId } from '../../../src/domain/values/ids.ts';
import { PortError } from '../../../src/domain/kernel/portError.ts';
import { openDispatch, type DispatchBench } from '../../support/dispatchBench.ts';
import { fakeProvider } from '../../support/fakeProvider.ts';

const BATCH = 'b1' as BatchId;
let bench: DispatchBench;
beforeEach(async () => {
  // Sub-batches of two.
  bench = await openDispatch({ provider: fakeProvider({ window: 4 }) });
  bench.batchStates.set(BATCH, { status: 'open' });
});
const requestChunk = () => bench.request({ people: 6, data: { batch: { batchId: BATCH, chunk: 0 } } });
/** While the first two are at the provider, which takes its time. */
const whileOut = (happens: () => void, ms = 250): void => {
  bench.provider.script = (_, call) => {
    if (call === 0) happens();
    bench.house.clock.advance(ms);
    return undefined;
  };
};
const statuses = async (id: NotificationId): Promise<readonly string[]> => Object.values(await bench.statuses(id));

describe('a batch that is paused while a group of it is handed off', () => {
  test('is left where it is; what was out is recorded, and the rest goes when it is resumed', async () => {
    const id = await requestChunk();
    whileOut(() => bench.batchStates.set(BATCH, { status: 'paused' }));
    await bench.drain();
    expect(bench.provider.calls).toStrictEqual([2]);
    expect(await statuses(id)).toStrictEqual(['sent', 'sent', 'deferred', 'deferred', 'deferred', 'deferred']);
    bench.batchStates.set(BATCH, { status: 'open' });
    await bench.onwards();
    expect(await statuses(id)).toStrictEqual(Array.from({ length: 6 }, () => 'sent'));
    expect(new Set(bench.provider.ledger.map(({ deliveryId }) => deliveryId)).size).toBe(6);
    expect(bench.provider.ledger).toHaveLength(6);
  });

  test('is looked for a few times a second, not before every call', async () => {
    let looks = 0;
    bench.beforeFacts = () => void (looks += 1);
    await requestChunk();
    whileOut(() => undefined, 60);
    await bench.drain();
    // Three calls of 60 ms for each of two messages: once for the gates, and once when 250 ms were over.
    expect([bench.provider.calls, looks]).toStrictEqual([[2, 2, 2], 2]);
  });

  test('and cannot be read starts nothing more, and loses no answer', async () => {
    const id = await requestChunk();
    let isDown = false;
    bench.beforeFacts = () => {
      if (isDown) throw new PortError('unavailable', 'database_down', 'the database is away');
    };
    whileOut(() => (isDown = true));
    await bench.work('plan');
    expect(bench.provider.calls).toStrictEqual([2]);
    expect((await statuses(id)).slice(0, 2)).toStrictEqual(['sent', 'sent']);
    isDown = false;
    bench.provider.script = () => undefined;
    await bench.consume();
    await bench.drain();
    expect(bench.provider.ledger).toHaveLength(6);
  });
});
