import { describe, expect, test } from 'vitest';
import { message, serviceForSuite } from '../support/service.ts';

const tidings = serviceForSuite();

test('what was asked for is told as it was, and without the scope pii masked', async () => {
  const file = { filename: 'own.txt', contentType: 'text/plain', content: 'b3du', disposition: 'inline', contentId: 'own@x' };
  const person = {
    email: 'asked@example.com',
    phone: '+436641234567',
    pushToken: 'token-of-a-device',
    webhookUrl: 'https://hooks.example.com/asked',
    walletId: 'wallet-of-asked',
    name: 'Asa Asked',
    locale: 'de-AT',
    timeZone: 'Europe/Vienna',
  };
  const { id, position } = await tidings.send(
    message([{ recipientId: 'asked', ...person, variables: { name: 'Asa' }, attachments: [file] }], { expiresAfter: 'PT2H' }),
  );
  const { body: key } = await tidings.post('/v1/api-keys', { name: 'reader', scopes: ['read'] });
  const path = `/v1/notifications/${id}?after=${position}`;
  const [whole, masked] = await Promise.all([tidings.get(path), tidings.as(key.key).get(path)]);
  const { content: _, ...kept } = file;
  expect(whole.body.expiresAfter).toBe('PT2H');
  expect(whole.body.recipients).toStrictEqual([
    {
      index: 0,
      recipientId: 'asked',
      ...person,
      pushToken: 'token-•••',
      variables: { name: 'Asa' },
      attachments: [{ ...kept, id: expect.any(String), size: 3, sha256: expect.any(String) }],
    },
  ]);
  expect(masked.body.recipients).toStrictEqual([
    {
      index: 0,
      recipientId: 'asked',
      email: 'a•••@e•••.com',
      phone: '+43•••67',
      pushToken: 'token-•••',
      webhookUrl: 'https:•••',
      walletId: 'wallet•••',
      name: 'A•••',
      locale: 'de-AT',
      timeZone: 'Europe/Vienna',
    },
  ]);
});

describe('a first message', () => {
  test('is accepted, captured, shown and explained', async () => {
    const { id, position, recipients, answer } = await tidings.send(
      message([{ email: 'ana@example.com' }, 'nobody-knows-me'], { type: 'welcome' }),
    );
    expect(answer.headers.get('location')).toBe(`/v1/notifications/${id}`);
    expect(answer.headers.get('tidings-position')).toBe(position);
    expect(recipients).toStrictEqual([
      { index: 0, recipientId: expect.stringMatching(/^addr_[\w-]{22}$/), status: 'accepted' },
      { index: 1, recipientId: 'nobody-knows-me', status: 'accepted' },
    ]);

    const [first, second] = await tidings.settled(id);
    expect(first).toMatchObject({
      id: `${id}_0`,
      recipientId: recipients[0].recipientId,
      channel: 'email',
      status: 'captured',
      outcome: 'sent',
      provider: 'capture',
      attempts: [{ attempt: 1, provider: 'capture', outcome: 'sent' }],
    });
    expect(second).toMatchObject({ id: `${id}_8`, status: 'suppressed', outcome: 'not_sent', code: 'no_address', attempts: [] });

    const captured = await tidings.captured(id);
    expect(captured).toHaveLength(1);
    expect(captured[0]).toMatchObject({
      channel: 'email',
      to: 'ana@example.com',
      subject: 'Order A-1',
      html: '<p>Hi Ana, thank you for A-1.</p>',
      deliveryId: `${id}_0`,
      notificationId: id,
    });

    const sent = await tidings.get(`/v1/deliveries/${id}_0/explain`);
    expect(sent.body.sentence).toMatch(
      /^The e-mail for “welcome” \(transactional\) passed all \d+ gates and was captured instead of being sent at /,
    );
    expect(sent.body.timeline.map(({ event }: { event: string }) => event)).toStrictEqual([
      'NotificationRequested',
      'DeliveriesPlanned',
      'HandOffStarted',
      'HandOffRecorded',
    ]);
    const unsent = await tidings.get(`/v1/deliveries/${id}_8/explain`);
    expect(unsent.body.sentence).toBe(
      'The e-mail for “welcome” (transactional) was not sent: no email address is known of this person (gate “address”).',
    );
    expect(unsent.body.gates[0]).toMatchObject({ gate: 'address', verdict: 'suppress', code: 'no_address' });

    const shown = await tidings.get(`/v1/notifications/${id}`);
    expect(shown.body).toMatchObject({
      id,
      status: 'completed',
      counts: { captured: 1, suppressed: 1 },
      recipientCount: 2,
      rejectedCount: 0,
    });
  });

  test('is the answer to why somebody did or did not get it, asked by address', async () => {
    const { id } = await tidings.send(message([{ email: 'why@example.com' }]));
    await tidings.settled(id);
    const told = await tidings.get('/v1/explain?email=why@example.com');
    expect(told.body.data.map(({ notificationId }: { notificationId: string }) => notificationId)).toStrictEqual([id]);
    const never = await tidings.get('/v1/explain?email=never@example.com');
    expect(never.body).toMatchObject({ data: [], code: 'never_requested' });
  });

  test('of marketing needs no consent where it is only captured', async () => {
    const { id } = await tidings.send(message([{ email: 'offer@example.com' }], { type: 'offer', category: 'marketing' }));
    expect((await tidings.settled(id)).map(({ status }) => status)).toStrictEqual(['captured']);
    const told = await tidings.get(`/v1/deliveries/${id}_0/explain`);
    expect(told.body.gates.find(({ gate }: any) => gate === 'consent')).toMatchObject({
      verdict: 'pass',
      because: 'marketing is only captured here and reaches nobody',
    });
  });
});
