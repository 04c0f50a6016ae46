import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { destroySubjects } from '../../../../src/adapters/crypto/destroy.ts';
import type { Keys } from '../../../../src/adapters/crypto/keys.ts';
import { captureProvider } from '../../../../src/adapters/providers/capture/capture.ts';
import type { CaptureEntry, CaptureStore } from '../../../../src/adapters/providers/capture/captureStore.ts';
import { emailComposer } from '../../../../src/adapters/providers/email/composeEmail.ts';
import { postgresCaptureStore } from '../../../../src/adapters/providers/capture/postgresCaptureStore.ts';
import { PortError } from '../../../../src/domain/kernel/portError.ts';
import { trusted, type DeliveryId, type NotificationId, type SubjectId, type TenantId } from '../../../../src/domain/values/ids.ts';
import type { Instant } from '../../../../src/domain/values/instant.ts';
import type { ChannelMessage, EmailMessage, Outgoing } from '../../../../src/processes/dispatch/provider.ts';
import { outgoing, providerContract } from '../../../contract/provider.ts';
import { known, keysOf, oneMaster } from '../../../support/keys.ts';
import { manualClock } from '../../../support/manualClock.ts';
import { freshDatabase, type FreshDatabase } from '../../../support/postgres.ts';

const acme = trusted<TenantId>('acme');
const other = trusted<TenantId>('other');
const start = '2026-03-05T07:08:09.000Z' as Instant;
const masters = oneMaster();
let db: FreshDatabase;
let ana: SubjectId;
let ben: SubjectId;

beforeAll(async () => {
  db = await freshDatabase(['keys', 'models']);
  [ana, ben] = (await known(keysOf(db, masters), acme, 'ana', 'ben')) as [SubjectId, SubjectId];
});
afterAll(async () => {
  await db.close();
});

async function capturing() {
  const clock = manualClock(start);
  const keys: Keys = keysOf(db, masters, () => clock.epochMs());
  const store = postgresCaptureStore({ api: db.apiPool, worker: db.workerPool, vault: keys.vault, indexes: keys.indexes, clock });
  const provider = captureProvider(store, clock);
  onTestFinished(() => provider.close());
  await db.workerPool.query('delete from captured');
  return { clock, keys, store, provider };
}

const all = { limit: 50 };
const to = (it: Outgoing, more: Partial<Outgoing>): Outgoing => ({ ...it, tenant: acme, subject: ana, ...more });
const message = (channel: string, n: number, content: ChannelMessage): Outgoing =>
  to(outgoing(n), {
    notificationId: trusted<NotificationId>(`0193b0a0-0000-7000-8000-00000000000${n}`),
    deliveryId: trusted<DeliveryId>(`0193b0a0-0000-7000-8000-00000000000${n}_0`),
    key: `${channel}-${n}.1`,
    message: content,
  });

let contracts = 0;
providerContract('capture', async () => {
  contracts += 1;
  const tenant = trusted<TenantId>(`contract-${contracts}`);
  const keys = keysOf(db, masters);
  const [subject = ana] = await known(keys, tenant, 'someone');
  const { provider, store } = await capturing();
  return {
    provider,
    message: (fate, n) => (fate === 'accepted' ? to(outgoing(n), { tenant, subject }) : undefined),
    taken: async () => (await store.list(tenant, {}, { limit: 500 })).rows.map(({ deliveryId }) => `${deliveryId}.1`).reverse(),
  };
});

describe('the capture provider', () => {
  test('shows a mail as it would have left, without its attachments', async () => {
    const { provider, store } = await capturing();
    const attachments = [{ filename: 'r.pdf', contentType: 'application/pdf', content: Buffer.from('%PDF') }];
    const mail = to(
      outgoing(1, { subject: 'Grüße', html: '<p>Hi</p>', headers: { 'X-Order': 'A-1' }, attachments, replyTo: 'help@example.com' }),
      {},
    );
    expect((await provider.send([mail])).map(({ outcome }) => outcome)).toStrictEqual(['accepted']);
    const { rows, next } = await store.list(acme, {}, all);
    expect(next).toBeNull();
    expect(rows.map(({ id, ...row }) => (row.channel === 'email' ? { ...row, raw: row.raw.split('\r\n')[3] } : row))).toStrictEqual([
      {
        channel: 'email',
        from: 'Tidings <news@example.com>',
        to: 'to1@example.org',
        replyTo: 'help@example.com',
        subject: 'Grüße',
        html: '<p>Hi</p>',
        text: 'Mail 1',
        headers: { 'X-Order': 'A-1' },
        attachments: [{ filename: 'r.pdf', contentType: 'application/pdf', size: 4 }],
        raw: 'Subject: =?UTF-8?Q?Gr=C3=BC=C3=9Fe?=',
        notificationId: mail.notificationId,
        deliveryId: mail.deliveryId,
        capturedAt: start,
      },
    ]);
  });

  test('takes every channel, newest first, and finds them by channel, address and notification', async () => {
    const { provider, store, clock } = await capturing();
    const messages: readonly ChannelMessage[] = [
      { channel: 'sms', to: '+4366412345', text: 'Hi' },
      { channel: 'push', to: 'token-1', title: 'Hi', body: 'there' },
      { channel: 'in_app', to: 'ana', title: 'Hi', body: 'there', actions: [] },
      { channel: 'webhook', to: 'https://example.com/hook', body: { a: 1 } },
      { channel: 'wallet', to: 'pass-1', body: { balance: 3 } },
      { ...(outgoing(1).message as Extract<ChannelMessage, { channel: 'email' }>), to: 'Ana@Example.org' },
    ];
    for (const [n, content] of messages.entries()) {
      clock.advance(1_000);
      await provider.send([message(content.channel, n, content)]);
    }
    const found = async (filter: Parameters<CaptureStore['list']>[1]) =>
      (await store.list(acme, filter, all)).rows.map(({ channel }) => channel);
    expect(await found({})).toStrictEqual(['email', 'wallet', 'webhook', 'in_app', 'push', 'sms']);
    expect(await found({ channel: 'push' })).toStrictEqual(['push']);
    expect(await found({ to: '+43 664 12345' })).toStrictEqual(['sms']);
    expect(await found({ to: 'ana@example.org' })).toStrictEqual(['email']);
    expect(await found({ to: 'ana@example.org', channel: 'sms' })).toStrictEqual([]);
    expect(await found({ to: 'pass-1' })).toStrictEqual(['wallet']);
    expect(await found({ notificationId: '0193b0a0-0000-7000-8000-000000000003' })).toStrictEqual(['webhook']);
    expect(await store.list(other, {}, all)).toStrictEqual({ rows: [], next: null });
  });

  test('pages without gap or repetition while more is captured', async () => {
    const { provider, store } = await capturing();
    const sms = (n: number): Outgoing => to(outgoing(n), { message: { channel: 'sms', to: '+4366412345', text: String(n) } });
    await provider.send([0, 1, 2, 3, 4].map(sms));
    const texts = (page: Awaited<ReturnType<CaptureStore['list']>>) => page.rows.map((row) => ('text' in row ? row.text : ''));
    const first = await store.list(acme, {}, { limit: 2 });
    await provider.send([sms(5)]);
    const second = await store.list(acme, {}, { limit: 2, place: first.next ?? '' });
    const third = await store.list(acme, {}, { limit: 2, place: second.next ?? '' });
    expect([texts(first), texts(second), texts(third), third.next]).toStrictEqual([['4', '3'], ['2', '1'], ['0'], null]);
  });

  test('forgets after 24 hours, and at once when cleared, of that tenant only', async () => {
    const { provider, store, clock } = await capturing();
    const counted = async () => (await store.list(acme, {}, all)).rows.length;
    await provider.send([to(outgoing(1), {})]);
    clock.advance(24 * 3_600_000 - 1);
    await provider.send([to(outgoing(2), {})]);
    expect(await counted()).toBe(2);
    expect(await store.purge()).toBe(0);
    clock.advance(1);
    expect(await counted()).toBe(1);
    expect(await store.purge()).toBe(1);
    expect(await store.clear(other)).toBe(0);
    expect(await store.clear(acme)).toBe(1);
    expect(await counted()).toBe(0);
  });

  test('keeps nothing personal in clear', async () => {
    const { provider } = await capturing();
    await provider.send([to(outgoing(1, { to: 'canary@example.org', subject: 'canary', text: 'canary', html: 'canary' }), {})]);
    const { rows } = await db.workerPool.query<object>('select * from captured');
    expect(rows).toHaveLength(1);
    expect(JSON.stringify(rows)).not.toContain('canary');
    expect(Buffer.from(JSON.stringify(rows)).toString('utf8')).not.toContain(Buffer.from('canary').toString('base64').slice(0, 6));
  });

  test('of an erased person takes nothing, and shows nothing of what it had', async () => {
    const { provider, store, keys } = await capturing();
    await provider.send([to(outgoing(1), { subject: ben }), to(outgoing(2), {})]);
    await destroySubjects(db.workerPool, acme, [ben]);
    keys.clear();
    const results = await provider.send([to(outgoing(3), { subject: ben }), to(outgoing(4), {})]);
    expect(results).toStrictEqual([
      { outcome: 'refused', kind: 'permanent', code: 'subject_erased' },
      { outcome: 'accepted', providerMessageId: outgoing(4).key },
    ]);
    expect((await store.list(acme, {}, all)).rows.map(({ deliveryId }) => deliveryId)).toStrictEqual([
      outgoing(4).deliveryId,
      outgoing(2).deliveryId,
    ]);
  });

  test('does not know what became of a batch when its database is away', async () => {
    const down: CaptureStore = {
      put: () => Promise.reject(new PortError('unavailable', 'database_unreachable', 'away')),
      list: () => Promise.reject(new Error('not asked')),
      clear: () => Promise.reject(new Error('not asked')),
      purge: () => Promise.reject(new Error('not asked')),
    };
    const provider = captureProvider(down, manualClock(start));
    onTestFinished(() => provider.close());
    expect(await provider.send([outgoing(1), outgoing(2, { subject: 'a\nb' })])).toStrictEqual([
      { outcome: 'unknown', code: 'database_unreachable' },
      { outcome: 'refused', kind: 'permanent', code: 'invalid_header' },
    ]);
  });
});

describe('large mails', () => {
  const large = (n: number, files: readonly Uint8Array[]): Outgoing =>
    message('email', n, {
      channel: 'email',
      from: 'shop@example.com',
      to: 'ana@example.com',
      subject: 'Large',
      text: 'see the files',
      headers: {},
      attachments: files.map((content, at) => ({ filename: `${String(at)}.bin`, contentType: 'application/octet-stream', content })),
    });
  /** A store that keeps what it is given, statement by statement. */
  function recording() {
    const statements: (readonly CaptureEntry[])[] = [];
    const store: CaptureStore = {
      put: (entries) => {
        statements.push(entries);
        return Promise.resolve(entries.map(() => 'kept'));
      },
      list: () => Promise.resolve({ rows: [], next: null }),
      clear: () => Promise.resolve(0),
      purge: () => Promise.resolve(0),
    };
    const provider = captureProvider(store, manualClock(start));
    onTestFinished(() => provider.close());
    return { provider, statements };
  }
  const rawOf = ({ message: captured }: CaptureEntry): string => (captured.channel === 'email' ? (captured.raw ?? '') : '');

  test('are kept by their beginning, as they would have left, with the true sizes of their files', async () => {
    const { provider, statements } = recording();
    const files = [new Uint8Array(10).fill(1), new Uint8Array(3_000_000).fill(2), new Uint8Array(3_000_000).fill(3)];
    await provider.send([large(1, files)]);
    const entry = statements[0]![0]!;
    const { clock } = { clock: manualClock(start) };
    const whole = await emailComposer({ clock })(large(1, files).message as EmailMessage, large(1, files).key);
    expect('raw' in whole && whole.raw.slice(0, 1_048_576) === rawOf(entry)).toBe(true);
    expect(entry.message.channel === 'email' && entry.message.attachments.map(({ size }) => size)).toStrictEqual([
      10, 3_000_000, 3_000_000,
    ]);
  });

  test('share a statement only as far as it can carry them', async () => {
    const { provider, statements } = recording();
    const results = await provider.send(Array.from({ length: 10 }, (_, n) => large(n, [new Uint8Array(2_000_000)])));
    expect(results.map(({ outcome }) => outcome)).toStrictEqual(Array.from({ length: 10 }, () => 'accepted'));
    expect(statements.map((entries) => entries.length)).toStrictEqual([3, 3, 3, 1]);
  });
});
