import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseMasterKeys, type MasterKeys } from '../adapters/crypto/masterKeys.ts';
import type { Config } from '../config.ts';

/** Those that are configured, else those that start generated. Never generates: a lost master key is to be found, not replaced. */
export function masterKeysOf({ masterKeys, dataDir }: Pick<Config, 'masterKeys' | 'dataDir'>): MasterKeys | undefined {
  if (masterKeys !== undefined) return parseMasterKeys(masterKeys);
  try {
    return parseMasterKeys(readFileSync(join(dataDir, 'master-keys'), 'utf8'));
  } catch {
    return undefined;
  }
}

export const noMasterKeys = ({ dataDir }: Pick<Config, 'dataDir'>): readonly string[] => [
  'There are no master keys, which all other keys are wrapped by.',
  `Set TIDINGS_MASTER_KEYS, or put the file ${join(dataDir, 'master-keys')} back from your backup.`,
];
