import type { Answer, Client } from './client.ts';
import { NDJSON, ndjson } from './client.ts';
import { message } from './service.ts';
import type { Following } from './follow.ts';

/** What the examples speak of: made once, before any of them runs. */
export type World = {
  /** Captured. */
  readonly sent: string;
  /** Planned for a far day. */
  readonly scheduled: string;
  readonly toCancel: string;
  readonly failed: string;
  readonly failedToo: string;
  readonly batch: string;
  readonly laterBatch: string;
  readonly apiKey: string;
};
const LATER = { schedule: { at: '2099-01-01T09:00:00Z' } };
const MAIL = { subject: 'Hi', text: 'Hi {{ name }}' };
const failing = (name: string): object =>
  message([{ recipientId: name, email: `bounce+${name}@simulator.tidings` }], { type: 'every_failing' });
const draft = { locales: { en: { email: MAIL } }, fallback: 'en' };

const mustBe = (status: number, answer: Answer): Answer => {
  if (answer.status !== status)
    throw new Error(`the world is not as it should be: ${String(answer.status)} ${JSON.stringify(answer.body)}`);
  return answer;
};

export async function makeWorld(tidings: Client & Pick<Following, 'send' | 'settled'>): Promise<World> {
  const later = async (more: object): Promise<string> => (await tidings.send(message(['ana'], { ...LATER, ...more }))).id;
  mustBe(
    201,
    await tidings.patch('/v1/recipients/ana', { email: 'ana@example.com', name: 'Ana', tags: ['vip'], attributes: { city: 'Graz' } }),
  );
  mustBe(200, await tidings.put('/v1/recipients/ana/devices/phone-1', { platform: 'ios', token: 'token-1' }));
  mustBe(200, await tidings.put('/v1/recipients/ana/endpoints/hook-1', { channel: 'webhook', address: 'https://hooks.example.com/a' }));
  mustBe(201, await tidings.put('/v1/categories/orders', { class: 'transactional', title: { en: 'Orders' } }));
  mustBe(201, await tidings.put('/v1/types/every_type', { category: 'orders', priority: 'high', expiresAfter: 'PT2H' }));
  mustBe(201, await tidings.put('/v1/templates/every', draft));
  mustBe(200, await tidings.post('/v1/templates/every/publish'));
  mustBe(200, await tidings.put('/v1/templates/every', { ...draft, locales: { en: { email: { ...MAIL, subject: 'Hi again' } } } }));
  mustBe(200, await tidings.post('/v1/templates/every/publish'));
  const [sent, first, second] = [
    await tidings.send(message(['ana'])),
    await tidings.send(failing('f1')),
    await tidings.send(failing('f2')),
  ];
  for (const { id } of [sent, first, second]) await tidings.settled(id);
  const upload = (more: object) => tidings.post('/v1/batches', { ...message([]), ...more, recipients: ['ana', { name: 'nobody' }] });
  const batch = mustBe(202, await upload({})).body;
  const laterBatch = mustBe(202, await upload(LATER)).body;
  const key = mustBe(201, await tidings.post('/v1/api-keys', { name: 'to be revoked', scopes: ['read'] })).body;
  mustBe(200, await tidings.get(`/v1/batches?after=${laterBatch.position}`));
  return {
    sent: sent.id,
    scheduled: await later({}),
    toCancel: await later({ key: 'every-key' }),
    failed: first.id,
    failedToo: second.id,
    batch: batch.id,
    laterBatch: laterBatch.id,
    apiKey: key.id,
  };
}

/** A call of an operation that must succeed; `refused`: one that can't without breaking the service, with the code it is refused with. */
export type Example = { readonly call: (client: Client, world: World) => Promise<Answer>; readonly refused?: string };
const get = (path: (world: World) => string): Example => ({ call: (client, world) => client.get(path(world)) });
const post = (path: (world: World) => string, body?: object | string, headers?: Record<string, string>): Example => ({
  call: (client, world) => client.post(path(world), body, headers),
});
const put = (path: string, body: object): Example => ({ call: (client) => client.put(path, body) });
const patch = (path: string, body: object): Example => ({ call: (client) => client.patch(path, body) });
const remove = (path: (world: World) => string): Example => ({ call: (client, world) => client.delete(path(world)) });

/** One for each operation, by its id, in the order in which they are called: what takes something away comes last. */
export const EXAMPLES: Readonly<Record<string, Example>> = {
  requestNotification: post(() => '/v1/notifications', message(['ana'])),
  requestNotifications: post(() => '/v1/notifications/bulk', { notifications: [message(['ana']), { type: 'wrong' }] }),
  listNotifications: get(() => '/v1/notifications?recipientId=ana&status=completed&limit=1'),
  getNotification: get(({ sent }) => `/v1/notifications/${sent}`),
  listDeliveries: get(() => '/v1/deliveries?recipientId=ana&outcome=sent&channel=email'),
  listDeliveriesOfNotification: get(({ sent }) => `/v1/notifications/${sent}/deliveries`),
  getDelivery: get(({ sent }) => `/v1/deliveries/${sent}_0`),
  explainDelivery: get(({ sent }) => `/v1/deliveries/${sent}_0/explain`),
  explainNotification: get(({ sent }) => `/v1/notifications/${sent}/explain?recipientId=ana`),
  explain: get(() => '/v1/explain?email=ana@example.com'),
  getTimeline: get(() => '/v1/recipients/ana/timeline'),
  rescheduleNotification: post(({ scheduled }) => `/v1/notifications/${scheduled}/reschedule`, {
    schedule: { local: '2099-02-01T09:00', timeZone: 'Europe/Vienna' },
  }),
  cancelNotification: post(({ scheduled }) => `/v1/notifications/${scheduled}/cancel`, { reason: 'sold out' }),
  cancelByKey: post(() => '/v1/notifications/cancel', { key: 'every-key' }),
  listDeadLetters: get(() => '/v1/dead-letters?type=every_failing'),
  redriveDeadLetter: post(({ failed }) => `/v1/dead-letters/${failed}_0/redrive`, { reason: 'mailbox is back' }),
  retryNotification: post(({ failedToo }) => `/v1/notifications/${failedToo}/retry`),
  redriveDeadLetters: post(() => '/v1/dead-letters/redrive', { type: 'every_failing' }),
  uploadBatch: post(() => '/v1/batches', ndjson([{ ...message([]), recipients: undefined }, 'ana', { email: 'bo@example.com' }]), NDJSON),
  listBatches: get(() => '/v1/batches'),
  getBatch: get(({ batch }) => `/v1/batches/${batch}`),
  listBatchDeliveries: get(({ batch }) => `/v1/batches/${batch}/deliveries`),
  listBatchRejections: get(({ batch }) => `/v1/batches/${batch}/rejections`),
  pauseBatch: post(({ laterBatch }) => `/v1/batches/${laterBatch}/pause`),
  resumeBatch: post(({ laterBatch }) => `/v1/batches/${laterBatch}/resume`),
  rescheduleBatch: post(({ laterBatch }) => `/v1/batches/${laterBatch}/reschedule`, { schedule: { at: '2099-03-01T09:00:00Z' } }),
  cancelBatch: post(({ laterBatch }) => `/v1/batches/${laterBatch}/cancel`, { reason: 'sold out' }),
  uploadAttachment: {
    call: (client) => client.post('/v1/attachments?filename=r.pdf', Buffer.from('%PDF-1.7'), { 'Content-Type': 'application/pdf' }),
  },
  listCaptured: get(({ sent }) => `/v1/captured?notificationId=${sent}`),
  patchRecipient: patch('/v1/recipients/ana', { locale: 'de-AT' }),
  putRecipient: put('/v1/recipients/bo', { email: 'bo@example.com', name: 'Bo' }),
  getRecipient: get(() => '/v1/recipients/ana'),
  listRecipients: get(() => '/v1/recipients?email=ana@example.com'),
  patchRecipients: post(() => '/v1/recipients/bulk', { recipients: [{ recipientId: 'cy', email: 'cy@example.com' }, { email: 'x' }] }),
  putDevice: put('/v1/recipients/ana/devices/phone-2', { platform: 'android', token: 'token-2' }),
  deleteDevice: remove(() => '/v1/recipients/ana/devices/phone-2'),
  putEndpoint: put('/v1/recipients/ana/endpoints/hook-2', { channel: 'wallet', address: 'wallet-2' }),
  deleteEndpoint: remove(() => '/v1/recipients/ana/endpoints/hook-2'),
  putCategory: put('/v1/categories/newsletter', { class: 'marketing', title: { en: 'Newsletter', de: 'Rundbrief' } }),
  patchCategory: patch('/v1/categories/newsletter', { defaultFrequency: 'weekly' }),
  getCategory: get(() => '/v1/categories/newsletter'),
  listCategories: get(() => '/v1/categories'),
  putType: put('/v1/types/order_shipped', {
    category: 'orders',
    template: 'every',
    channels: ['email', 'in_app'],
    routing: { method: 'first', until: 'delivered', wait: 'PT10M' },
    unknownOutcome: 'hold',
  }),
  patchType: patch('/v1/types/order_shipped', { expiresAfter: 'P1D', template: null }),
  getType: get(() => '/v1/types/order_shipped'),
  listTypes: get(() => '/v1/types'),
  putTemplate: put('/v1/templates/another', draft),
  getTemplate: get(() => '/v1/templates/every'),
  listTemplates: get(() => '/v1/templates'),
  publishTemplate: post(() => '/v1/templates/another/publish'),
  rollBackTemplate: post(() => '/v1/templates/every/rollback', { version: 1 }),
  listTemplateVersions: get(() => '/v1/templates/every/versions'),
  previewTemplate: post(() => '/v1/templates/every/preview', { recipientId: 'ana', variables: { name: 'Ana' }, version: 1 }),
  testTemplate: post(() => '/v1/templates/every/test', { recipient: { email: 'author@example.com' }, variables: { name: 'Ana' } }),
  createTenant: post(() => '/v1/tenants', { id: 'acme', name: 'Acme' }),
  createApiKey: post(() => '/v1/api-keys', { name: 'of acme', scopes: ['send', 'read'], tenantId: 'acme', mode: 'test' }),
  listApiKeys: get(() => '/v1/api-keys'),
  getSettings: get(() => '/v1/settings'),
  patchSettings: patch('/v1/settings', { locale: 'de-AT', sender: { name: 'Acme' } }),
  listAudit: get(() => '/v1/compliance/audit?action=createTenant'),
  listProjections: get(() => '/v1/projections'),
  listParkedEvents: get(() => '/v1/projections/templates/parked'),
  retryParkedEvent: { ...post(() => '/v1/projections/templates/parked/nothing/retry'), refused: 'parked_event_not_found' },
  skipParkedEvent: { ...post(() => '/v1/projections/templates/parked/nothing/skip'), refused: 'parked_event_not_found' },
  listParkedActions: get(() => '/v1/actions/parked'),
  retryParkedAction: { ...post(() => '/v1/actions/parked/nothing/retry'), refused: 'parked_action_not_found' },
  rebuildProjection: post(() => '/v1/projections/templates/rebuild'),
  live: get(() => '/health/live'),
  ready: get(() => '/health/ready'),
  metrics: get(() => '/metrics'),
  openapi: get(() => '/openapi.json'),
  docs: get(() => '/docs'),
  docsScript: get(() => '/docs/redoc.js'),
  clearCaptured: remove(() => '/v1/captured'),
  revokeApiKey: remove(({ apiKey }) => `/v1/api-keys/${apiKey}`),
};
