import { expect, test } from 'vitest';
import { eventually } from '../support/client.ts';
import { message, serviceForSuite } from '../support/service.ts';

const tidings = serviceForSuite();
const open = (path: string, init: RequestInit = {}): Promise<Response> => fetch(`${tidings.url}${path}`, { redirect: 'manual', ...init });

test('the printed link opens the outbox once: what was sent stands there as it looks, and one can send from it', async () => {
  const printed = () => /http:\/\/\S+\/outbox\/enter\?token=\S+(?=\s)/.exec(tidings.program().stdout())?.[0];
  const link = await eventually('the link is printed', printed);
  expect(link).toContain(tidings.url);
  const entered = await fetch(link, { redirect: 'manual' });
  const cookie = entered.headers.get('set-cookie')?.split(';')[0] ?? '';
  expect([entered.status, entered.headers.get('location'), (await fetch(link)).status]).toStrictEqual([303, '/outbox', 403]);

  const empty = await (await open('/outbox', { headers: { cookie } })).text();
  expect(empty).toContain('Nothing yet');
  const csrf = /name="csrf" value="([^"]+)"/.exec(empty)?.[1] ?? '';

  const fields = { csrf, channel: 'email', to: 'ana@example.com', subject: 'Hello & welcome', text: '<p>Hi <b>Ana</b></p>' };
  const sent = await open('/outbox/messages', { method: 'POST', headers: { cookie }, body: new URLSearchParams(fields) });
  expect(sent.status).toBe(303);
  const shown = await (await open(sent.headers.get('location') ?? '', { headers: { cookie } })).text();
  expect(shown).toContain('Sent. It stands on top of the list.');
  expect(shown).toContain('Hello &amp; welcome');
  expect(shown).toMatch(/The e-mail for “outbox_message” \(transactional\) passed all \d+ gates and was captured instead of being sent/);
  const mail = await open(/src="(\/outbox\/mails\/[^"]+)"/.exec(shown)?.[1] ?? '', { headers: { cookie } });
  expect(await mail.text()).toBe('<base target="_blank"><p>Hi <b>Ana</b></p>');

  const wrong = await open('/outbox/messages', {
    method: 'POST',
    headers: { cookie },
    body: new URLSearchParams({ ...fields, to: 'nobody' }),
  });
  expect([wrong.status, (await wrong.text()).includes('write the address as local@domain')]).toStrictEqual([422, true]);
});

test('with a key of another tenant it shows that tenant’s messages alone', async () => {
  await tidings.settled((await tidings.send(message([{ email: 'secret@example.com' }]))).id);
  await tidings.post('/v1/tenants', { id: 'others', name: 'Others' });
  const { body } = await tidings.post('/v1/api-keys', { name: 'pii', scopes: ['pii'], tenantId: 'others' });
  const entered = await open('/outbox/enter', { method: 'POST', body: new URLSearchParams({ key: body.key }) });
  const cookie = entered.headers.get('set-cookie')?.split(';')[0] ?? '';
  const page = await (await open('/outbox', { headers: { cookie } })).text();
  expect([page.includes('Tenant others'), page.includes('secret@example.com'), page.includes('Send one')]).toStrictEqual([
    true,
    false,
    false,
  ]);
});
