import { keysOver, type Keys } from '../../src/adapters/crypto/keys.ts';
import { newMasterKey, parseMasterKeys } from '../../src/adapters/crypto/masterKeys.ts';
import { MemoryKeyRows } from './memoryKeyRows.ts';

/** Keys that live in memory, under a master key of their own. */
export function memoryKeys(): Keys & { readonly rows: MemoryKeyRows } {
  const rows = new MemoryKeyRows();
  return { rows, ...keysOver(rows, parseMasterKeys(newMasterKey('memory'))) };
}
