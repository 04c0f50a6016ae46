import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';

export type JwtIssuer = {
  readonly env: Readonly<Record<string, string>>;
  /** With all scopes of the tenant `default`. */
  readonly token: (sub: string) => Promise<string>;
  readonly close: () => Promise<void>;
};
const [ISSUER, AUDIENCE] = ['https://issuer.example', 'tidings'];

/** Signs tokens and publishes the key for them. */
export async function jwtIssuer(): Promise<JwtIssuer> {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const keys = [{ ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256' }];
  const server = createServer((_, res) => res.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ keys })));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/jwks`;
  return {
    env: { TIDINGS_JWT_ISSUER: ISSUER, TIDINGS_JWT_AUDIENCE: AUDIENCE, TIDINGS_JWT_JWKS_URL: url },
    token: (sub) =>
      new SignJWT({ tenant: 'default', scope: 'send read pii manage compliance admin' })
        .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
        .setSubject(sub)
        .setIssuer(ISSUER)
        .setAudience(AUDIENCE)
        .setExpirationTime('5m')
        .sign(privateKey),
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
