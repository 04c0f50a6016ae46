import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { verifyDkim } from '../support/dkimVerifier.ts';
import { mailbox } from '../support/mailbox.ts';
import { message, serviceForSuite } from '../support/service.ts';

const inbox = mailbox();
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const record = `v=DKIM1; k=rsa; p=${publicKey.export({ type: 'spki', format: 'der' }).toString('base64')}`;

const tidings = serviceForSuite({
  before: inbox.open,
  after: inbox.close,
  env: () => ({
    EMAIL_PROVIDERS: 'smtp',
    SMTP_URL: inbox.url(),
    EMAIL_FROM: 'Shop <shop@example.com>',
    DKIM_DOMAIN: 'example.com',
    DKIM_SELECTOR: 's1',
    DKIM_PRIVATE_KEY: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    TIDINGS_RECIPIENT_ALLOWLIST: 'example.com,friend@elsewhere.org,simulator.tidings',
  }),
});

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

describe('an e-mail by SMTP', () => {
  test('arrives as it was meant, and its delivery says sent', async () => {
    const { id } = await tidings.send(
      message([{ email: 'ana@example.com', name: 'Ana Müller' }], {
        content: {
          email: {
            subject: 'Grüße, {{ name }}',
            preheader: 'Short before long',
            html: '<html><body><p>Hällo {{ name }}</p></body></html>',
            replyTo: 'help@example.com',
            headers: { 'X-Order': '{{ orderNumber }}' },
          },
        },
      }),
    );
    const [delivery] = await tidings.settled(id);
    expect(delivery).toMatchObject({ status: 'sent', outcome: 'sent', provider: 'smtp' });
    expect(delivery.providerMessageId).toEqual(expect.any(String));
    const [mail, second] = inbox.to('ana@example.com');
    expect(second).toBeUndefined();
    expect(mail?.from).toBe('shop@example.com');
    expect(mail?.parsed.from?.value).toStrictEqual([{ address: 'shop@example.com', name: 'Shop' }]);
    expect(mail?.parsed.subject).toBe('Grüße, Ana');
    expect(mail?.parsed.replyTo?.text).toBe('help@example.com');
    expect(mail?.parsed.html).toContain('<p>Hällo Ana</p>');
    expect(mail?.parsed.text).toContain('Hällo Ana');
    expect(mail?.parsed.headers.get('x-order')).toBe('A-1');
    expect(mail?.parsed.messageId).toMatch(/^<.+@.+>$/);
    const told = await tidings.get(`/v1/deliveries/${id}_0/explain`);
    expect(told.body.sentence).toMatch(/was accepted by smtp at /);
  });

  test('is signed, and the signature holds', async () => {
    const { id } = await tidings.send(message([{ email: 'signed@example.com' }]));
    await tidings.settled(id);
    expect(verifyDkim(inbox.to('signed@example.com')[0]?.raw ?? '', { 's1._domainkey.example.com': record })).toStrictEqual([
      'example.com rsa',
    ]);
  });

  test('brings its files whole, inline ones and uploaded ones', async () => {
    const [small, large] = [randomBytes(30_000), randomBytes(3_000_000)];
    const upload = await tidings.post('/v1/attachments?filename=large.bin', large, { 'Content-Type': 'application/octet-stream' });
    expect([upload.status, upload.body]).toStrictEqual([
      201,
      { id: expect.stringMatching(/^att_/), sha256: sha256(large), size: large.length },
    ]);
    const { id } = await tidings.send(
      message([{ email: 'files@example.com' }], {
        attachments: [
          { filename: 'rëchnung.pdf', contentType: 'application/pdf', content: small.toString('base64') },
          { id: upload.body.id, filename: 'archive.bin' },
        ],
      }),
    );
    await tidings.settled(id);
    const files = inbox.to('files@example.com')[0]?.parsed.attachments.map((it) => [it.filename, it.contentType, sha256(it.content)]);
    expect(files).toStrictEqual([
      ['rëchnung.pdf', 'application/pdf', sha256(small)],
      ['archive.bin', 'application/octet-stream', sha256(large)],
    ]);
    const missing = await tidings.post(
      '/v1/notifications',
      message([{ email: 'a@example.com' }], { attachments: [{ id: 'att_nothing' }] }),
    );
    expect([missing.status, missing.body.code]).toStrictEqual([422, 'attachment_not_found']);
  });

  test('goes to nobody who is not on the allowlist', async () => {
    const { id } = await tidings.send(
      message([{ email: 'stranger@elsewhere.org' }, { email: 'friend@elsewhere.org' }, { email: 'anyone@example.com' }]),
    );
    expect((await tidings.settled(id)).map(({ status, code }) => [status, code])).toStrictEqual([
      ['suppressed', 'not_allowlisted'],
      ['sent', null],
      ['sent', null],
    ]);
    expect(inbox.to('stranger@elsewhere.org')).toStrictEqual([]);
  });

  test('is not sent as marketing without a consent', async () => {
    const { id } = await tidings.send(message([{ email: 'offers@example.com' }], { type: 'offer', category: 'marketing' }));
    expect((await tidings.settled(id)).map(({ status, code }) => [status, code])).toStrictEqual([['suppressed', 'no_consent']]);
    expect(inbox.to('offers@example.com')).toStrictEqual([]);
    const told = await tidings.get(`/v1/deliveries/${id}_0/explain`);
    expect(told.body.sentence).toContain('marketing needs a recorded consent');
  });

  test('of a key in test mode is captured, marketing too', async () => {
    const { body } = await tidings.post('/v1/api-keys', { name: 'test', scopes: ['send', 'read', 'pii'], mode: 'test' });
    const trial = tidings.as(body.key);
    const sent = await trial.post('/v1/notifications', message([{ email: 'trial@example.com' }], { type: 'offer', category: 'marketing' }));
    const [delivery] = await tidings.settled(sent.body.id);
    expect([delivery.status, delivery.provider]).toStrictEqual(['captured', 'capture']);
    expect(inbox.to('trial@example.com')).toStrictEqual([]);
    expect((await tidings.captured(sent.body.id)).map(({ to }) => to)).toStrictEqual(['trial@example.com']);
  });

  test('whose answer never came is unknown and stays so where the type says hold', async () => {
    await tidings.put('/v1/types/payment', { category: 'transactional', unknownOutcome: 'hold' });
    const { id } = await tidings.send(message([{ recipientId: 'held', email: 'timeout@simulator.tidings' }], { type: 'payment' }));
    const [delivery] = await tidings.settled(id);
    expect(delivery).toMatchObject({ status: 'unknown', outcome: 'unknown', code: 'timeout' });
    const told = await tidings.get(`/v1/deliveries/${id}_0/explain`);
    expect(told.body.sentence).toMatch(/it may or may not have arrived/);
    const listed = await tidings.get('/v1/dead-letters?type=payment');
    expect(listed.body.data.map((row: any) => row.id)).toStrictEqual([`${id}_0`]);
  });

  describe('with the sender of the tenant’s settings', () => {
    beforeAll(async () => {
      const { status } = await tidings.patch('/v1/settings', { sender: { name: 'Bakery', email: 'bread@example.com' } });
      expect(status).toBe(200);
    });

    test('comes from them', async () => {
      const sender = async (): Promise<unknown> => {
        const { id } = await tidings.send(message([{ email: 'sender@example.com' }]));
        await tidings.settled(id);
        return inbox.to('sender@example.com').at(-1)?.parsed.from?.value;
      };
      // To a worker settings may be some seconds old (`processes/dispatch/ports.ts`).
      await expect.poll(sender).toStrictEqual([{ address: 'bread@example.com', name: 'Bakery' }]);
    });
  });
});
