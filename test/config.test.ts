import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type Config, describeProblems, parseConfig } from '../src/config.ts';
import type { Environment } from '../src/config/settings.ts';

const CANARY = 'canary-s3cret-canary-s3cret';
const MASTER = `k1:${randomBytes(32).toString('base64')}`;
const SOUND = { TIDINGS_ADMIN_KEY: 'a-key-of-more-than-24-characters', TIDINGS_MASTER_KEYS: MASTER, TIDINGS_ALLOW: 'capture' };

const noFiles = (): string => {
  throw new Error('ENOENT');
};

function configOf(env: Environment, readFile = noFiles as (path: string) => string): Config {
  const parsed = parseConfig(env, readFile);
  if ('problems' in parsed) throw new Error(describeProblems(parsed.problems));
  return parsed.config;
}

const wrong = (env: Environment, readFile = noFiles as (path: string) => string): readonly string[] => {
  const parsed = parseConfig(env, readFile);
  return 'problems' in parsed ? parsed.problems.map(({ name }) => name) : [];
};

describe('the configuration', () => {
  test('needs nothing', () => {
    const { shown, ...config } = configOf({});
    expect(config).toStrictEqual({
      exposed: false,
      http: { host: '127.0.0.1', port: 3000, orNext: true },
      dataDir: './.tidings',
      roles: ['api', 'worker', 'projector', 'ingest'],
      database: 'embedded',
      keys: 'database',
      eventStore: 'database',
      rateLimits: { key: 5000, tenant: 10_000, keyCommands: 300_000, tenantCommands: 600_000, credentials: 600 },
      providers: {
        email: ['capture'],
        sms: ['capture'],
        push: ['capture'],
        in_app: ['capture'],
        webhook: ['capture'],
        wallet: ['capture'],
      },
      email: { from: 'Tidings <tidings@localhost>' },
      shutdownMs: 25_000,
      logLevel: 'info',
    });
    expect(shown.every(({ from }) => from === 'default')).toBe(true);
  });

  test('is frozen all the way down', () => {
    const config = configOf({});
    expect([config, config.http, config.roles, config.providers.email].every((it) => Object.isFrozen(it))).toBe(true);
  });

  test('takes everything that is set', () => {
    const privateKey = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
    const { shown: _, ...config } = configOf({
      ...SOUND,
      TIDINGS_ALLOW: '',
      PORT: '0',
      HOST: 'localhost',
      TIDINGS_DATA_DIR: '/srv/tidings',
      TIDINGS_ROLES: 'worker, api',
      DATABASE_URL: 'postgres://app:pw@db.example.com/tidings?sslmode=verify-full',
      DATABASE_MIGRATION_URL: 'postgres://owner:pw@db.example.com/tidings?sslmode=verify-full',
      TIDINGS_KEYS_URL: 'postgresql://app@keys.example.com/keys',
      EVENT_STORE_URL: 'memory:',
      REDIS_URL: 'rediss://user:p%40ss@redis.example.com:6380/2',
      TIDINGS_RATE_LIMIT_KEY: '1',
      TIDINGS_RATE_LIMIT_TENANT: '2',
      TIDINGS_RATE_LIMIT_KEY_COMMANDS: '3',
      TIDINGS_RATE_LIMIT_TENANT_COMMANDS: '4',
      TIDINGS_RATE_LIMIT_CREDENTIALS: '0',
      TIDINGS_PUBLIC_URL: 'https://tidings.example.com/',
      EMAIL_PROVIDERS: 'smtp',
      SMTP_URL: 'smtp://u:p@mail.example.com',
      EMAIL_FROM: 'Shop <shop@example.com>',
      DKIM_DOMAIN: 'Example.com',
      DKIM_SELECTOR: 's1',
      DKIM_PRIVATE_KEY: privateKey.replaceAll('\n', '\\n'),
      TIDINGS_RECIPIENT_ALLOWLIST: 'Ana@example.com, example.org',
      TIDINGS_JWT_ISSUER: 'https://login.example.com',
      TIDINGS_JWT_AUDIENCE: 'tidings',
      TIDINGS_JWT_JWKS_URL: 'https://login.example.com/jwks',
      TIDINGS_SHUTDOWN_MS: '5000',
      LOG_LEVEL: 'debug',
    });
    expect(config).toStrictEqual({
      exposed: false,
      http: { host: 'localhost', port: 0, orNext: false, publicUrl: 'https://tidings.example.com' },
      dataDir: '/srv/tidings',
      roles: ['api', 'worker'],
      database: {
        url: 'postgres://app:pw@db.example.com/tidings?sslmode=verify-full',
        migrationUrl: 'postgres://owner:pw@db.example.com/tidings?sslmode=verify-full',
      },
      keys: { url: 'postgresql://app@keys.example.com/keys', migrationUrl: 'postgresql://app@keys.example.com/keys' },
      eventStore: 'memory',
      redisUrl: 'rediss://user:p%40ss@redis.example.com:6380/2',
      rateLimits: { key: 1, tenant: 2, keyCommands: 3, tenantCommands: 4, credentials: 0 },
      adminKey: SOUND.TIDINGS_ADMIN_KEY,
      masterKeys: MASTER,
      providers: { email: ['smtp'], sms: ['capture'], push: ['capture'], in_app: ['capture'], webhook: ['capture'], wallet: ['capture'] },
      email: {
        from: 'Shop <shop@example.com>',
        smtpUrl: 'smtp://u:p@mail.example.com',
        dkim: { domain: 'example.com', selector: 's1', privateKey },
      },
      allowlist: ['ana@example.com', 'example.org'],
      jwt: { issuer: 'https://login.example.com', audience: 'tidings', jwksUrl: 'https://login.example.com/jwks' },
      shutdownMs: 5_000,
      logLevel: 'debug',
    });
  });

  test.each([
    'esdb://localhost:2113?tls=false',
    'esdb://user:p%40ss@one.example.com,two.example.com:2114,three?nodePreference=follower&keepAliveTimeout=5000',
    'esdb+discover://user:pass@cluster.example.com:2113/?tlsCAFile=/etc/ca.crt',
    'kurrentdb://[::1]:2113?tls=false',
    'kurrentdb+discover://cluster.example.com',
  ])('takes the event store %s', (url) => {
    expect(configOf({ ...SOUND, EVENT_STORE_URL: url }).eventStore).toStrictEqual({ esdb: url });
    const named = configOf({ ...SOUND, EVENT_STORE_URL: url, EVENT_STORE_PREFIX: 'acme_2' });
    expect(named.eventStore).toStrictEqual({ esdb: url, prefix: 'acme_2' });
  });

  test.each<[string, Environment, readonly string[]]>([
    ['a port out of range', { PORT: '70000' }, ['PORT']],
    ['a role that is none', { TIDINGS_ROLES: 'api,clerk' }, ['TIDINGS_ROLES']],
    ['a database that is none', { DATABASE_URL: 'mysql://db/x' }, ['DATABASE_URL']],
    ['a database without a name', { DATABASE_URL: 'postgres://db' }, ['DATABASE_URL']],
    ['an owner without a service', { DATABASE_MIGRATION_URL: 'postgres://db/x' }, ['DATABASE_MIGRATION_URL']],
    ['an event store that is none', { EVENT_STORE_URL: 'mongodb://localhost:27017/log' }, ['EVENT_STORE_URL']],
    ['a name for what no others use', { EVENT_STORE_PREFIX: 'acme' }, ['EVENT_STORE_PREFIX']],
    ['a name with a dash', { EVENT_STORE_URL: 'esdb://h:2113', EVENT_STORE_PREFIX: 'acme-1' }, ['EVENT_STORE_PREFIX']],
    ['an event store without a host', { EVENT_STORE_URL: 'esdb://user:secret@?tls=false' }, ['EVENT_STORE_URL']],
    [
      'an event store with an option that its client does not know',
      { EVENT_STORE_URL: 'esdb://h:2113?tlsVerifyCert=false' },
      ['EVENT_STORE_URL'],
    ],
    ['an event store that does not throw', { EVENT_STORE_URL: 'esdb://h:2113?throw_on_append_failure=false' }, ['EVENT_STORE_URL']],
    ['master keys of the wrong length', { TIDINGS_MASTER_KEYS: 'k1:abcd' }, ['TIDINGS_MASTER_KEYS']],
    ['both spellings of the master keys', { TIDINGS_MASTER_KEYS: MASTER, TIDINGS_MASTER_KEY: MASTER }, ['TIDINGS_MASTER_KEY']],
    ['a short admin key', { TIDINGS_ADMIN_KEY: 'short' }, ['TIDINGS_ADMIN_KEY']],
    ['smtp without its settings', { EMAIL_PROVIDERS: 'smtp' }, ['SMTP_URL', 'EMAIL_FROM']],
    ['capture beside a provider', { EMAIL_PROVIDERS: 'smtp,capture', SMTP_URL: 'smtp://h', EMAIL_FROM: 'a@b.c' }, ['EMAIL_PROVIDERS']],
    ['a provider that does not exist', { SMS_PROVIDERS: 'twilio' }, ['SMS_PROVIDERS']],
    ['a sender with a line break', { EMAIL_FROM: 'a@b.c\r\nBcc: d@e.f' }, ['EMAIL_FROM']],
    ['half a DKIM key', { DKIM_DOMAIN: 'example.com' }, ['DKIM_SELECTOR', 'DKIM_PRIVATE_KEY']],
    ['half a JWT issuer', { TIDINGS_JWT_ISSUER: 'x' }, ['TIDINGS_JWT_AUDIENCE', 'TIDINGS_JWT_JWKS_URL']],
    [
      'keys over an open network',
      { TIDINGS_JWT_ISSUER: 'x', TIDINGS_JWT_AUDIENCE: 'y', TIDINGS_JWT_JWKS_URL: 'http://x.example/jwks' },
      ['TIDINGS_JWT_JWKS_URL'],
    ],
    ['a misspelt setting', { TIDINGS_ROLLS: 'api' }, ['TIDINGS_ROLLS']],
    ['what comes later', { KAFKA_BROKERS: 'k:9092' }, ['KAFKA_BROKERS']],
    ['a Redis that is none', { REDIS_URL: 'https://r:6379' }, ['REDIS_URL']],
    ['a Redis without a host', { REDIS_URL: 'redis:///1' }, ['REDIS_URL']],
    ['a Redis with options', { REDIS_URL: 'redis://r/0?enableOfflineQueue=true' }, ['REDIS_URL']],
    ['a Redis with a database that is no number', { REDIS_URL: 'redis://r/limits' }, ['REDIS_URL']],
    ['a limit that is no number', { TIDINGS_RATE_LIMIT_KEY: '10/s' }, ['TIDINGS_RATE_LIMIT_KEY']],
    ['a public URL with a query', { TIDINGS_PUBLIC_URL: 'https://t.example/?x=1' }, ['TIDINGS_PUBLIC_URL']],
    ['several at once', { PORT: 'x', LOG_LEVEL: 'loud', TIDINGS_SHUTDOWN_MS: '-1' }, ['PORT', 'TIDINGS_SHUTDOWN_MS', 'LOG_LEVEL']],
  ])('%s is refused', (_, env, names) => {
    expect(wrong(env)).toStrictEqual(names);
  });

  test('without the API the port is another one, so that whoever starts first leaves the API its own', () => {
    const portOf = (TIDINGS_ROLES: string) => configOf({ TIDINGS_ROLES }).http.port;
    expect([portOf('worker'), portOf('worker,projector'), portOf('api,worker'), portOf('all')]).toStrictEqual([3001, 3001, 3000, 3000]);
  });

  test('an empty variable is an unset one', () => {
    expect(configOf({ PORT: '', DATABASE_URL: '', TIDINGS_JWT_ISSUER: '' }).http.port).toBe(3000);
  });
});

describe('secrets', () => {
  test('come from files as well', () => {
    const files: Readonly<Record<string, string>> = { '/run/admin': `${SOUND.TIDINGS_ADMIN_KEY}\n`, '/run/db': 'postgres://db/x\n' };
    const config = configOf({ TIDINGS_ADMIN_KEY_FILE: '/run/admin', DATABASE_URL_FILE: '/run/db' }, (path) => files[path] ?? noFiles());
    expect([config.adminKey, config.database]).toStrictEqual([
      SOUND.TIDINGS_ADMIN_KEY,
      { url: 'postgres://db/x', migrationUrl: 'postgres://db/x' },
    ]);
  });

  test('from a file that cannot be read, that is empty, or that is given beside the variable, are refused', () => {
    expect(wrong({ TIDINGS_ADMIN_KEY_FILE: '/none' })).toStrictEqual(['TIDINGS_ADMIN_KEY_FILE']);
    expect(wrong({ TIDINGS_ADMIN_KEY_FILE: '/empty' }, () => '\n')).toStrictEqual(['TIDINGS_ADMIN_KEY_FILE']);
    expect(wrong({ TIDINGS_ADMIN_KEY_FILE: '/x', TIDINGS_ADMIN_KEY: SOUND.TIDINGS_ADMIN_KEY }, () => 'x')).toStrictEqual([
      'TIDINGS_ADMIN_KEY',
    ]);
  });

  test('are never repeated, neither in problems nor where the configuration is shown', () => {
    const secrets = {
      TIDINGS_ADMIN_KEY: `${CANARY} with a blank`,
      TIDINGS_MASTER_KEYS: CANARY,
      DATABASE_URL: `mysql://u:${CANARY}@h/d`,
      EVENT_STORE_URL: `esdb://u:${CANARY}@h`,
      SMTP_URL: `https://u:${CANARY}@h`,
      REDIS_URL: `http://u:${CANARY}@h`,
      DKIM_PRIVATE_KEY: CANARY,
      HOST: '0.0.0.0',
    };
    const parsed = parseConfig(secrets, noFiles);
    expect('problems' in parsed && parsed.problems.length).toBeGreaterThan(6);
    expect(JSON.stringify(parsed)).not.toContain('canary');
    const config = configOf({
      ...SOUND,
      DATABASE_URL: `postgres://u:${CANARY}@h/d?password=${CANARY}`,
      SMTP_URL: `smtp://u:${CANARY}@h`,
      REDIS_URL: `redis://u:${CANARY}@h`,
    });
    expect(JSON.stringify(config.shown)).not.toMatch(/canary|a-key-of/);
    expect(config.shown).toContainEqual({ name: 'DATABASE_URL', value: 'postgres://u:***@h/d?password=***', from: 'environment' });
  });
});

describe('where others can reach it', () => {
  const EXPOSED: readonly Environment[] = [{ NODE_ENV: 'production' }, { HOST: '0.0.0.0' }, { HOST: '::' }];

  test.each(EXPOSED)('generated secrets and capture are refused (%o)', (env) => {
    expect(wrong(env)).toStrictEqual([
      'TIDINGS_ADMIN_KEY',
      'TIDINGS_MASTER_KEYS',
      ...['EMAIL', 'SMS', 'PUSH', 'IN_APP', 'WEBHOOK', 'WALLET'].map((channel) => `${channel}_PROVIDERS`),
    ]);
  });

  test('each is permitted by its name', () => {
    expect(wrong({ HOST: '0.0.0.0', TIDINGS_ALLOW: 'generated-secrets,capture' })).toStrictEqual([]);
    expect(wrong({ ...SOUND, HOST: '0.0.0.0', TIDINGS_ALLOW: 'capture:sms,capture:push' })).toStrictEqual([
      'EMAIL_PROVIDERS',
      'IN_APP_PROVIDERS',
      'WEBHOOK_PROVIDERS',
      'WALLET_PROVIDERS',
    ]);
    expect(wrong({ TIDINGS_ALLOW: 'everything' })).toStrictEqual(['TIDINGS_ALLOW']);
  });

  test.each([
    ['postgres://db.example.com/x', ['DATABASE_URL']],
    ['postgres://db.example.com/x?sslmode=prefer', ['DATABASE_URL']],
    ['postgres://db.example.com/x?sslmode=verify-full', []],
    ['postgres://127.0.0.1/x', []],
    ['postgres://[::1]/x', []],
    ['postgres:///x?host=/run/postgresql', []],
    ['postgres://%2Frun%2Fpostgresql/x', []],
  ])('%s crosses the network in clear: %o', (url, names) => {
    expect(wrong({ ...SOUND, NODE_ENV: 'production', DATABASE_URL: url })).toStrictEqual(names);
    expect(wrong({ ...SOUND, NODE_ENV: 'production', DATABASE_URL: url, TIDINGS_ALLOW: 'capture,unencrypted-database' })).toStrictEqual([]);
  });

  test.each([
    ['redis://r.example.com:6379', ['REDIS_URL']],
    ['rediss://r.example.com:6379', []],
    ['redis://127.0.0.1:6379/1', []],
    ['redis://[::1]', []],
  ])('%s crosses the network in clear: %o', (url, names) => {
    expect(wrong({ ...SOUND, NODE_ENV: 'production', REDIS_URL: url })).toStrictEqual(names);
    expect(wrong({ ...SOUND, NODE_ENV: 'production', REDIS_URL: url, TIDINGS_ALLOW: 'capture,unencrypted-database' })).toStrictEqual([]);
  });

  test('a log that is lost with the process is refused', () => {
    expect(wrong({ ...SOUND, NODE_ENV: 'production', EVENT_STORE_URL: 'memory:' })).toStrictEqual(['EVENT_STORE_URL']);
    expect(wrong({ ...SOUND, NODE_ENV: 'production', EVENT_STORE_URL: 'esdb://a,b.example.com?tls=false' })).toStrictEqual([
      'EVENT_STORE_URL',
    ]);
    expect(wrong({ ...SOUND, NODE_ENV: 'production', EVENT_STORE_URL: 'esdb://a,b.example.com' })).toStrictEqual([]);
  });
});
