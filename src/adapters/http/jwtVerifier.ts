import { createRemoteJWKSet, errors, jwtVerify } from 'jose';
import type { Clock } from '../../commands/ports.ts';
import { PortError } from '../../domain/kernel/portError.ts';
import type { TokenClaims, TokenVerifier } from '../../http/ports.ts';

export type JwtSettings = {
  readonly issuer: string;
  readonly audience: string;
  /** Where the issuer publishes its keys (RFC 7517). */
  readonly jwksUrl: string;
};

/** Asymmetric ones only: with a shared secret in the list, a public key could be passed off as one (RFC 8725 §3.1). */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'];
const TOLERANCE_S = 30;
const FETCH_MS = 3000;

/** Faults of the key server, not of the token. */
const isDown = (error: unknown): boolean =>
  error instanceof errors.JWKSTimeout ||
  error instanceof errors.JWKSInvalid ||
  (error instanceof errors.JOSEError && error.code === 'ERR_JOSE_GENERIC') ||
  (error instanceof TypeError && error.message.includes('fetch'));

/** JSON Web Tokens (RFC 7519) of one issuer; keys are fetched when a token names one that is not known yet, at most every 30 s. */
export function jwtVerifier({ issuer, audience, jwksUrl }: JwtSettings, clock: Clock): TokenVerifier {
  const keys = createRemoteJWKSet(new URL(jwksUrl), { timeoutDuration: FETCH_MS });
  return {
    verify: async (token): Promise<TokenClaims | undefined> => {
      try {
        const { payload } = await jwtVerify(token, keys, {
          issuer,
          audience,
          algorithms: ALGORITHMS,
          requiredClaims: ['sub', 'exp', 'tenant'],
          clockTolerance: TOLERANCE_S,
          currentDate: new Date(clock.epochMs()),
        });
        const { sub, tenant, scope } = payload;
        if (typeof sub !== 'string' || typeof tenant !== 'string') return undefined;
        return { sub, tenant, scope: typeof scope === 'string' ? scope : '' };
      } catch (error) {
        if (isDown(error))
          throw new PortError('unavailable', 'issuer_unavailable', 'the keys of the token issuer cannot be had', { cause: error });
        if (error instanceof errors.JOSEError || error instanceof TypeError) return undefined;
        throw error;
      }
    },
  };
}
