import { afterEach, describe, expect, test } from 'vitest';
import { trusted } from '../../src/domain/values/ids.ts';
import { operation, plain } from '../../src/http/operation.ts';
import type { Limiter, Window } from '../../src/http/rateLimits.ts';
import { grant, httpApp, stopHttpApps, type HttpApp, type HttpAppOptions } from '../support/httpApp.ts';
import { OPERATIONS, post } from '../support/notes.ts';

afterEach(stopHttpApps);

const issuing = operation({
  ...plain,
  id: 'issueBadge',
  method: 'post',
  path: '/v1/badges',
  tag: 'API keys',
  summary: 'Make what others can act with',
  scope: 'admin',
  issuesCredentials: true,
  responses: { 204: { description: 'Made.' } },
  handler: () => Promise.resolve({ status: 204 }),
});

const appWith = async (options: Omit<HttpAppOptions, 'operations'>): Promise<HttpApp> => {
  const app = await httpApp({ operations: [...OPERATIONS, issuing], ...options });
  app.keys.set('tk_second', grant({ id: 'key-2' }));
  app.keys.set('tk_narrow', grant({ id: 'key-3', scopes: [] }));
  app.keys.set('tk_other', grant({ id: 'key-4', tenant: trusted('other') }));
  return app;
};

const fieldsOf = ({ status, headers }: Response): readonly unknown[] => [
  status,
  headers.get('ratelimit'),
  headers.get('ratelimit-policy'),
  headers.get('retry-after'),
];
const read = (app: HttpApp, key?: string): Promise<Response> => app.call('/v1/notes/1', key === undefined ? {} : { key });

describe('limits', () => {
  test('every answer tells what they are and what is left; past one it is 429 until there is more', async () => {
    const app = await appWith({ rateLimits: { key: 1, tenant: 2 } });
    const policy = '"key";q=10;w=10, "tenant";q=20;w=10';
    expect(fieldsOf(await read(app))).toStrictEqual([200, '"key";r=9;t=1, "tenant";r=19;t=1', policy, null]);
    for (let call = 0; call < 8; call += 1) await read(app);
    expect(fieldsOf(await read(app))).toStrictEqual([200, '"key";r=0;t=1, "tenant";r=10;t=5', policy, null]);

    const refused = await read(app);
    expect(fieldsOf(refused)).toStrictEqual([429, '"key";r=0;t=1', policy, '1']);
    expect(JSON.parse(await refused.text())).toStrictEqual({
      type: 'urn:tidings:problem:rate_limited',
      title: 'Too many requests',
      status: 429,
      detail: 'Try again after Retry-After, with the same Idempotency-Key.',
      code: 'rate_limited',
      requestId: 'request-11',
      'violated-policies': ['key'],
    });
    expect([app.limited, app.audit]).toStrictEqual([['key'], []]);

    app.clock.advance(1000);
    expect(fieldsOf(await read(app)).slice(0, 2)).toStrictEqual([200, '"key";r=0;t=1, "tenant";r=11;t=5']);
  });

  test('a key has its own, and its tenant one for all of its keys', async () => {
    const app = await appWith({ rateLimits: { key: 1, tenant: 1.5 } });
    const statuses = async (key: string, times: number): Promise<readonly number[]> => {
      const seen: number[] = [];
      for (let call = 0; call < times; call += 1) seen.push((await read(app, key)).status);
      return [...new Set(seen)];
    };
    expect(await statuses('tk_all_scopes', 10)).toStrictEqual([200]);
    expect(await statuses('tk_all_scopes', 3)).toStrictEqual([429]);
    // What was refused has taken nothing from the tenant.
    expect(await statuses('tk_second', 5)).toStrictEqual([200]);
    expect(await statuses('tk_second', 3)).toStrictEqual([429]);
    expect(await statuses('tk_other', 10)).toStrictEqual([200]);
    expect([...new Set(app.limited)]).toStrictEqual(['key', 'tenant']);
  });

  test('commands count by the minute, reads do not count as such', async () => {
    const app = await appWith({ rateLimits: { keyCommands: 2, tenantCommands: 3 } });
    const write = (): Promise<Response> => app.call('/v1/notes', post({ title: 'a' }));
    const policy = '"key-commands";q=2;w=60, "tenant-commands";q=3;w=60';
    expect(fieldsOf(await write())).toStrictEqual([201, '"key-commands";r=1;t=30, "tenant-commands";r=2;t=20', policy, null]);
    await write();
    expect(fieldsOf(await write())).toStrictEqual([429, '"key-commands";r=0;t=30', policy, '30']);
    expect(fieldsOf(await read(app))).toStrictEqual([200, null, null, null]);
  });

  test('whoever may not do it has been counted; whoever is nobody has not, nor who asks what is public', async () => {
    const app = await appWith({ rateLimits: { key: 1 } });
    expect(fieldsOf(await read(app, 'tk_narrow')).slice(0, 2)).toStrictEqual([403, '"key";r=9;t=1']);
    expect(fieldsOf(await read(app, 'tk_unknown')).slice(0, 3)).toStrictEqual([401, null, null]);
    expect(fieldsOf(await app.call('/v1/open', { key: null })).slice(1, 3)).toStrictEqual([null, null]);
  });

  test('a command that is refused has not been read, and has been asked of nobody', async () => {
    const app = await appWith({ rateLimits: { keyCommands: 1 } });
    expect((await app.call('/v1/notes', post({ title: 'a' }))).status).toBe(201);
    expect((await app.call('/v1/notes', { ...post({}), body: 'no JSON' })).status).toBe(429);
  });

  test('a size of 0 is no limit', async () => {
    const app = await appWith({});
    expect(fieldsOf(await read(app))).toStrictEqual([200, null, null, null]);
  });

  describe('while nobody counts', () => {
    const asked: Window[] = [];
    const nobody: Limiter = {
      take: (windows) => {
        asked.push(...windows);
        return Promise.resolve(undefined);
      },
    };

    test('what keeps one from the room of others is let pass, without a word of what is left', async () => {
      const app = await appWith({ limiter: nobody, rateLimits: { key: 1, keyCommands: 1 } });
      expect(fieldsOf(await read(app))).toStrictEqual([200, null, '"key";q=10;w=10', null]);
      expect((await app.call('/v1/notes', post({ title: 'a' }))).status).toBe(201);
      expect(app.limited).toStrictEqual(['passed', 'passed']);
    });

    test('making credentials is refused', async () => {
      const app = await appWith({ limiter: nobody, rateLimits: { key: 1, credentials: 5 } });
      const refused = await app.call('/v1/badges', { method: 'POST' });
      expect(fieldsOf(refused)).toStrictEqual([503, null, '"key";q=10;w=10, "credentials";q=5;w=60', '5']);
      expect([JSON.parse(await refused.text()).code, app.limited]).toStrictEqual(['unavailable', ['refused']]);
    });

    test('it was asked for windows that name key and tenant', () => {
      expect(asked[0]).toStrictEqual({ key: 'key default key key-1', quota: 10, seconds: 10 });
      expect(asked.at(-1)).toStrictEqual({ key: 'credentials default', quota: 5, seconds: 60 });
    });
  });

  test('making credentials has a limit of its own', async () => {
    const app = await appWith({ rateLimits: { credentials: 1 } });
    const make = async (): Promise<number> => (await app.call('/v1/badges', { method: 'POST' })).status;
    expect([await make(), await make(), (await read(app)).status]).toStrictEqual([204, 429, 200]);
    expect(app.limited).toStrictEqual(['credentials']);
  });
});
