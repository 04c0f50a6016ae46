import { createCipheriv, createDecipheriv, randomFillSync } from 'node:crypto';

const IV = 12;
const TAG = 16;

/** Random bytes are fetched in blocks: one call for 512 ivs instead of one each. */
const pool = Buffer.alloc(IV * 512);
let used = pool.length;

function freshIv(): Buffer {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += IV;
  return pool.subarray(used - IV, used);
}

/** AES-256-GCM (NIST SP 800-38D): iv (12 bytes, random), ciphertext, tag (16 bytes) in one. */
export function encrypt(key: Buffer, plain: Uint8Array, aad: string): Buffer {
  const iv = freshIv();
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(aad));
  const body = cipher.update(plain);
  cipher.final();
  return Buffer.concat([iv, body, cipher.getAuthTag()]);
}

/** Undefined when it was made under another key or for another place, or was changed since. */
export function decrypt(key: Buffer, sealed: Buffer, aad: string): Buffer | undefined {
  if (sealed.length < IV + TAG) return undefined;
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, IV), { authTagLength: TAG }).setAAD(Buffer.from(aad));
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG));
  const plain = decipher.update(sealed.subarray(IV, sealed.length - TAG));
  try {
    decipher.final();
    return plain;
  } catch {
    // The tag does not match: node says so by throwing, without a code of its own.
    return undefined;
  }
}
