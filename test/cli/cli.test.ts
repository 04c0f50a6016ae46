import { expect, test } from 'vitest';
import { scratch, tidings } from '../support/cli.ts';

const COMMANDS = [
  ['start'],
  ['migrate'],
  ['config'],
  ['send'],
  ['explain'],
  ['rebuild'],
  ['projections'],
  ['dlq'],
  ['dlq', 'list'],
  ['dlq', 'redrive'],
  ['keys'],
  ['keys', 'rotate'],
  ['keys', 'backup'],
  ['keys', 'restore'],
  ['doctor'],
];

test.each(COMMANDS)('%s %s has a help with an example', async (...command) => {
  const { exit, out, err } = await tidings([...command.filter((it) => typeof it === 'string'), '--help']);
  expect({ exit, err }).toStrictEqual({ exit: 0, err: '' });
  expect(out).toMatch(/^Usage: tidings /);
  expect(out).toMatch(/Examples?:\n {2}\$ /);
});

test('the help names every command and the exit codes', async () => {
  const { exit, out } = await tidings(['--help']);
  expect(exit).toBe(0);
  for (const [name] of COMMANDS) expect(out).toContain(`\n  ${name ?? ''}`);
  expect(out).toContain('Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 unreachable, 78 wrong configuration.');
});

test.each([
  ['an unknown command', ['sned'], "unknown command 'sned'\n(Did you mean send?)"],
  ['an unknown option', ['config', '--yaml'], "unknown option '--yaml'"],
  ['an argument too many', ['projections', 'all'], 'too many arguments'],
  ['an argument too few', ['keys', 'backup'], "missing required argument 'file'"],
  ['start with arguments', ['start', '--port', '80'], "unknown option '--port'"],
])('%s is wrong usage', async (_, argv, said) => {
  const { exit, out, err } = await tidings(argv);
  expect({ exit, out }).toStrictEqual({ exit: 2, out: '' });
  expect(err).toContain(said);
});

test('a command with commands of its own shows them when none is named', async () => {
  for (const command of ['dlq', 'keys']) {
    const { exit, err } = await tidings([command]);
    expect(exit).toBe(2);
    expect(err).toContain(`Usage: tidings ${command} `);
  }
});

test('the version is that of the package', async () => {
  expect(await tidings(['--version'])).toStrictEqual({ exit: 0, out: '0.1.0\n', err: '' });
});

const SECRET = 'canary-s3cret-canary-s3cret';

test('config shows every setting as it was read, and no secret', async () => {
  const env = { PORT: '8080', DATABASE_URL: `postgres://tidings:${SECRET}@db.example.com/tidings`, TIDINGS_ADMIN_KEY: SECRET };
  const { exit, out, err } = await tidings(['config'], env);
  expect({ exit, err }).toStrictEqual({ exit: 0, err: '' });
  const rows = out.split('\n').map((line) => line.split(/ {2,}/));
  expect(rows[0]).toStrictEqual(['SETTING', 'FROM', 'VALUE']);
  expect(rows).toContainEqual(['PORT', 'environment', '8080']);
  expect(rows).toContainEqual(['HOST', 'default', '127.0.0.1']);
  expect(rows).toContainEqual(['DATABASE_URL', 'environment', 'postgres://tidings:***@db.example.com/tidings']);
  expect(rows).toContainEqual(['TIDINGS_ADMIN_KEY', 'environment', '(set)']);
  expect(out).not.toContain(SECRET);
  const { out: untouched } = await tidings(['config', '--json'], { TIDINGS_ROLES: 'worker' });
  const shown = new Map(JSON.parse(untouched).map(({ name, value, from }: any) => [name, [value, from]]));
  expect(shown.get('TIDINGS_ROLES')).toStrictEqual(['worker', 'environment']);
  const defaults = { PORT: '3001', EMAIL_PROVIDERS: 'capture', WALLET_PROVIDERS: 'capture', EMAIL_FROM: 'Tidings <tidings@localhost>' };
  for (const [name, value] of Object.entries(defaults)) expect([name, shown.get(name)]).toStrictEqual([name, [value, 'default']]);
  const { out: json } = await tidings(['config', '--json'], env);
  expect(JSON.parse(json)).toContainEqual({ name: 'PORT', value: '8080', from: 'environment' });
  expect(json).not.toContain(SECRET);
});

test('all that is wrong with the configuration is listed, for every command that needs one', async () => {
  const env = { PORT: SECRET, TIDINGS_ROLLS: SECRET };
  for (const argv of [['config'], ['migrate'], ['keys', 'rotate']]) {
    const { exit, out, err } = await tidings(argv, env);
    expect({ exit, out }).toStrictEqual({ exit: 78, out: '' });
    expect(err).toBe(
      'The configuration is wrong:\n  PORT: expected a whole number from 0 to 65535\n  TIDINGS_ROLLS: expected nothing: there is no such setting\n',
    );
  }
});

test('the key of the command line may stand in the environment of the service', async () => {
  expect((await tidings(['config'], { TIDINGS_API_KEY: SECRET })).exit).toBe(0);
});

test('keys are not touched without master keys, and none are made', async () => {
  const directory = scratch();
  const { exit, err } = await tidings(['keys', 'backup', `${directory}/keys`], { TIDINGS_DATA_DIR: directory });
  expect(exit).toBe(78);
  expect(err).toBe(
    `There are no master keys, which all other keys are wrapped by.\nSet TIDINGS_MASTER_KEYS, or put the file ${directory}/master-keys back from your backup.\n`,
  );
});
