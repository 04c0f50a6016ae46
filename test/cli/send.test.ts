import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { dataDirOf, fakeService, scratch, tidings } from '../support/cli.ts';

const ACCEPTED = {
  id: '0193b2c4-5d6e-8f70-8123-456789abcdef',
  status: 'accepted',
  createdAt: '2026-11-21T10:00:00.000Z',
  position: '0000000000000007',
  recipients: [
    { index: 0, recipientId: 'user-1', status: 'accepted' },
    { index: 1, recipientId: 'addr_x', status: 'rejected', code: 'invalid_phone', detail: 'write it with its country' },
  ],
};
const accepting = (replayed = false) =>
  fakeService(() => ({ status: 202, body: ACCEPTED, headers: replayed ? { 'Idempotency-Replayed': 'true' } : {} }));

test('options become the request, word for word', async () => {
  const service = await accepting();
  const argv = [
    'send',
    '--type',
    'welcome',
    '--category',
    'transactional',
    '--recipient',
    'user-1',
    '--email',
    'a@example.com',
    'b@example.com',
  ];
  const more = ['--phone', '+4366412345678', '--subject', 'Hello {{ name }}', '--text', 'Hi', '--html', '<p>Hi</p>', '--sms', 'Hi there'];
  const rest = [
    '--var',
    'name=Ana',
    'count=3',
    'note=a=b',
    '--channel',
    'email',
    'sms',
    '--priority',
    'high',
    '--at',
    '2026-12-01T09:00:00Z',
  ];
  const env = { TIDINGS_DATA_DIR: dataDirOf(service) };
  const { exit } = await tidings([...argv, ...more, ...rest, '--key', 'order-1', '--idempotency-key', 'once'], env);
  expect(exit).toBe(0);
  const [asked] = service.asked;
  expect([asked?.method, asked?.path, asked?.headers['idempotency-key']]).toStrictEqual(['POST', '/v1/notifications', 'once']);
  expect(asked?.body).toStrictEqual({
    type: 'welcome',
    recipients: ['user-1', { email: 'a@example.com' }, { email: 'b@example.com' }, { phone: '+4366412345678' }],
    category: 'transactional',
    priority: 'high',
    key: 'order-1',
    content: { email: { subject: 'Hello {{ name }}', text: 'Hi', html: '<p>Hi</p>' }, sms: { text: 'Hi there' } },
    channels: ['email', 'sms'],
    variables: { name: 'Ana', count: 3, note: 'a=b' },
    schedule: { at: '2026-12-01T09:00:00Z' },
  });
});

test('what is not given is not in the request', async () => {
  const service = await accepting();
  const argv = ['send', '--type', 'welcome', '--recipient', 'user-1', '--template', 'welcome'];
  await tidings(argv, { TIDINGS_DATA_DIR: dataDirOf(service) });
  expect(service.asked[0]?.body).toStrictEqual({ type: 'welcome', recipients: ['user-1'], template: 'welcome' });
  expect(service.asked[0]?.headers['idempotency-key']).toMatch(/^[\da-f-]{36}$/);
});

test('the verdicts are printed, one line each', async () => {
  const service = await accepting();
  const argv = ['send', '--type', 'welcome', '--recipient', 'user-1'];
  const { out } = await tidings(argv, { TIDINGS_DATA_DIR: dataDirOf(service) });
  expect(out).toBe(`accepted ${ACCEPTED.id}

#  RECIPIENT  STATUS    WHY
0  user-1     accepted  -
1  addr_x     rejected  invalid_phone: write it with its country

What becomes of it: ./tidings explain ${ACCEPTED.id}
`);
  const { out: json } = await tidings([...argv, '--json'], { TIDINGS_DATA_DIR: dataDirOf(service) });
  expect(JSON.parse(json)).toStrictEqual(ACCEPTED);
});

test('a repeat says that it is one', async () => {
  const service = await accepting(true);
  const argv = ['send', '--type', 'welcome', '--recipient', 'user-1', '--idempotency-key', 'once'];
  const { out } = await tidings(argv, { TIDINGS_DATA_DIR: dataDirOf(service) });
  expect(out.split('\n')[0]).toBe(`accepted ${ACCEPTED.id} (already, by the same idempotency key)`);
});

test('a whole request comes from a file or from stdin', async () => {
  const service = await accepting();
  const request = { type: 'welcome', recipients: ['user-1'] };
  const file = join(scratch(), 'request.json');
  writeFileSync(file, JSON.stringify(request));
  const env = { TIDINGS_DATA_DIR: dataDirOf(service) };
  expect((await tidings(['send', '--file', file], env)).exit).toBe(0);
  expect((await tidings(['send', '--file', '-'], env, JSON.stringify(request))).exit).toBe(0);
  expect(service.asked.map(({ body }) => body)).toStrictEqual([request, request]);
});

test.each([
  ['no type', ['--recipient', 'user-1'], '--type is missing'],
  ['nobody', ['--type', 'welcome'], 'Nobody is named'],
  ['a file and more', ['--file', '-', '--type', 'welcome', '--sms', 'x'], '--file holds the whole request: leave out --type, --sms.'],
  ['a file that is not there', ['--file', '/nowhere/request.json'], '/nowhere/request.json cannot be read.'],
  ['stdin that is not JSON', ['--file', '-'], 'What came on stdin is not JSON.'],
  ['a variable without a value', ['--type', 'welcome', '--recipient', 'u', '--var', 'name'], '--var takes name=value.'],
  ['an unknown channel', ['--channel', 'pigeon'], "argument 'pigeon' is invalid"],
])('%s is wrong usage, and nothing is sent', async (_, argv, said) => {
  const service = await accepting();
  const { exit, err } = await tidings(['send', ...argv], { TIDINGS_DATA_DIR: dataDirOf(service) }, 'no json');
  expect(exit).toBe(2);
  expect(err).toContain(said);
  expect(service.asked).toStrictEqual([]);
});

test('when the answer is lost, it says how to repeat without sending twice', async () => {
  const service = await fakeService(() => 'hang');
  const argv = ['send', '--type', 'welcome', '--recipient', 'user-1', '--timeout', '3'];
  const { exit, err } = await tidings(argv, { TIDINGS_DATA_DIR: dataDirOf(service) });
  expect(exit).toBe(3);
  const used = String(service.asked[0]?.headers['idempotency-key']);
  expect(err).toContain(`To send it again without sending it twice: --idempotency-key ${used}\n`);
});
