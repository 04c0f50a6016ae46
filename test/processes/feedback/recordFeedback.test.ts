import { beforeEach, expect, test } from 'vitest';
import { PortError } from '../../../src/domain/kernel/portError.ts';
import { deliveryIdOf } from '../../../src/domain/notification/delivery.ts';
import type { DeliveryId, NotificationId } from '../../../src/domain/values/ids.ts';
import { plusMs } from '../../../src/domain/values/instant.ts';
import type { FeedbackItem, FeedbackSink } from '../../../src/processes/feedback/ports.ts';
import { feedbackSink } from '../../../src/processes/feedback/recordFeedback.ts';
import { openDispatch, type DispatchBench } from '../../support/dispatchBench.ts';
import { ACME, START } from '../../support/house.ts';

let bench: DispatchBench;
let sink: FeedbackSink;
let counted: Record<string, number>;
beforeEach(async () => {
  bench = await openDispatch();
  counted = {};
  sink = feedbackSink({
    log: bench.ports.log,
    clock: bench.house.clock,
    ids: bench.house.ids,
    watch: (what, count) => {
      counted[what] = (counted[what] ?? 0) + count;
    },
  });
});
const item = (notificationId: NotificationId, n: number, more: Partial<FeedbackItem> = {}): FeedbackItem => ({
  tenant: ACME,
  notificationId,
  deliveryId: deliveryIdOf(notificationId, n),
  kind: 'confirmed',
  provider: 'smtp',
  providerEventId: 'e1',
  at: plusMs(START, 5),
  ...more,
});
const engaged = async () => (await bench.house.events()).filter(({ type }) => type === 'EngagementRecorded').map(({ data }) => data);

test('what a provider says of a message is recorded beside the notification, for all of a batch in one append', async () => {
  const [a, b] = [await bench.request({ people: 2 }), await bench.request()];
  await bench.drain();
  let appends = 0;
  bench.beforeAppend = () => {
    appends += 1;
  };
  await sink.record([item(a, 0), item(b, 0), item(a, 8, { kind: 'bounced', bounceType: 'hard', providerEventId: 'e2' })]);
  const [p0, p1] = [await bench.subject('p0'), await bench.subject('p1')];
  const said = { provider: 'smtp', at: plusMs(START, 5) };
  expect(await engaged()).toStrictEqual([
    {
      notificationId: a,
      requestedAt: START,
      items: [
        { n: 0, subject: p0, kind: 'confirmed', eventId: 'e1', ...said },
        { n: 8, subject: p1, kind: 'bounced', bounceType: 'hard', eventId: 'e2', ...said },
      ],
      recordedAt: START,
    },
    { notificationId: b, requestedAt: START, items: [{ n: 0, subject: p0, kind: 'confirmed', eventId: 'e1', ...said }], recordedAt: START },
  ]);
  expect(appends).toBe(1);
  expect(counted).toStrictEqual({ confirmed: 2, bounced: 1 });
});

test('twice is once', async () => {
  const id = await bench.request();
  await bench.drain();
  await sink.record([item(id, 0), item(id, 0)]);
  await sink.record([item(id, 0)]);
  expect(await engaged()).toHaveLength(1);
});

test('about what is not here, was never started, or is nobody’s delivery, says nothing', async () => {
  const [waiting, gone] = [await bench.request(), '01900000-0000-7000-8000-00000000ffff' as NotificationId];
  await sink.record([item(waiting, 0), item(gone, 0), item(waiting, 8), item(waiting, 0, { deliveryId: 'nonsense' as DeliveryId })]);
  await sink.record([item(waiting, 0, { tenant: 'globex' as typeof ACME })]);
  expect(await engaged()).toStrictEqual([]);
  expect(counted).toStrictEqual({ unknown: 5 });
});

test('that comes before the send is recorded counts: the start is in the log', async () => {
  const id = await bench.request();
  bench.provider.script = async () => {
    await sink.record([item(id, 0)]);
    return undefined;
  };
  await bench.drain();
  expect(await engaged()).toHaveLength(1);
  expect(await bench.statuses(id)).toStrictEqual({ 0: 'sent' });
});

test('that the log did not take is to be told again', async () => {
  const id = await bench.request();
  await bench.drain();
  const append = bench.ports.log.append.bind(bench.ports.log);
  bench.ports.log.append = async (writes) =>
    Promise.resolve(writes.map(() => ({ ok: false, conflict: false, error: new PortError('unavailable', 'down', 'the log is away') })));
  await expect(sink.record([item(id, 0)])).rejects.toMatchObject({ code: 'down' });
  bench.ports.log.append = append;
  await sink.record([item(id, 0)]);
  expect(await engaged()).toHaveLength(1);
});
