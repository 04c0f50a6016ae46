import { describe, expect, test } from 'vitest';
import { eventually } from '../support/client.ts';
import { message, serviceForSuite } from '../support/service.ts';

const tidings = serviceForSuite();

/** The answer to a question, once it fits. */
async function answered(path: string, holds: (body: any) => boolean): Promise<any> {
  let last: unknown;
  return eventually(
    `an answer to ${path}`,
    async () => {
      const { status, body } = await tidings.get(path);
      last = body;
      return status === 200 && holds(body) ? body : undefined;
    },
    { seen: () => last },
  );
}

describe('somebody who was refused when the message was asked for', () => {
  const detail = expect.any(String);
  const refusal = (more: object) => ({
    status: 'rejected_at_accept',
    index: 0,
    type: 'order_confirmation',
    detail,
    gates: [],
    sentence: expect.stringMatching(/^“order_confirmation” was asked for this person and refused at once: .+ \(\w+\)\.$/),
    ...more,
  });

  test('beside others is told why, by id and by address, with the notification that the others got', async () => {
    const { id, position, recipients } = await tidings.send(
      message([
        { recipientId: 'refused-ana', email: 'nonsense' },
        { email: 'good@example.com' },
        { email: 'Refused-Bo@example.com', phone: '12' },
      ]),
    );
    const bo: string = recipients[2].recipientId;
    const told = await tidings.get(`/v1/explain?recipientId=refused-ana&after=${position}`);
    const at = expect.any(String);
    const timeline = (code: string) => [{ at, event: 'NotificationRequested', what: 'rejected', code, position }];
    const ana = refusal({ notificationId: id, recipientId: 'refused-ana', code: 'invalid_email', timeline: timeline('invalid_email') });
    expect([told.status, told.body]).toStrictEqual([
      200,
      { data: [ana], code: 'rejected_at_accept', sentence: told.body.data[0].sentence },
    ]);
    const bos = refusal({ notificationId: id, index: 2, recipientId: bo, code: 'invalid_phone', timeline: timeline('invalid_phone') });
    for (const path of [
      '/v1/explain?email=refused-bo@EXAMPLE.com',
      `/v1/explain?recipientId=${bo}&type=order_confirmation`,
      `/v1/notifications/${id}/explain?recipientId=${bo}`,
    ]) {
      const { body } = await tidings.get(path);
      expect([path, body.code, body.data]).toStrictEqual([path, 'rejected_at_accept', [bos]]);
    }
    const [other, future] = await Promise.all(
      ['type=another', 'since=2099-01-01T00:00:00Z'].map((more) => tidings.get(`/v1/explain?recipientId=refused-ana&${more}`)),
    );
    expect([other?.body.code, future?.body.code]).toStrictEqual(['never_requested', 'never_requested']);
    const shown = await tidings.get(`/v1/notifications/${id}`);
    expect(shown.body.rejected.map(({ index, code }: any) => [index, code])).toStrictEqual([
      [0, 'invalid_email'],
      [2, 'invalid_phone'],
    ]);
  });

  test('together with everybody else is told too, though no notification came of it', async () => {
    const asked = await tidings.post(
      '/v1/notifications',
      message([
        { recipientId: 'alone-ana', email: 'nonsense' },
        { email: 'alone-bo@example.com', phone: '12' },
      ]),
      { 'X-Request-Id': 'asked-in-vain' },
    );
    expect([asked.status, asked.body.code]).toStrictEqual([422, 'no_recipient_accepted']);
    const byId = await answered('/v1/explain?recipientId=alone-ana', ({ code }) => code !== 'never_requested');
    const timeline = (code: string) => [
      { at: expect.any(String), event: 'CommandRejected', what: 'rejected', code, position: expect.any(String) },
    ];
    const ana = refusal({ notificationId: null, recipientId: 'alone-ana', code: 'invalid_email', timeline: timeline('invalid_email') });
    expect([byId.code, byId.data]).toStrictEqual(['rejected_at_accept', [ana]]);
    const byAddress = await tidings.get('/v1/explain?email=alone-bo@example.com');
    expect(byAddress.body.data).toMatchObject([{ notificationId: null, index: 1, code: 'invalid_phone' }]);
    const isAsked = ({ requestId }: any): boolean => requestId === 'asked-in-vain';
    const audit = await answered('/v1/compliance/audit?action=requestNotification', ({ data }) => data.some(isAsked));
    const entries = audit.data.filter(isAsked);
    expect(entries).toMatchObject([
      {
        kind: 'rejection',
        code: 'no_recipient_accepted',
        refused: {
          type: 'order_confirmation',
          recipients: [
            { index: 0, recipientId: 'alone-ana', code: 'invalid_email' },
            { index: 1, recipientId: asked.body.recipients[1].recipientId, code: 'invalid_phone' },
          ],
        },
      },
    ]);
  });

  test('on a line of a bulk or a batch is told as well', async () => {
    const wrong = (name: string): object => ({ recipientId: name, email: 'nonsense' });
    const bulk = await tidings.post('/v1/notifications/bulk', { notifications: [message([wrong('bulk-ana')])] });
    expect(bulk.body.data[0].problem.code).toBe('no_recipient_accepted');
    const { recipients: _, ...plain } = message([]) as { recipients: unknown };
    const batch = await tidings.post('/v1/batches', { ...plain, recipients: [wrong('batch-ana')] });
    const mixed = await tidings.post('/v1/batches', { ...plain, recipients: ['somebody', wrong('batch-bo')] });
    const [ana, bo] = await Promise.all(
      ['ana', 'bo'].map((name) => tidings.get(`/v1/explain?recipientId=batch-${name}&after=${mixed.body.position as string}`)),
    );
    expect(ana?.body.data).toMatchObject([
      { notificationId: null, batchId: batch.body.id, line: 1, code: 'invalid_email', timeline: [{ event: 'ChunkAdded' }] },
    ]);
    expect(bo?.body.data).toMatchObject([
      {
        notificationId: expect.any(String),
        batchId: mixed.body.id,
        index: 1,
        code: 'invalid_email',
        timeline: [{ event: 'NotificationRequested' }],
      },
    ]);
    await answered('/v1/explain?recipientId=bulk-ana', ({ code }) => code === 'rejected_at_accept');
  });

  test('and got another message has both explained, newest first', async () => {
    const first = await tidings.send(message([{ recipientId: 'both', email: 'both@example.com' }]));
    await tidings.settled(first.id);
    const second = await tidings.send(message(['other', { recipientId: 'both', email: 'nonsense' }, 'both', { recipientId: 'both' }]));
    await tidings.settled(second.id);
    const { body } = await tidings.get('/v1/explain?recipientId=both');
    expect(body.code).toBeUndefined();
    expect(body.data.map((it: any) => [it.notificationId, it.deliveryId ?? it.code]).sort()).toStrictEqual(
      [
        [first.id, `${first.id}_0`],
        [second.id, `${second.id}_16`],
        [second.id, 'duplicate_recipient'],
        [second.id, 'invalid_email'],
      ].sort(),
    );
    expect(body.data.at(-1).notificationId).toBe(first.id);
  });

  test('is unknown where nobody asked, and whoever was refused with the request as a whole was not named', async () => {
    const refused = await tidings.post('/v1/notifications', message([{ recipientId: 'whole' }], { category: 'gossip' }));
    expect(refused.status).toBe(422);
    const { body } = await tidings.get('/v1/explain?recipientId=whole');
    expect(body).toStrictEqual({ data: [], code: 'never_requested', sentence: expect.stringContaining('refused as a whole') });
  });
});

describe('what became of a message after its hand-off', () => {
  test('stands in its timeline with its place in the log, and the sentence says so', async () => {
    const { id } = await tidings.send(message([{ recipientId: 'complainer', email: 'complaint@simulator.tidings' }]));
    await tidings.deliveryIn(id, 'complained');
    const { body: delivery } = await tidings.get(`/v1/deliveries/${id}_0`);
    const paths = [
      `/v1/deliveries/${id}_0/explain`,
      `/v1/notifications/${id}/explain?recipientId=complainer`,
      '/v1/explain?recipientId=complainer',
    ];
    for (const path of paths) {
      const { body } = await tidings.get(path);
      const told = body.data?.[0] ?? body;
      const heard = told.timeline.filter(({ event }: any) => event === 'EngagementRecorded');
      expect(heard).toStrictEqual([
        {
          at: delivery.feedback.complainedAt,
          event: 'EngagementRecorded',
          what: 'complained about',
          provider: 'capture',
          position: expect.any(String),
        },
      ]);
      const positions = told.timeline.map(({ position }: any) => position);
      expect(positions).toStrictEqual([...positions].sort());
      const wanted = `was captured instead of being sent at ${delivery.sentAt as string}, and the person complained about it on ${delivery.feedback.complainedAt as string}.`;
      expect(told.sentence.endsWith(wanted), `${told.sentence as string} | ${wanted}`).toBe(true);
    }
  });
});
