import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkMasterKeys, settleFirstKey } from '../../../src/adapters/crypto/checkMasterKeys.ts';
import { newMasterKey, parseMasterKeys } from '../../../src/adapters/crypto/masterKeys.ts';
import { PostgresKeyRows } from '../../../src/adapters/crypto/postgresKeyRows.ts';
import { freshDatabase, type FreshDatabase } from '../../support/postgres.ts';

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase(['keys']);
});
afterAll(() => db.close());

test('of two that begin an installation at once with different master keys one is refused, and so is whoever comes with others later', async () => {
  const rows = new PostgresKeyRows(db.workerPool);
  const [one, other] = [parseMasterKeys(newMasterKey('m1')), parseMasterKeys(newMasterKey('m2'))];
  await Promise.all([checkMasterKeys(db.workerPool, one), checkMasterKeys(db.workerPool, other)]);
  const begun = await Promise.allSettled([settleFirstKey(rows, one), settleFirstKey(rows, other)]);
  expect(begun.map(({ status }) => status).sort()).toStrictEqual(['fulfilled', 'rejected']);
  const [theirs, others] = begun[0].status === 'fulfilled' ? [one, other] : [other, one];
  await settleFirstKey(rows, theirs);
  await checkMasterKeys(db.workerPool, theirs);
  const refusal = { kind: 'invalid', code: 'master_keys_other' };
  await expect(settleFirstKey(rows, others)).rejects.toMatchObject(refusal);
  await expect(checkMasterKeys(db.workerPool, others)).rejects.toMatchObject(refusal);
});
