import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createHmac } from 'node:crypto';
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import type { CryptoKey, JWK } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { jwtVerifier } from '../../../src/adapters/http/jwtVerifier.ts';
import type { TokenVerifier } from '../../../src/http/ports.ts';
import { epochMsOf } from '../../../src/domain/values/instant.ts';
import { manualClock } from '../../support/manualClock.ts';

const clock = manualClock();
const now = epochMsOf(clock.now()) / 1000;
let server: Server;
let status = 200;
let fetched = 0;
let key: CryptoKey;
let other: CryptoKey;
let jwk: JWK;
let verifier: TokenVerifier;
let url = '';

beforeAll(async () => {
  const pair = await generateKeyPair('ES256', { extractable: true });
  key = pair.privateKey;
  other = (await generateKeyPair('ES256')).privateKey;
  jwk = { ...(await exportJWK(pair.publicKey)), kid: 'k1', alg: 'ES256' };
  server = createServer((_req, res) => {
    fetched += 1;
    res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: [jwk] }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
  verifier = jwtVerifier({ issuer: 'https://issuer.test', audience: 'tidings', jwksUrl: url }, clock);
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

type Change = { claims?: object; audience?: string; issuer?: string; expires?: number; with?: CryptoKey; kid?: string };
const token = ({
  claims,
  audience = 'tidings',
  issuer = 'https://issuer.test',
  expires = now + 60,
  with: by = key,
  kid = 'k1',
}: Change = {}) =>
  new SignJWT({ tenant: 'acme', scope: 'read send', ...claims })
    .setProtectedHeader({ alg: 'ES256', kid })
    .setSubject('ana')
    .setIssuer(issuer)
    .setAudience(audience)
    .setExpirationTime(expires)
    .sign(by);

test('a token of the issuer gives its claims, and its keys are fetched once', async () => {
  const claims = { sub: 'ana', tenant: 'acme', scope: 'read send' };
  expect([await verifier.verify(await token()), await verifier.verify(await token())]).toStrictEqual([claims, claims]);
  expect(fetched).toBe(1);
});

test.each([
  ['another audience', { audience: 'elsewhere' }],
  ['another issuer', { issuer: 'https://evil.test' }],
  ['expired', { expires: now - 31 }],
  ['another key', {}],
  ['a key id that looks like a path', { kid: '../../etc/passwd' }],
  ['no tenant', { claims: { tenant: undefined } }],
  ['a tenant that is no text', { claims: { tenant: ['default'] } }],
] satisfies [string, Change][])('%s is refused', async (name, change: Change) => {
  const made = await token(name === 'another key' ? { with: other } : change);
  expect(await verifier.verify(made)).toBeUndefined();
});

test('no algorithm, a shared secret made of the public key, and a changed body are refused', async () => {
  const none = new UnsecuredJWT({ tenant: 'default', scope: 'admin' })
    .setSubject('x')
    .setExpirationTime(now + 60)
    .setIssuer('https://issuer.test')
    .setAudience('tidings')
    .encode();
  const part = (it: object) => Buffer.from(JSON.stringify(it)).toString('base64url');
  const body = `${part({ alg: 'HS256', kid: 'k1' })}.${part({ sub: 'x', tenant: 'default', scope: 'admin', iss: 'https://issuer.test', aud: 'tidings', exp: now + 60 })}`;
  const confused = `${body}.${createHmac('sha256', JSON.stringify(jwk)).update(body).digest('base64url')}`;
  const [head, , signature] = (await token()).split('.');
  const changed = `${head}.${part({ sub: 'ana', tenant: 'default', scope: 'admin', iss: 'https://issuer.test', aud: 'tidings', exp: now + 60 })}.${signature}`;
  expect(await Promise.all([none, confused, changed].map((it) => verifier.verify(it)))).toStrictEqual([undefined, undefined, undefined]);
});

test('a key server that is down is not the token’s fault', async () => {
  status = 500;
  const fresh = jwtVerifier({ issuer: 'https://issuer.test', audience: 'tidings', jwksUrl: url }, clock);
  await expect(fresh.verify(await token())).rejects.toMatchObject({ name: 'PortError', kind: 'unavailable', code: 'issuer_unavailable' });
  status = 200;
});
