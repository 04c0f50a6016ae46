import { tidings as cli } from '../support/cli.ts';
import { eventually, NDJSON, ndjson } from '../support/client.ts';
import { message, type Service } from '../support/service.ts';
import type { Canaries } from './canaries.ts';

const MAIL = { subject: 'Hello', text: 'Hello {{ v }}' };
const file = (filename: string, bytes: Buffer): object => ({ filename, contentType: 'text/plain', content: bytes.toString('base64') });
const path = (...parts: readonly string[]): string => `/v1/${parts.map(encodeURIComponent).join('/')}`;
/** Of a path that is to be gone to its end; `refused`: to its refusal. */
const must = (expected: 'done' | 'refused', what: string, answer: { readonly status: number; readonly body: any }): any => {
  if (Math.floor(answer.status / 100) !== (expected === 'done' ? 2 : 4))
    throw new Error(`${what}: ${String(answer.status)} ${JSON.stringify(answer.body)}`);
  return answer.body;
};

/** Everything that is known of a person, by each way that it can come. */
export async function people(tidings: Service, it: Canaries): Promise<void> {
  const profile = { email: it.email, phone: it.phone, name: it.name, tags: [it.tag], attributes: { pet: it.attribute } };
  must('done', 'a profile', await tidings.put(path('recipients', it.recipientId), profile));
  must(
    'done',
    'a patch',
    await tidings.patch(path('recipients', it.recipientId), { attributes: { pet: it.attribute, second: it.attribute } }),
  );
  must(
    'done',
    'a device',
    await tidings.put(path('recipients', it.recipientId, 'devices', it.deviceId), { platform: 'ios', token: it.deviceToken }),
  );
  const endpoint = { channel: 'webhook', address: it.endpoint };
  must('done', 'an endpoint', await tidings.put(path('recipients', it.recipientId, 'endpoints', it.endpointId), endpoint));
  const bulk = [
    { recipientId: it.otherRecipientId, name: it.name, idempotencyKey: it.changeIdempotencyKey },
    { recipientId: it.recipientId, email: it.refusedAddress },
  ];
  must('done', 'a bulk of people', await tidings.post('/v1/recipients/bulk', { recipients: bulk }));
  await tidings.patch(path('recipients', it.recipientId), { email: it.refusedAddress });
}

/** One message with all that a message can hold, asked for twice; its id. */
export async function single(tidings: Service, it: Canaries): Promise<string> {
  const uploaded = await tidings.post(`/v1/attachments?filename=${it.uploadName}`, it.files.upload, {
    'Content-Type': 'text/plain',
    'Idempotency-Key': it.uploadIdempotencyKey,
  });
  const body = message(
    [
      it.recipientId,
      { recipientId: it.otherRecipientId, email: it.inlineEmail, name: it.name, variables: { own: it.ownVariable }, save: true },
      { email: it.simulated, attachments: [file(it.ownFilename, it.files.ownFile)] },
      { email: it.quoted },
      { email: it.deferredAddress },
      { pushToken: it.pushToken, webhookUrl: it.webhookUrl, walletId: it.walletId },
      { email: it.refusedAddress },
    ],
    {
      type: 'leak_single',
      key: it.key,
      dedup: { key: it.dedupKey, window: 'PT1H' },
      content: {
        email: { subject: `${it.content} {{ own }}`, html: `<p>{{ v }} {{ own }} {{ recipient.name }}</p>` },
        sms: { text: it.content },
        push: { title: it.content, body: '{{ v }}' },
        in_app: { title: it.content, body: '{{ v }}' },
        webhook: { body: { said: it.content } },
      },
      variables: { v: it.variable },
      context: { metadata: { note: it.metadata }, correlationId: 'leaks' },
      attachments: [file(it.filename, it.files.file), { id: must('done', 'an upload', uploaded).id }],
      expiresAfter: 'PT1H',
    },
  );
  const key = { 'Idempotency-Key': it.idempotencyKey };
  const { id } = await tidings.send(body, key);
  await tidings.send(body, key);
  must('refused', 'the key for another body', await tidings.post('/v1/notifications', { ...body, key: 'other' }, key));
  await tidings.deliveryIn(id, 'failed', 'dead_lettered');
  await eventually('the provider has been asked for everybody', async () => {
    const waiting = (await tidings.deliveries(id)).filter(
      ({ outcome, status }) => outcome === 'pending' && status !== 'deferred' && status !== 'retrying',
    );
    return waiting.length <= 1 ? true : undefined;
  });
  return id;
}

/** Many at once: bulk, batch in both forms, with lines that are refused and some that are no JSON. */
export async function many(tidings: Service, it: Canaries): Promise<void> {
  const one = message([{ email: it.inlineEmail }], { variables: { name: it.variable, orderNumber: it.metadata } });
  const bulk = [
    { ...one, idempotencyKey: it.lineIdempotencyKey },
    { type: it.wrongMember, [it.wrongMember]: it.wrongVariable },
  ];
  must('done', 'a bulk', await tidings.post('/v1/notifications/bulk', { notifications: bulk }));
  const first = { type: 'leak_batch', category: 'transactional', content: { subject: it.content, text: '{{ x }}{{ y }}' } };
  const lines = ndjson([
    { ...first, variables: { x: it.batchVariable }, context: { metadata: { note: it.metadata } } },
    {
      recipientId: it.recipientId,
      email: it.batchEmail,
      variables: { y: it.lineVariable },
      attachments: [file(it.ownFilename, it.files.ownFile)],
    },
    { email: it.quoted },
    { email: it.refusedAddress },
    { [it.wrongMember]: it.wrongVariable },
  ]);
  const batch = must(
    'done',
    'a batch',
    await tidings.post('/v1/batches', `${lines}{"email": "${it.brokenLine}\n`, {
      ...NDJSON,
      'Idempotency-Key': it.batchIdempotencyKey,
    }),
  );
  await eventually('the batch has gone', async () => {
    const { body } = await tidings.get(`/v1/batches/${String(batch.id)}`);
    return body.counts?.sent >= 1 && body.counts?.failed >= 1 ? true : undefined;
  });
  await tidings.get(`/v1/batches/${String(batch.id)}/rejections`);
  const later = must(
    'done',
    'a later batch',
    await tidings.post('/v1/batches', { ...first, schedule: { at: '2099-01-01T00:00:00Z' }, recipients: [it.recipientId] }),
  );
  must('done', 'a cancelled batch', await tidings.post(`/v1/batches/${String(later.id)}/cancel`, { reason: it.batchReason }));
}

/** What can be done to a message afterwards, and asked about it. */
export async function control(tidings: Service, it: Canaries, sent: string): Promise<void> {
  const LATER = { schedule: { at: '2099-01-01T00:00:00Z' } };
  const later = await tidings.send(message([{ email: it.scheduledEmail }, it.recipientId], { ...LATER, key: it.key }));
  must(
    'done',
    'a reschedule',
    await tidings.post(`/v1/notifications/${later.id}/reschedule`, { schedule: { at: '2099-02-01T00:00:00Z' } }),
  );
  must('done', 'a cancellation', await tidings.post(`/v1/notifications/${later.id}/cancel`, { reason: it.cancelReason }));
  await tidings.send(message([it.recipientId], { ...LATER, key: it.key }));
  must(
    'done',
    'by key',
    await tidings.post('/v1/notifications/cancel', { key: it.key, recipientIds: [it.recipientId], reason: it.cancelReason }),
  );
  const failed = await tidings.deliveryIn(sent, 'failed', 'dead_lettered');
  must('done', 'a redrive', await tidings.post(`/v1/dead-letters/${String(failed.id)}/redrive`, { reason: it.redriveReason }));
  await tidings.post('/v1/dead-letters/redrive', { type: 'leak_batch', reason: it.redriveReason });
  const person = encodeURIComponent(it.recipientId);
  const asked = [
    `/v1/notifications?recipientId=${person}`,
    `/v1/notifications?key=${encodeURIComponent(it.key)}`,
    `/v1/deliveries?recipientId=${person}`,
    `/v1/notifications/${sent}`,
    `/v1/notifications/${sent}/explain?recipientId=${person}`,
    `/v1/deliveries/${String(failed.id)}/explain`,
    `/v1/explain?email=${encodeURIComponent(it.quoted)}`,
    `/v1/recipients/${person}`,
    `/v1/recipients/${person}/timeline`,
    `/v1/recipients?email=${encodeURIComponent(it.email)}`,
    `/v1/recipients?phone=${encodeURIComponent(it.phone)}`,
    `/v1/recipients?tag=${encodeURIComponent(it.tag)}`,
    '/v1/dead-letters',
    `/v1/compliance/audit?recipientId=${person}`,
  ];
  for (const each of asked) must('done', each, await tidings.get(each));
  must('done', 'a device', await tidings.delete(path('recipients', it.recipientId, 'devices', it.deviceId)));
}

/** Templates: previewed for a person, tested with an address, and one that fails with what it was given. */
export async function templates(tidings: Service, it: Canaries): Promise<void> {
  must('done', 'a template', await tidings.put('/v1/templates/leak', { locales: { en: { email: MAIL } }, fallback: 'en' }));
  must('done', 'a version', await tidings.post('/v1/templates/leak/publish'));
  const preview = { recipientId: it.recipientId, variables: { v: it.previewVariable } };
  must('done', 'a preview', await tidings.post('/v1/templates/leak/preview', preview));
  const recipient = { email: it.testAddress };
  const tested = must('done', 'a test', await tidings.post('/v1/templates/leak/test', { recipient, variables: { v: it.testVariable } }));
  await tidings.settled(tested.id);
  await tidings.post('/v1/templates/leak/test', { recipient: { email: it.refusedAddress }, variables: { v: it.testVariable } });
  const broken = await tidings.send(
    message([it.recipientId], {
      type: 'leak_render',
      content: { subject: 'x', text: '{{ v | currency("EUR") }}{{ v.a.b }}' },
      variables: { v: it.wrongVariable },
    }),
  );
  await tidings.settled(broken.id);
}

/** Everything that is refused, with something personal in each place that a request has. */
export async function refusals(tidings: Service, it: Canaries): Promise<void> {
  const nobody = message([{ email: it.refusedAddress }, { recipientId: it.recipientId, phone: it.refusedAddress }], { channels: ['sms'] });
  must('refused', 'nobody', await tidings.post('/v1/notifications', nobody));
  const strange = { 'X-Request-Id': it.requestId, traceparent: it.requestId, 'If-Match': it.requestId };
  await tidings.request('POST', '/v1/notifications', `{"email": "${it.brokenLine}`, { 'Content-Type': 'application/json', ...strange });
  await tidings.request('PUT', path('types', it.wrongMember), { [it.wrongMember]: it.wrongVariable }, strange);
  await tidings.post('/v1/notifications', message([it.recipientId], { [it.wrongMember]: it.wrongVariable, template: it.wrongMember }));
  await tidings.post('/v1/notifications', message([it.recipientId], { attachments: [{ id: 'att_nothing' }] }));
  await tidings.post('/v1/templates/leak/preview', { recipientId: it.query, variables: { v: it.wrongVariable } });
  for (const asked of [
    `/v1/recipients/${encodeURIComponent(it.query)}`,
    `/v1/${encodeURIComponent(it.query)}`,
    `/v1/recipients?email=${encodeURIComponent(it.refusedAddress)}`,
  ])
    await tidings.get(asked);
  await tidings.get(`/v1/notifications?cursor=${encodeURIComponent(it.query)}&${encodeURIComponent(it.query)}=1`);
  await tidings.get(`/v1/notifications?after=${encodeURIComponent(it.query)}`);
  await tidings.delete(path('recipients', it.query, 'devices', it.deviceId));
  await tidings.as(`${it.bearer}-${it.bearer}`).get(path('recipients', it.query));
  await tidings.as(`${it.bearer}-${it.bearer}`).post('/v1/notifications', nobody);
}

/** The form of the outbox, as whoever has the key of a test fills it in. */
export async function form(tidings: Service, it: Canaries): Promise<void> {
  const made = must('done', 'a key', await tidings.post('/v1/api-keys', { name: 'outbox', scopes: ['send', 'read', 'pii'], mode: 'test' }));
  const post = (where: string, fields: Readonly<Record<string, string>>, headers = {}): Promise<Response> =>
    fetch(`${tidings.url}/outbox/${where}`, { method: 'POST', headers, body: new URLSearchParams(fields), redirect: 'manual' });
  const entered = await post('enter', { key: made.key });
  const headers = { cookie: entered.headers.get('set-cookie')?.split(';')[0] ?? '' };
  const csrf = /name="csrf" value="([^"]+)"/.exec(await (await fetch(`${tidings.url}/outbox`, { headers })).text())?.[1] ?? '';
  const fields = { csrf, channel: 'email', subject: it.formText, text: it.formText };
  const statuses: number[] = [];
  for (const to of [it.formAddress, it.refusedAddress]) statuses.push((await post('messages', { ...fields, to }, headers)).status);
  if (statuses.join() !== '303,422') throw new Error(`the form answered ${statuses.join()}`);
  await eventually('the form’s message was captured', async () => {
    const { body } = await tidings.get(`/v1/captured?to=${encodeURIComponent(it.formAddress)}`);
    return body.data.length > 0 ? true : undefined;
  });
}

/** The command line, in the place of a person at it. What it prints is for that person and no log. */
export async function commandLine(tidings: Service, it: Canaries): Promise<void> {
  const to = ['--url', tidings.url];
  const env = { TIDINGS_API_KEY: tidings.key };
  const said = [
    '--type',
    'leak_cli',
    '--category',
    'transactional',
    '--subject',
    it.cliText,
    '--text',
    it.cliText,
    '--var',
    `v=${it.cliText}`,
  ];
  for (const argv of [
    ['send', ...to, '--email', it.cliAddress, ...said],
    ['explain', ...to, '--email', it.quoted],
    ['dlq', 'list', ...to, '--json'],
  ]) {
    const { exit, err } = await cli(argv, env);
    if (exit !== 0) throw new Error(`${argv[0] ?? ''}: ${err}`);
  }
}

/** As somebody with a token, whose name is an address. */
export async function byToken(tidings: Service, it: Canaries, token: string): Promise<void> {
  const user = tidings.as(token);
  must('done', 'a token', await user.get(path('recipients', it.recipientId)));
  must('done', 'a message by token', await user.post('/v1/notifications', message([it.recipientId], { type: 'leak_token' })));
  must('refused', 'a refusal by token', await user.post('/v1/notifications', message([{ email: it.refusedAddress }])));
  must('done', 'a category by token', await user.put('/v1/categories/leaks', { class: 'transactional', title: { en: 'Leaks' } }));
}
