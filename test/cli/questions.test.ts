import { expect, test } from 'vitest';
import { dataDirOf, fakeService, tidings } from '../support/cli.ts';

const ID = '0193b2c4-5d6e-8f70-8123-456789abcdef';
const trace = (n: number, sentence: string) => ({
  deliveryId: `${ID}_${n}`,
  notificationId: ID,
  recipientId: 'user-1',
  channel: 'email',
  gates: [
    { gate: 'consent', verdict: 'pass', because: 'a transactional message needs no consent', at: '2026-11-21T10:00:00.000Z' },
    { gate: 'expiry', verdict: 'suppress', code: 'expired', because: 'it expired', at: '2026-11-21T10:00:00.000Z' },
  ],
  timeline: [{ at: '2026-11-21T10:00:00.000Z', event: 'NotificationRequested', what: 'requested', position: '01' }],
  sentence,
});
const asked = (service: Awaited<ReturnType<typeof fakeService>>) => service.asked.map(({ method, path, body }) => [method, path, body]);

const TRACE = `delivery ${ID}_0: email to user-1
It was not sent.

GATE     VERDICT   CODE     BECAUSE
consent  pass      -        a transactional message needs no consent
expiry   suppress  expired  it expired

AT                        EVENT                  WHAT
2026-11-21T10:00:00.000Z  NotificationRequested  requested

`;

test('a delivery is explained: sentence, gates, timeline', async () => {
  const service = await fakeService(() => ({ status: 200, body: trace(0, 'It was not sent.') }));
  const env = { TIDINGS_DATA_DIR: dataDirOf(service) };
  expect(await tidings(['explain', `${ID}_0`], env)).toStrictEqual({ exit: 0, out: TRACE, err: '' });
  expect(asked(service)).toStrictEqual([['GET', `/v1/deliveries/${ID}_0/explain`, undefined]]);
});

test('a notification is explained delivery by delivery, or for one person', async () => {
  const service = await fakeService(({ path }) => {
    if (path.includes('/notifications/') && path.includes('/deliveries'))
      return { status: 200, body: { data: [{ id: `${ID}_0` }, { id: `${ID}_8` }], nextCursor: 'more' } };
    return { status: 200, body: path.includes('recipientId') ? { data: [trace(0, 'a')] } : trace(0, 'a') };
  });
  const env = { TIDINGS_DATA_DIR: dataDirOf(service) };
  const all = await tidings(['explain', ID], env);
  expect(all.out.match(/^delivery /gm)).toHaveLength(2);
  expect(all.out).toContain('These are the first 20: name a --recipient.');
  await tidings(['explain', ID, '--recipient', 'user 1/x'], env);
  expect(asked(service).map(([, path]) => path)).toStrictEqual([
    `/v1/notifications/${ID}/deliveries?limit=20`,
    `/v1/deliveries/${ID}_0/explain`,
    `/v1/deliveries/${ID}_8/explain`,
    `/v1/notifications/${ID}/explain?recipientId=user+1%2Fx`,
  ]);
});

test('a person is asked about without an id, and "never requested" is an answer', async () => {
  const service = await fakeService(() => ({
    status: 200,
    body: { data: [], code: 'never_requested', sentence: 'Nothing was requested.' },
  }));
  const argv = ['explain', '--email', 'ana+x@example.com', '--type', 'welcome', '--since', '2026-11-01T00:00:00Z'];
  const { exit, out } = await tidings(argv, { TIDINGS_DATA_DIR: dataDirOf(service) });
  expect({ exit, out }).toStrictEqual({ exit: 0, out: 'Nothing was requested.\n' });
  expect(asked(service)[0]?.[1]).toBe('/v1/explain?email=ana%2Bx%40example.com&type=welcome&since=2026-11-01T00%3A00%3A00Z');
});

test('somebody who was refused is told so, once', async () => {
  const sentence = '“welcome” was asked for this person and refused at once: write it as local@domain (invalid_email).';
  const refusal = { status: 'rejected_at_accept', recipientId: 'user-1', code: 'invalid_email', gates: [], timeline: [], sentence };
  const service = await fakeService(() => ({ status: 200, body: { data: [refusal], code: 'rejected_at_accept', sentence } }));
  const { exit, out } = await tidings(['explain', '--recipient', 'user-1'], { TIDINGS_DATA_DIR: dataDirOf(service) });
  expect({ exit, out }).toStrictEqual({ exit: 0, out: `refused: user-1\n${sentence}\n\n` });
});

test.each([
  ['nobody', []],
  ['two people at once', ['--email', 'a@example.com', '--recipient', 'user-1']],
  ['an id and a type', [ID, '--type', 'welcome']],
])('explain with %s is wrong usage', async (_, argv) => {
  const service = await fakeService(() => ({ status: 200, body: {} }));
  expect((await tidings(['explain', ...argv], { TIDINGS_DATA_DIR: dataDirOf(service) })).exit).toBe(2);
  expect(service.asked).toStrictEqual([]);
});

const projection = (name: string, more: object = {}) => ({
  name,
  suffix: '_v1',
  version: 1,
  status: 'live',
  position: '01',
  head: '02',
  lag: 0,
  rate: 12.5,
  parked: 0,
  ...more,
});

test('projections are a table, and parked events say what to do', async () => {
  const data = [
    projection('audit', { lag: 150_000, status: 'stopped', reason: 'head_below_checkpoint' }),
    projection('notifications', { parked: 2 }),
  ];
  const service = await fakeService(() => ({ status: 200, body: { data, nextCursor: null } }));
  const env = { TIDINGS_DATA_DIR: dataDirOf(service) };
  const { exit, out, err } = await tidings(['projections'], env);
  expect(exit).toBe(0);
  expect(out).toBe(`NAME           VERSION  STATUS                           POSITION  LAG    EVENTS/S  PARKED
audit          1        stopped (head_below_checkpoint)  01        3 min  12.5      0
notifications  1        live                             01        0 ms   12.5      2
`);
  expect(err).toContain('Parked events wait for a hand');
  expect(JSON.parse((await tidings(['projections', '--json'], env)).out)).toStrictEqual({ data, nextCursor: null });
});

test('a rebuild is asked for by name', async () => {
  const service = await fakeService(() => ({ status: 202, body: { name: 'notifications' } }));
  const { exit, out } = await tidings(['rebuild', 'notifications'], { TIDINGS_DATA_DIR: dataDirOf(service) });
  expect(exit).toBe(0);
  expect(out).toContain('notifications is being rebuilt');
  expect(asked(service)).toStrictEqual([['POST', '/v1/projections/notifications/rebuild', undefined]]);
});

const dead = {
  id: `${ID}_0`,
  notificationId: ID,
  recipientId: 'canary@example.com',
  type: 'welcome',
  channel: 'email',
  status: 'dead_lettered',
  code: 'connection_refused',
  provider: 'smtp',
  attempts: [{}, {}],
  createdAt: '2026-11-21T10:00:00.000Z',
};

test('dead letters are listed without names, filtered and paged', async () => {
  const service = await fakeService(() => ({ status: 200, body: { data: [dead], nextCursor: 'c2' } }));
  const env = { TIDINGS_DATA_DIR: dataDirOf(service) };
  const { out, err } = await tidings(['dlq', 'list', '--channel', 'email', '--batch', 'b1', '--limit', '5', '--cursor', 'c1'], env);
  expect(out).toBe(
    `DELIVERY                                TYPE     CHANNEL  STATUS         CODE                PROVIDER  ATTEMPTS  CREATED
${ID}_0  welcome  email    dead_lettered  connection_refused  smtp      2         2026-11-21T10:00:00.000Z
`,
  );
  expect(err).toBe('There are more: --cursor c2\n');
  expect(asked(service)[0]?.[1]).toBe('/v1/dead-letters?channel=email&batchId=b1&limit=5&cursor=c1');
  expect((await tidings(['dlq', 'list', '--json'], env)).out).toContain('canary@example.com');
});

test('dead letters are sent on their way again, one by one or by filter', async () => {
  const service = await fakeService(({ path }) => ({
    status: 202,
    body: path === '/v1/dead-letters/redrive' ? { deliveries: 1000, notifications: 20, more: true } : { deliveries: 1 },
  }));
  const env = { TIDINGS_DATA_DIR: dataDirOf(service) };
  expect(await tidings(['dlq', 'redrive', `${ID}_0`], env)).toStrictEqual({ exit: 0, out: 'on their way again: 1\n', err: '' });
  expect(await tidings(['dlq', 'redrive', '--provider', 'smtp', '--reason', 'it is back'], env)).toStrictEqual({
    exit: 0,
    out: 'on their way again: 1000\n',
    err: 'There are more that fit: run it again.\n',
  });
  expect(asked(service)).toStrictEqual([
    ['POST', `/v1/dead-letters/${ID}_0/redrive`, {}],
    ['POST', '/v1/dead-letters/redrive', { provider: 'smtp', reason: 'it is back' }],
  ]);
  for (const argv of [[], ['--reason', 'why not'], [`${ID}_0`, '--type', 'welcome']])
    expect((await tidings(['dlq', 'redrive', ...argv], env)).exit).toBe(2);
  expect(service.asked).toHaveLength(2);
});
