import { createHmac } from 'node:crypto';
import type { DataClass } from '../../domain/kernel/personal.ts';

/**
 * Every derived key and hash is one HMAC-SHA-256 (RFC 2104) under a random 32-byte key, over a name that no other use shares:
 *
 * | what | key | message |
 * |---|---|---|
 * | blob key of one person's data | subject's key | `tidings/blob/1` NUL class NUL period's key |
 * | blob key of shared data | period's key | `tidings/shared/1` NUL class |
 * | label key | subject's key | `tidings/label/1` |
 * | key of keyed hashes | tenant's index key | `tidings/index/1` NUL purpose |
 *
 * A blob key cannot be computed once either of its two keys is gone: the subject's is the HMAC's key, the period's 32 random bytes
 * of its message.
 */
const hmac = (key: Buffer, name: string, more?: Buffer): Buffer => {
  const mac = createHmac('sha256', key).update(name);
  return (more === undefined ? mac : mac.update(more)).digest();
};

export const blobKey = (subject: Buffer | undefined, period: Buffer, dataClass: DataClass): Buffer =>
  subject === undefined ? hmac(period, `tidings/shared/1\0${dataClass}`) : hmac(subject, `tidings/blob/1\0${dataClass}\0`, period);

export const labelKey = (subject: Buffer): Buffer => hmac(subject, 'tidings/label/1');

export const purposeKey = (index: Buffer, purpose: string): Buffer => hmac(index, `tidings/index/1\0${purpose}`);
