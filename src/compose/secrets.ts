import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newMasterKey } from '../adapters/crypto/masterKeys.ts';
import type { Config } from '../config.ts';

export type Secrets = {
  readonly masterKeys: string;
  readonly adminKey: string;
  /** Signs cursors and links of this installation. */
  readonly signing: Buffer;
  /** Where the generated admin key stands, for the printed curl line; undefined: it was given. */
  readonly adminKeyFile?: string;
};

/** What was not given is generated once and kept in the data directory, readable by its owner alone. */
export function secretsOf(config: Config): Secrets {
  const file = (name: string, make: () => string): { readonly path: string; readonly text: string } => {
    const path = join(config.dataDir, name);
    mkdirSync(config.dataDir, { recursive: true, mode: 0o711 });
    // `wx`: of two processes that start at once, one writes and both read.
    if (!existsSync(path)) writeOnce(path, make());
    return { path, text: readFileSync(path, 'utf8').trim() };
  };
  const masterKeys = config.masterKeys ?? file('master-keys', () => newMasterKey('m1')).text;
  const admin = config.adminKey === undefined ? file('admin-key', () => `tidings_${randomBytes(32).toString('base64url')}`) : undefined;
  const signing = Buffer.from(file('signing-key', () => randomBytes(32).toString('base64')).text, 'base64');
  return { masterKeys, adminKey: config.adminKey ?? admin?.text ?? '', signing, ...(admin && { adminKeyFile: admin.path }) };
}

function writeOnce(path: string, text: string): void {
  try {
    writeFileSync(path, `${text}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if (!existsSync(path)) throw error;
  }
}
