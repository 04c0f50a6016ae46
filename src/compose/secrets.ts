import { hkdfSync, randomBytes } from 'node:crypto';
import { generatedSecret } from '../adapters/secrets/generatedSecret.ts';
import { newMasterKey, parseMasterKeys } from '../adapters/crypto/masterKeys.ts';
import type { Config } from '../config.ts';

export type Secrets = {
  readonly masterKeys: string;
  readonly adminKey: string;
  /** Signs cursors and links: the same in every process of an installation, or a page begun here could not go on there. */
  readonly signing: Buffer;
  /** Where the generated admin key stands, for the printed curl line; undefined: it was given. */
  readonly adminKeyFile?: string;
};

/** What was not given is generated once and kept in the data directory, readable by its owner alone. */
export function secretsOf({ dataDir, masterKeys, adminKey }: Config): Secrets {
  const masters = masterKeys ?? generatedSecret(dataDir, 'master-keys', () => newMasterKey('m1')).value;
  const admin =
    adminKey === undefined ? generatedSecret(dataDir, 'admin-key', () => `tidings_${randomBytes(32).toString('base64url')}`) : undefined;
  return {
    masterKeys: masters,
    adminKey: adminKey ?? admin?.value ?? '',
    signing: signingKeyOf(masters),
    ...(admin && { adminKeyFile: admin.file }),
  };
}

/** HKDF (RFC 5869) of the first master key: a rotation only ends pages and links that were open at that moment. */
function signingKeyOf(masters: string): Buffer {
  const { first, byId } = parseMasterKeys(masters);
  return Buffer.from(hkdfSync('sha256', byId.get(first) ?? Buffer.alloc(0), Buffer.alloc(0), 'tidings/signing/1', 32));
}
