import { afterEach, describe, expect, test } from 'vitest';
import { trusted } from '../../src/domain/values/ids.ts';
import { grant, httpApp, stopHttpApps } from '../support/httpApp.ts';
import { OPERATIONS, post } from '../support/notes.ts';

afterEach(stopHttpApps);

describe('credentials', () => {
  test('none is 401, an unknown one is 401, a missing scope is 403, each with a challenge', async () => {
    const app = await httpApp({ operations: OPERATIONS });
    app.keys.set('tk_reader', grant({ scopes: ['read'] }));
    const [none, wrong, scope] = await Promise.all([
      app.call('/v1/notes/1', { key: null }),
      app.call('/v1/notes/1', { key: 'tk_unknown_one' }),
      app.call('/v1/notes', { ...post({ title: 'a' }), key: 'tk_reader' }),
    ]);
    const facts = async (response: Response) => [
      response.status,
      JSON.parse(await response.text()).code,
      response.headers.get('www-authenticate'),
    ];
    expect([await facts(none), await facts(wrong), await facts(scope)]).toStrictEqual([
      [401, 'unauthenticated', 'Bearer realm="tidings"'],
      [401, 'unauthenticated', 'Bearer realm="tidings", error="invalid_token"'],
      [403, 'missing_scope', 'Bearer realm="tidings", error="insufficient_scope", scope="send"'],
    ]);
  });

  test('no scope implies another', async () => {
    const app = await httpApp({ operations: OPERATIONS });
    app.keys.set('tk_admin_only', grant({ scopes: ['admin', 'manage', 'pii', 'compliance', 'send'] }));
    expect((await app.call('/v1/notes/1', { key: 'tk_admin_only' })).status).toBe(403);
  });

  test('the instance is administered by the tenant default alone', async () => {
    const app = await httpApp({ operations: OPERATIONS });
    app.keys.set('tk_other_admin', grant({ tenant: trusted('other') }));
    const [mine, other] = await Promise.all([
      app.call('/v1/instance', { method: 'POST' }),
      app.call('/v1/instance', { method: 'POST', key: 'tk_other_admin' }),
    ]);
    expect([mine.status, other.status]).toStrictEqual([200, 403]);
  });

  test('a revoked key stops within 5 s, and is not asked for at every request', async () => {
    const app = await httpApp({ operations: OPERATIONS });
    await app.call('/v1/notes/1');
    await app.call('/v1/notes/1');
    expect(app.asked.length).toBe(1);
    app.keys.clear();
    app.clock.advance(5000);
    expect((await app.call('/v1/notes/1')).status).toBe(401);
  });

  test('an expired key is refused, also from the cache', async () => {
    const app = await httpApp({ operations: OPERATIONS });
    app.keys.set('tk_short_lived', grant({ expiresAt: '2026-03-01T12:00:01.000Z' as never }));
    expect((await app.call('/v1/notes/1', { key: 'tk_short_lived' })).status).toBe(200);
    app.clock.advance(1000);
    expect((await app.call('/v1/notes/1', { key: 'tk_short_lived' })).status).toBe(401);
  });

  test('a token acts for its subject, whose name never stands in clear', async () => {
    const claims = { sub: 'bo@example.com', tenant: 'acme', scope: 'read send nonsense' };
    const app = await httpApp({
      operations: OPERATIONS,
      tokens: { verify: async (token) => (token.endsWith('.good') ? claims : undefined) },
    });
    const good = await app.call('/v1/notes', { ...post({ title: 'a' }), key: 'eyJh.eyJi.good' });
    const { actor, tenant } = (await good.json()) as { actor: unknown; tenant: string };
    expect({ actor, tenant }).toStrictEqual({ actor: { kind: 'user', id: 'hashed-14' }, tenant: 'acme' });
    expect((await app.call('/v1/notes/1', { key: 'eyJh.eyJi.bad' })).status).toBe(401);
  });

  test('without an issuer every token is refused', async () => {
    const app = await httpApp({ operations: OPERATIONS });
    expect((await app.call('/v1/notes/1', { key: 'eyJh.eyJi.good' })).status).toBe(401);
    expect(app.asked).toStrictEqual([]);
  });
});
