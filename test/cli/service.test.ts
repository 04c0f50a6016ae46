import { writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { dataDirOf, fakeService, scratch, tidings } from '../support/cli.ts';

const none = { status: 200, body: { data: [], nextCursor: null } };

test('the service and its key are found in the data directory', async () => {
  const service = await fakeService(() => none);
  const { exit } = await tidings(['projections'], { TIDINGS_DATA_DIR: dataDirOf(service) });
  expect(exit).toBe(0);
  expect(service.asked.map(({ method, path, headers }) => [method, path, headers.authorization])).toStrictEqual([
    ['GET', '/v1/projections', 'Bearer the-admin-key-of-this-directory'],
  ]);
});

test('a named key comes before the environment, and that before the admin key', async () => {
  const service = await fakeService(() => none);
  const directory = dataDirOf(service);
  writeFileSync(join(directory, 'named'), 'named-key\n');
  writeFileSync(join(directory, 'from-file'), 'file-key\n');
  const all = {
    TIDINGS_DATA_DIR: directory,
    TIDINGS_API_KEY: 'api-key',
    TIDINGS_ADMIN_KEY: 'admin-key',
    TIDINGS_ADMIN_KEY_FILE: join(directory, 'from-file'),
  };
  await tidings(['projections', '--key-file', join(directory, 'named')], all);
  await tidings(['projections'], all);
  await tidings(['projections'], { ...all, TIDINGS_API_KEY: '' });
  await tidings(['projections'], { ...all, TIDINGS_API_KEY: '', TIDINGS_ADMIN_KEY: '' });
  expect(service.asked.map(({ headers }) => headers.authorization)).toStrictEqual([
    'Bearer named-key',
    'Bearer api-key',
    'Bearer admin-key',
    'Bearer file-key',
  ]);
});

test('the admin key of this installation is not sent to another machine', async () => {
  const directory = dataDirOf({ url: 'http://127.0.0.1:1' });
  const { exit, err } = await tidings(['projections', '--url', 'https://tidings.example.com'], { TIDINGS_DATA_DIR: directory });
  expect(exit).toBe(2);
  expect(err).toBe('Say which key to use there: --key-file <file>, or TIDINGS_API_KEY. The local admin key stays here.\n');
});

test.each(['ftp://127.0.0.1', 'http://user:word@127.0.0.1', '127.0.0.1:3000'])('%s is no URL of a service', async (url) => {
  const { exit } = await tidings(['projections', '--url', url], { TIDINGS_API_KEY: 'key' });
  expect(exit).toBe(2);
});

test('where nothing runs it says how to start', async () => {
  const directory = scratch();
  const { exit, err } = await tidings(['projections'], { TIDINGS_DATA_DIR: directory });
  expect(exit).toBe(3);
  expect(err).toContain(`No service runs on the data directory ${directory}.\nStart it (npm start)`);
});

test('a service that has died is unreachable', async () => {
  const gone = createServer();
  await new Promise<void>((resolve) => gone.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(gone.address() as AddressInfo).port}`;
  await new Promise((resolve) => gone.close(resolve));
  const { exit, err } = await tidings(['projections', '--url', url], { TIDINGS_API_KEY: 'key' });
  expect(exit).toBe(3);
  expect(err).toBe(`${url} cannot be reached (ECONNREFUSED).\nDoes it run? See ./tidings doctor; elsewhere: --url <url>\n`);
});

test('a service that does not answer is waited for no longer than told', async () => {
  const service = await fakeService(() => 'hang');
  const { exit, err } = await tidings(['projections', '--timeout', '0.1'], { TIDINGS_DATA_DIR: dataDirOf(service) });
  expect(exit).toBe(3);
  expect(err).toContain('did not answer within 0.1 s');
  expect((await tidings(['projections', '--timeout', 'soon'], { TIDINGS_DATA_DIR: dataDirOf(service) })).exit).toBe(2);
});

test('a redirect is not followed, and what is not Tidings is told so', async () => {
  const service = await fakeService(({ path }) =>
    path === '/v1/projections' ? { status: 302, body: {}, headers: { Location: '/elsewhere' } } : none,
  );
  const { exit, err } = await tidings(['projections'], { TIDINGS_DATA_DIR: dataDirOf(service) });
  expect(exit).toBe(3);
  expect(err).toBe(`What answers at ${service.url} is not Tidings (status 302): check --url.\n`);
  expect(service.asked).toHaveLength(1);
  const page = await fakeService(() => ({ status: 200, body: '<html>' }));
  expect((await tidings(['projections'], { TIDINGS_DATA_DIR: dataDirOf(page) })).exit).toBe(3);
});

const problem = (status: number, code: string, more: object = {}) => ({
  status,
  body: { type: `urn:tidings:problem:${code}`, title: 'A title', status, detail: 'Do this next.', code, requestId: 'r-1', ...more },
});

test('a refusal is shown with everything that is wrong and what to do next', async () => {
  const errors = [
    { path: '/recipients/3/email', message: 'must not be empty' },
    { path: '/type', message: 'is missing' },
  ];
  const service = await fakeService(() => problem(422, 'validation_failed', { errors }));
  const { exit, out, err } = await tidings(['projections'], { TIDINGS_DATA_DIR: dataDirOf(service) });
  expect({ exit, out }).toStrictEqual({ exit: 1, out: '' });
  expect(err).toBe(
    'A title (validation_failed)\nDo this next.\n  /recipients/3/email: must not be empty\n  /type: is missing\nrequest r-1\n',
  );
});

test.each([
  [401, 'unauthenticated', 1, 'Is it the key of this service?'],
  [403, 'missing_scope', 1, 'Use a key that has the scope'],
  [503, 'overloaded', 3, 'Do this next.'],
])('%i %s ends with %i', async (status, code, exit, said) => {
  const service = await fakeService(() => problem(status, code));
  const ran = await tidings(['projections'], { TIDINGS_DATA_DIR: dataDirOf(service) });
  expect(ran.exit).toBe(exit);
  expect(ran.err).toContain(said);
});

test('what a server says cannot steer the terminal', async () => {
  const service = await fakeService(() => problem(409, 'contended', { title: 'red \u001b[31m\u202e title' }));
  const { err } = await tidings(['projections'], { TIDINGS_DATA_DIR: dataDirOf(service) });
  expect(err.split('\n')[0]).toBe('red \\u001b[31m\\u202e title (contended)');
});
