import { afterEach, describe, expect, test } from 'vitest';
import type { Acceptance, AcceptRequest } from '../../src/commands/acceptance.ts';
import { trusted } from '../../src/domain/values/ids.ts';
import type { Instant } from '../../src/domain/values/instant.ts';
import type { Explaining } from '../../src/http/explaining.ts';
import { outboxPages } from '../../src/http/pages/outbox.ts';
import { createOutboxAccess } from '../../src/http/pages/outboxAccess.ts';
import type { CapturedMessage } from '../../src/http/ports.ts';
import { createAuthentication } from '../../src/http/auth.ts';
import { createCursors } from '../../src/http/cursor.ts';
import { grant, httpApp, stopHttpApps } from '../support/httpApp.ts';
import { manualClock } from '../support/manualClock.ts';

afterEach(stopHttpApps);

const NOTIFICATION = '01936fd1-0000-7000-8000-000000000001';
const mail = (more: Partial<CapturedMessage> = {}): CapturedMessage => ({
  id: '1',
  channel: 'email',
  to: 'ana@example.com',
  from: 'shop@example.com',
  subject: 'Order <A-1> & more',
  html: '<h1>Hi</h1><script>alert(1)</script>',
  text: 'Hi',
  headers: {},
  attachments: [],
  notificationId: trusted(NOTIFICATION),
  deliveryId: trusted(`${NOTIFICATION}_0`),
  capturedAt: '2026-03-01T11:59:00.000Z' as Instant,
  ...more,
});

async function outbox(messages: CapturedMessage[] = [mail()]) {
  const clock = manualClock('2026-03-01T12:00:00.000Z' as Instant);
  let tokens = 0;
  const access = createOutboxAccess({ secrets: { token: () => `token-${++tokens}` }, clock });
  const accepted: AcceptRequest[] = [];
  const seen: object[] = [];
  const answers: Acceptance[] = [];
  const revoked = new Set<string>();
  const pages = outboxPages({
    access,
    authenticate: createAuthentication({
      keys: {
        find: async (secret) =>
          revoked.has(secret)
            ? undefined
            : secret === 'tk_pii_key'
              ? grant()
              : secret === 'tk_pii_only'
                ? grant({ scopes: ['pii'] })
                : secret === 'tk_reader'
                  ? grant({ scopes: ['read'] })
                  : undefined,
      },
      clock,
      nameOf: async () => '',
    }),
    captures: {
      list: async (tenant, { channel, notificationId }, { limit, place }) => {
        const fitting = messages.filter(
          (it) =>
            tenant === 'default' && (channel ?? it.channel) === it.channel && (notificationId ?? it.notificationId) === it.notificationId,
        );
        const from = Number(place ?? 0);
        return { rows: fitting.slice(from, from + limit), next: fitting.length > from + limit ? String(from + limit) : null };
      },
      clear: async () => 0,
    },
    explaining: {
      delivery: async () => ({ explanation: { timeline: [], sentence: 'It went because <b>everything</b> passed.' } }),
    } as unknown as Explaining,
    accept: async (requests) => {
      accepted.push(...requests);
      return answers.length > 0
        ? answers
        : [{ id: trusted(NOTIFICATION), createdAt: clock.now(), position: trusted('p'), recipients: [], replayed: false }];
    },
    audit: { access: async (tenant, entry) => void seen.push({ tenant, ...entry }) },
    cursors: createCursors(Buffer.from('test')),
    clock,
    time: clock,
    secure: false,
  });
  const app = await httpApp({ operations: [], pages: [pages] });
  const link = access.link({
    tenant: trusted('default'),
    actor: { kind: 'user', id: 'outbox' },
    scopes: new Set(['send', 'read', 'pii']),
    mode: 'live',
  });
  const open = (path: string, init: RequestInit = {}) => fetch(`${app.url}${path}`, { redirect: 'manual', ...init });
  const entered = async (): Promise<string> => {
    const response = await open(`/outbox/enter?token=${link}`);
    return response.headers.get('set-cookie')?.split(';')[0] ?? '';
  };
  /** The cookie of a session that a key opened, and the token of its forms. */
  const enteredWith = async (key: string): Promise<{ readonly cookie: string; readonly csrf: string }> => {
    const body = new URLSearchParams({ key });
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const cookie = (await open('/outbox/enter', { method: 'POST', headers, body })).headers.get('set-cookie')?.split(';')[0] ?? '';
    const page = await (await open('/outbox', { headers: { cookie } })).text();
    return { cookie, csrf: /name="csrf" value="([^"]+)"/.exec(page)?.[1] ?? '' };
  };
  return { app, link, open, entered, enteredWith, revoked, accepted, seen, answers, clock };
}
const form = (fields: Record<string, string>, cookie: string): RequestInit => ({
  method: 'POST',
  headers: { cookie, 'content-type': 'application/x-www-form-urlencoded' },
  body: new URLSearchParams(fields).toString(),
});

describe('the door', () => {
  test('what a key opened closes when the key is revoked', async () => {
    const { open, enteredWith, revoked, clock } = await outbox();
    const { cookie } = await enteredWith('tk_pii_key');
    expect((await open('/outbox', { headers: { cookie } })).status).toBe(200);
    revoked.add('tk_pii_key');
    clock.advance(5_000);
    expect((await open('/outbox', { headers: { cookie } })).status).toBe(401);
    revoked.clear();
    clock.advance(5_000);
    expect((await open('/outbox', { headers: { cookie } })).status).toBe(401);
  });

  test('a key that may look and not send does not send', async () => {
    const { open, enteredWith, accepted } = await outbox();
    const { cookie, csrf } = await enteredWith('tk_pii_only');
    const answer = await open('/outbox/messages', form({ csrf, channel: 'email', to: 'ana@example.com', text: 'Hi' }, cookie));
    expect([csrf === '', answer.status, accepted]).toStrictEqual([false, 403, []]);
  });

  test('/ leads to the outbox, which is closed to strangers', async () => {
    const { open, seen } = await outbox();
    const root = await open('/');
    expect([root.status, root.headers.get('location')]).toStrictEqual([303, '/outbox']);
    const closed = await open('/outbox');
    expect([closed.status, (await closed.text()).includes('ana@example.com'), seen]).toStrictEqual([401, false, []]);
    expect((await open('/outbox/mails/x/1')).status).toBe(401);
  });

  test('the link opens once, with a cookie that no script reads and no other site sends', async () => {
    const { open, link } = await outbox();
    // A program that previews links does not use it up.
    expect((await open(`/outbox/enter?token=${link}`, { method: 'HEAD' })).headers.get('set-cookie')).toBeNull();
    const first = await open(`/outbox/enter?token=${link}`);
    expect([first.status, first.headers.get('location'), first.headers.get('set-cookie')]).toStrictEqual([
      303,
      '/outbox',
      'tidings_outbox=token-2; Path=/outbox; HttpOnly; SameSite=Strict; Max-Age=43200',
    ]);
    expect([(await open(`/outbox/enter?token=${link}`)).status, (await open('/outbox/enter')).status]).toStrictEqual([403, 403]);
  });

  test('a session ends after 12 hours, and when its owner leaves', async () => {
    const { open, entered, clock } = await outbox();
    const cookie = await entered();
    expect((await open('/outbox', { headers: { cookie } })).status).toBe(200);
    const left = await open('/outbox/leave', form({ csrf: 'token-3' }, cookie));
    expect([left.status, (await open('/outbox', { headers: { cookie } })).status]).toStrictEqual([303, 401]);
    const again = await open('/outbox/enter', form({ key: 'tk_pii_key' }, ''));
    const other = again.headers.get('set-cookie')?.split(';')[0] ?? '';
    clock.advance(12 * 3_600_000);
    expect((await open('/outbox', { headers: { cookie: other } })).status).toBe(401);
  });

  test('a key opens it only with the scope pii, and never from the form of another site', async () => {
    const { open } = await outbox();
    const [good, reader, wrong] = await Promise.all(
      ['tk_pii_key', 'tk_reader', 'tk_unknown_key'].map((key) => open('/outbox/enter', form({ key }, ''))),
    );
    expect([good?.status, reader?.status, wrong?.status]).toStrictEqual([303, 403, 403]);
    const foreign = form({ key: 'tk_pii_key' }, '');
    expect(
      (
        await open('/outbox/enter', {
          ...foreign,
          headers: { 'content-type': 'application/x-www-form-urlencoded', 'sec-fetch-site': 'cross-site' },
        })
      ).status,
    ).toBe(403);
  });
});

describe('the page', () => {
  test('shows what was captured beside its sentence, escapes everything, runs nothing, and says so in the audit', async () => {
    const { open, entered, seen } = await outbox();
    const response = await open('/outbox', { headers: { cookie: await entered() } });
    const page = await response.text();
    expect(page).toContain('Order &lt;A-1&gt; &amp; more');
    expect(page).toContain('It went because &lt;b&gt;everything&lt;/b&gt; passed.');
    expect(page).toContain('to ana@example.com');
    expect(page).not.toContain('<script');
    expect(page).not.toContain('<h1>Hi</h1>');
    expect(response.headers.get('content-security-policy')).toBe(
      "default-src 'none'; style-src 'self'; img-src 'self' data:; frame-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    );
    expect(seen).toStrictEqual([
      {
        tenant: 'default',
        at: '2026-03-01T12:00:00.000Z',
        actor: { kind: 'user', id: 'outbox' },
        action: 'outbox',
        resource: 'captured',
        requestId: 'request-2',
      },
    ]);
  });

  test('a mail stands in a frame of its own, without scripts, forms, origin or calls', async () => {
    const { open, entered } = await outbox();
    const cookie = await entered();
    const response = await open(`/outbox/mails/${NOTIFICATION}/1`, { headers: { cookie } });
    expect([response.status, await response.text()]).toStrictEqual([200, '<base target="_blank"><h1>Hi</h1><script>alert(1)</script>']);
    const csp = response.headers.get('content-security-policy') ?? '';
    expect(csp).toContain("default-src 'none'");
    expect(csp).toContain('sandbox allow-popups allow-popups-to-escape-sandbox');
    expect(csp).not.toContain('allow-scripts');
    expect((await open(`/outbox/mails/${NOTIFICATION}/2`, { headers: { cookie } })).status).toBe(404);
  });

  test('an id that nothing can have asks no database', async () => {
    const { open, entered } = await outbox();
    const cookie = await entered();
    expect((await open('/outbox/mails/%00/1', { headers: { cookie } })).status).toBe(404);
    expect(await (await open('/outbox?sent=%00', { headers: { cookie } })).text()).not.toContain('role="status"');
  });

  test('channels can be told apart, and older messages follow on further pages', async () => {
    const many = Array.from({ length: 25 }, (_, at) => mail({ id: String(at), subject: `Mail ${at}` }));
    const { open, entered } = await outbox([...many, mail({ id: 's', channel: 'sms', text: 'A text', subject: undefined } as never)]);
    const cookie = await entered();
    const sms = await (await open('/outbox?channel=sms', { headers: { cookie } })).text();
    expect([sms.includes('A text'), sms.includes('Mail 1')]).toStrictEqual([true, false]);
    const first = await (await open('/outbox?channel=email', { headers: { cookie } })).text();
    const next = /href="(\/outbox\?channel=email&amp;cursor=[^"]+)"/.exec(first)?.[1]?.replaceAll('&amp;', '&') ?? '';
    const second = await (await open(next, { headers: { cookie } })).text();
    expect([first.includes('Mail 19'), first.includes('Mail 20'), second.includes('Mail 20'), second.includes('Mail 19')]).toStrictEqual([
      true,
      false,
      true,
      false,
    ]);
  });
});

describe('sending one', () => {
  test('asks as a service would, and leads back to the list', async () => {
    const { open, entered, accepted } = await outbox();
    const cookie = await entered();
    const sent = await open(
      '/outbox/messages',
      form({ csrf: 'token-3', channel: 'email', to: ' ana@example.com ', subject: 'Hi', text: '<p>Hi</p>' }, cookie),
    );
    expect([sent.status, sent.headers.get('location')]).toStrictEqual([303, `/outbox?sent=${NOTIFICATION}`]);
    expect(accepted.map(({ input, mode }) => ({ input, mode }))).toStrictEqual([
      {
        input: {
          type: 'outbox_message',
          category: 'transactional',
          channels: ['email'],
          recipients: [{ email: 'ana@example.com' }],
          content: { email: { subject: 'Hi', html: '<p>Hi</p>' } },
        },
        mode: 'live',
      },
    ]);
    expect(await (await open(`/outbox?sent=${NOTIFICATION}`, { headers: { cookie } })).text()).toContain(
      'Sent. It stands on top of the list.',
    );
  });

  test('a form without the session’s own token is refused', async () => {
    const { open, entered, accepted } = await outbox();
    const cookie = await entered();
    const answers = await Promise.all([
      open('/outbox/messages', form({ channel: 'sms', to: '+43', text: 'x' }, cookie)),
      open('/outbox/messages', form({ csrf: 'token-4', channel: 'sms', to: '+43', text: 'x' }, cookie)),
      open('/outbox/messages', form({ csrf: 'token-3', channel: 'sms', to: '+43', text: 'x' }, '')),
    ]);
    expect([answers.map(({ status }) => status), accepted]).toStrictEqual([[403, 403, 401], []]);
  });

  test('what was refused comes back with the reason and with what was written', async () => {
    const { open, entered, answers } = await outbox();
    const cookie = await entered();
    answers.push({
      problems: [{ rejected: 'no_recipient_accepted', detail: 'every recipient was rejected' }],
      recipients: [{ index: 0, status: 'rejected', code: 'invalid_phone', detail: 'write the number in international form' }],
    });
    const response = await open('/outbox/messages', form({ csrf: 'token-3', channel: 'sms', to: '"><b>', text: 'Hello' }, cookie));
    const page = await response.text();
    expect(response.status).toBe(422);
    expect(page).toContain('write the number in international form');
    expect(page).toContain('value="&quot;&gt;&lt;b&gt;"');
  });
});
