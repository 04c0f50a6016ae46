import { hash, randomBytes } from 'node:crypto';
import type { KeySecrets } from '../../commands/tenants.ts';

/** `tid_<mode>_<public id>_<256 random bits>`, base64url. The public id tells keys apart in lists and logs and opens nothing. */
export const keySecrets: KeySecrets = {
  create(mode) {
    const prefix = `tid_${mode}_${randomBytes(6).toString('base64url')}`;
    return { key: `${prefix}_${randomBytes(32).toString('base64url')}`, prefix };
  },
  hash: (key) => hash('sha256', key, 'base64url'),
};
