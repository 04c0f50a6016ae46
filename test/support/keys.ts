import { KEYS_CHANNEL } from '../../src/adapters/crypto/destroy.ts';
import { keysOver, type Keys } from '../../src/adapters/crypto/keys.ts';
import { newMasterKey, parseMasterKeys, type MasterKeys } from '../../src/adapters/crypto/masterKeys.ts';
import { PostgresKeyRows } from '../../src/adapters/crypto/postgresKeyRows.ts';
import type { FreshDatabase } from './postgres.ts';
import type { SubjectId, TenantId } from '../../src/domain/values/ids.ts';

export { KEYS_CHANNEL };
export const oneMaster = (): MasterKeys => parseMasterKeys(newMasterKey('m1'));

/** The keys as one process of the service holds them. */
export const keysOf = (db: FreshDatabase, masters: MasterKeys, nowMs?: () => number): Keys =>
  keysOver(new PostgresKeyRows(db.workerPool), masters, nowMs);

/** People who exist, by the caller's ids. */
export async function known(keys: Keys, tenant: TenantId, ...ids: readonly string[]): Promise<readonly SubjectId[]> {
  const subjects = await keys.subjects.resolve(
    tenant,
    ids.map((recipientId) => ({ recipientId })),
  );
  return subjects.map((subject) => {
    if (subject === 'erased') throw new Error('erased');
    return subject;
  });
}
