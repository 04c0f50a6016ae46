import { beforeEach, describe, expect, test } from 'vitest';
import { handle } from '../../../src/commands/handle.ts';
import { BATCH } from '../../../src/commands/registry.ts';
import type { BatchCommand } from '../../../src/domain/batch/batch.ts';
import type { BatchEvent } from '../../../src/domain/batch/events.ts';
import { open } from '../../../src/domain/kernel/personal.ts';
import type { BatchId, KeyedHash, NotificationId } from '../../../src/domain/values/ids.ts';
import { plusMs, type Instant } from '../../../src/domain/values/instant.ts';
import type { Schedule } from '../../../src/domain/values/schedule.ts';
import { applyBatchEffect } from '../../../src/processes/batches/effects.ts';
import { batches } from '../../../src/processes/batches/process.ts';
import type { Claim, Effect } from '../../../src/processes/process.ts';
import { openDispatch, type DispatchBench } from '../../support/dispatchBench.ts';
import { ACME, START } from '../../support/house.ts';
import { workOf } from '../../support/memoryActions.ts';
import { termsWith } from '../../support/notifications.ts';

const BATCH_ID = '019a0000-0000-7000-8000-0000000000b1' as BatchId;
let bench: DispatchBench;
let effect: Effect;
let ids: NotificationId[];

beforeEach(async () => {
  bench = await openDispatch();
  effect = applyBatchEffect({ log: bench.ports.log, clock: bench.house.clock });
  ids = [];
});

const tell = async (command: BatchCommand): Promise<void> => {
  const commandId = bench.house.ids.uuid();
  const envelope = {
    commandId,
    correlationId: 'c',
    causationId: 'c',
    actor: { kind: 'key', id: 'k' },
    occurredAt: bench.house.clock.now(),
  } as const;
  const outcome = await handle(bench.house.log, BATCH)({ id: BATCH_ID, input: command, context: { tenant: ACME, envelope } });
  if ('rejected' in outcome) throw new Error(outcome.rejected);
  if (outcome.state.status === 'absent') return;
  const { cancelled, paused, closed } = outcome.state;
  bench.batchStates.set(BATCH_ID, { status: cancelled !== undefined ? 'cancelled' : paused ? 'paused' : closed ? 'closed' : 'open' });
};
const now = () => bench.house.clock.now();
/** A batch of so many chunks of two people, due at `planAt`. */
const upload = async (chunks: number, schedule?: Schedule & { readonly at: Instant }): Promise<void> => {
  const message = { content: { email: { subject: 's', text: 't' } }, variables: {}, attachments: [], metadata: {} };
  const terms = termsWith(schedule === undefined ? {} : { schedule });
  const planAt = schedule?.at ?? START;
  await tell({
    type: 'OpenBatch',
    data: {
      batchId: BATCH_ID,
      openedAt: START,
      terms,
      message: open(message),
      chunkLines: 2,
      chunkBytes: 1000,
      request: 'r' as KeyedHash,
      planAt,
    },
  });
  for (let chunk = 0; chunk < chunks; chunk += 1) {
    const people = [0, 1].map((n) => ({ name: `p${String(2 * chunk + n)}` }));
    const id = await bench.request({ people, terms, data: { batch: { batchId: BATCH_ID, chunk }, planAt, message: undefined as never } });
    ids.push(id);
    const lines = { from: 2 * chunk + 1, to: 2 * chunk + 2 };
    await tell({
      type: 'AddChunk',
      data: { chunk, notificationId: id, lines, accepted: 2, rejections: [], digest: `d${String(chunk)}` as KeyedHash, now: START },
    });
  }
};
const carryOut = async (): Promise<boolean> => {
  await bench.consume();
  const claim = bench.actions.claim('applyBatch');
  if (claim === undefined) return false;
  bench.actions.finish(claim.id, await effect(claim, new AbortController().signal));
  await bench.consume();
  return true;
};
const statuses = async () => (await Promise.all(ids.map((id) => bench.statuses(id)))).map((one) => Object.values(one));
const batchEvents = async (): Promise<readonly string[]> =>
  (await bench.house.recorded()).filter(({ stream }) => stream.startsWith('batch-')).map(({ event }) => event.type);

describe('what a batch’s events leave to be done', () => {
  const react = (event: BatchEvent) => batches.react({ event } as Parameters<typeof batches.react>[0]);
  const again = (dueAt: Instant) => [
    { do: 'settle', kinds: ['applyBatch'], id: BATCH_ID, items: 'all' },
    { do: 'ask', kind: 'applyBatch', id: BATCH_ID, items: [], priority: 'high', dueAt },
  ];
  test('one action a batch, whatever is to be told', () => {
    expect(react({ type: 'BatchResumed', data: { batchId: BATCH_ID, resumedAt: START } })).toStrictEqual(again(START));
    expect(react({ type: 'BatchCancelled', data: { batchId: BATCH_ID, cancelledAt: START } })).toStrictEqual(again(START));
    const moved = { schedule: { at: START }, planAt: START, rescheduledAt: START };
    expect(react({ type: 'BatchRescheduled', data: { batchId: BATCH_ID, ...moved } })).toStrictEqual(again(START));
    expect(react({ type: 'BatchCarriedOut', data: { batchId: BATCH_ID, carriedOutAt: START } })).toStrictEqual(again(START).slice(0, 1));
    expect(react({ type: 'BatchPaused', data: { batchId: BATCH_ID, pausedAt: START } })).toStrictEqual([]);
  });
});

describe('a batch', () => {
  test('takes its message from its own stream', async () => {
    await upload(2);
    await bench.drain();
    expect(await statuses()).toStrictEqual([
      ['sent', 'sent'],
      ['sent', 'sent'],
    ]);
    expect(bench.provider.ledger.map(({ message }) => message.channel === 'email' && message.subject)).toStrictEqual(['s', 's', 's', 's']);
  });

  test('that is paused holds back what has not gone, and lets it go when it is resumed', async () => {
    await upload(2);
    await tell({ type: 'PauseBatch', data: { now: now() } });
    await bench.drain();
    expect(await statuses()).toStrictEqual([
      ['deferred', 'deferred'],
      ['deferred', 'deferred'],
    ]);
    bench.house.clock.advance(60_000);
    await tell({ type: 'ResumeBatch', data: { now: now() } });
    expect(await carryOut()).toBe(true);
    expect(bench.actions.rows().map(({ kind, dueAt }) => [kind, dueAt])).toStrictEqual([
      ['plan', now()],
      ['plan', now()],
    ]);
    await bench.drain();
    expect((await statuses()).flat().every((it) => it === 'sent')).toBe(true);
    expect((await batchEvents()).at(-1)).toBe('BatchCarriedOut');
    expect(await carryOut()).toBe(false);
  });

  test('that stays paused is looked at again now and then', async () => {
    await upload(1);
    await tell({ type: 'PauseBatch', data: { now: now() } });
    await bench.drain();
    expect(workOf(bench.actions.rows())).toStrictEqual([`plan 0 ${plusMs(START, 900_000)}`, `plan 8 ${plusMs(START, 900_000)}`]);
  });

  test('that is paused while a retry waits, or after a crash, holds that back too, under the same key', async () => {
    await upload(1);
    bench.provider.script = () => ({ outcome: 'refused', kind: 'transient', code: 'no' });
    await bench.drain();
    await tell({ type: 'PauseBatch', data: { now: now() } });
    bench.provider.script = () => undefined;
    await bench.onwards();
    expect(await statuses()).toStrictEqual([['deferred', 'deferred']]);
    await tell({ type: 'ResumeBatch', data: { now: now() } });
    await carryOut();
    await bench.drain();
    expect(await statuses()).toStrictEqual([['sent', 'sent']]);
    expect(bench.provider.ledger.map(({ key }) => key.slice(-1))).toStrictEqual(['2', '2']);
  });

  test('that is cancelled, paused or not, ends what has not gone', async () => {
    await upload(2);
    await tell({ type: 'PauseBatch', data: { now: now() } });
    await bench.drain();
    await tell({ type: 'CancelBatch', data: { now: now() } });
    await carryOut();
    expect((await statuses()).flat()).toStrictEqual(['cancelled', 'cancelled', 'cancelled', 'cancelled']);
    expect(bench.actions.rows()).toStrictEqual([]);
    expect(bench.provider.calls).toStrictEqual([]);
  });

  test('that is moved moves its notifications, more than once, and back', async () => {
    const first = { at: plusMs(START, 3_600_000) };
    await upload(2, first);
    const dues = async () => {
      await carryOut();
      return [...new Set(bench.actions.rows().map(({ dueAt }) => dueAt))];
    };
    const move = (schedule: { readonly at: Instant }) =>
      tell({ type: 'RescheduleBatch', data: { now: now(), schedule, planAt: schedule.at } });
    for (const hours of [2, 5, 1]) {
      const at = plusMs(START, hours * 3_600_000);
      await move({ at });
      expect(await dues()).toStrictEqual([at]);
    }
    await bench.onwards();
    expect((await statuses()).flat().every((it) => it === 'sent')).toBe(true);
  });

  test('whose state changes while it is carried out is told all of it, and nothing is settled too early', async () => {
    await upload(2, { at: plusMs(START, 3_600_000) });
    const [second, third] = [plusMs(START, 7_200_000), plusMs(START, 10_800_000)];
    await tell({ type: 'RescheduleBatch', data: { now: now(), schedule: { at: second }, planAt: second } });
    bench.beforeAppend = async (writes) => {
      if (writes[0]?.events[0]?.type !== 'BatchCarriedOut') return;
      bench.beforeAppend = () => undefined;
      await tell({ type: 'RescheduleBatch', data: { now: now(), schedule: { at: third }, planAt: third } });
    };
    await carryOut();
    await carryOut();
    expect([...new Set(bench.actions.rows().map(({ kind, dueAt }) => `${kind} ${dueAt}`))]).toStrictEqual([`plan ${third}`]);
  });

  test('carried out twice, since a worker died before it could say so, changes nothing', async () => {
    await upload(2, { at: plusMs(START, 3_600_000) });
    const at = plusMs(START, 7_200_000);
    await tell({ type: 'RescheduleBatch', data: { now: now(), schedule: { at }, planAt: at } });
    await bench.consume();
    const claim = bench.actions.claim('applyBatch')!;
    bench.beforeAppend = (writes) => {
      if (writes[0]?.events[0]?.type === 'BatchCarriedOut') throw new Error('dies');
    };
    await expect(effect(claim, new AbortController().signal)).rejects.toThrow('dies');
    bench.actions.putOff(claim.id);
    bench.beforeAppend = () => undefined;
    const before = (await bench.house.events()).length;
    await carryOut();
    expect((await bench.house.events()).slice(before).map(({ type }) => type)).toStrictEqual(['BatchCarriedOut']);
  });

  test('stops between two groups of notifications when it is told to', async () => {
    await upload(1);
    await tell({ type: 'CancelBatch', data: { now: now() } });
    await bench.consume();
    const stop = new AbortController();
    stop.abort();
    await expect(effect(bench.actions.claim('applyBatch')!, stop.signal)).rejects.toThrow();
    expect(await statuses()).toStrictEqual([['new', 'new']]);
  });

  describe('that takes longer than a claim lasts', () => {
    /** Two groups of notifications, each of which takes 20 of the claim's 30 s. */
    const cancelled = async (): Promise<Claim> => {
      await upload(41);
      await tell({ type: 'CancelBatch', data: { now: now() } });
      await bench.consume();
      bench.beforeAppend = () => {
        bench.house.clock.advance(20_000);
      };
      return bench.actions.claim('applyBatch')!;
    };

    test('stays with who has it, as its claim is prolonged', async () => {
      let held = await cancelled();
      const others: unknown[] = [];
      const slow = bench.beforeAppend;
      bench.beforeAppend = async (writes, nth) => {
        await slow(writes, nth);
        others.push(bench.actions.claim('applyBatch'));
      };
      const prolong = async (): Promise<Claim | undefined> => {
        const longer = bench.actions.prolong(held);
        held = longer ?? held;
        return longer;
      };
      bench.actions.finish(held.id, await effect(held, new AbortController().signal, prolong));
      expect(others).toStrictEqual([undefined, undefined, undefined, undefined]);
      expect((await statuses()).flat()).toStrictEqual(ids.flatMap(() => ['cancelled', 'cancelled']));
      expect((await batchEvents()).at(-1)).toBe('BatchCarriedOut');
    });

    test('is left off as soon as another has it', async () => {
      const claim = await cancelled();
      const slow = bench.beforeAppend;
      bench.beforeAppend = async (writes, nth) => {
        await slow(writes, nth);
        bench.house.clock.advance(20_000);
        expect(bench.actions.claim('applyBatch')).toBeDefined();
      };
      expect(await effect(claim, new AbortController().signal, async () => bench.actions.prolong(claim))).toBe('overtaken');
      expect((await statuses()).flat().filter((it) => it === 'cancelled')).toHaveLength(40);
    });
  });

  test('that has gone is told in vain', async () => {
    await upload(1);
    await bench.drain();
    await tell({ type: 'CancelBatch', data: { now: now() } });
    await carryOut();
    expect(await statuses()).toStrictEqual([['sent', 'sent']]);
    expect((await batchEvents()).at(-1)).toBe('BatchCarriedOut');
  });
});
