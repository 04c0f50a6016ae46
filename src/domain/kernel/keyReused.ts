import { reject } from './rejection.ts';

/** The key under which a request came names what is there already, and that was asked for in other words. */
export const KEY_REUSED = reject(
  'idempotency_key_reused',
  'this Idempotency-Key came before with another body; use a new key for a new request',
);
