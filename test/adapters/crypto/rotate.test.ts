import { afterAll, beforeAll, expect, test } from 'vitest';
import { destroySubjects } from '../../../src/adapters/crypto/destroy.ts';
import { newMasterKey, parseMasterKeys } from '../../../src/adapters/crypto/masterKeys.ts';
import { rotateKeys } from '../../../src/adapters/crypto/rotate.ts';
import type { TenantId } from '../../../src/domain/values/ids.ts';
import { keysOf, known } from '../../support/keys.ts';
import { freshDatabase, type FreshDatabase } from '../../support/postgres.ts';

const acme = 'acme' as TenantId;
const [old, fresh] = [newMasterKey('old'), newMasterKey('new')];
const [before, both, after] = [parseMasterKeys(old), parseMasterKeys(`${fresh},${old}`), parseMasterKeys(fresh)];
let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase(['keys']);
});
afterAll(async () => {
  await db.close();
});

test('rotation rewraps everything while it is in use; then the old master key can go', async () => {
  const keys = keysOf(db, before);
  const people = await known(keys, acme, ...[...Array(2_500).keys()].map((n) => `person-${n}`));
  const sealed = await keys.vault.seal(
    people.map((subject) => ({ value: subject, tenant: acme, subject, class: 'identity', period: '2026-07', aad: 'a' })),
  );
  const [hash] = await keys.indexes.hash(acme, 'address', ['a']);
  await destroySubjects(db.workerPool, acme, people.slice(0, 1));

  // Two rotations at once, and a process of the old configuration that still makes keys and seals.
  const [first, second, late] = await Promise.all([
    rotateKeys(db.workerPool, both),
    rotateKeys(db.workerPool, both),
    known(keysOf(db, before), acme, 'late'),
  ]);
  const again = await rotateKeys(db.workerPool, both);
  expect(first.rewrapped + second.rewrapped + again.rewrapped).toBe(2_499 + 1 + 1 + 1);
  expect([first.unreadable, second.unreadable, again.unreadable]).toStrictEqual([0, 0, 0]);
  expect(await rotateKeys(db.workerPool, both)).toStrictEqual({ rewrapped: 0, unreadable: 0 });

  const now = keysOf(db, after);
  expect(await now.vault.open(sealed)).toStrictEqual(['erased', ...people.slice(1).map((value) => ({ value }))]);
  expect(await now.indexes.hash(acme, 'address', ['a'])).toStrictEqual([hash]);
  expect(await now.subjects.labels(acme, [people[1]!, late[0]!])).toStrictEqual(['person-1', 'late']);
  expect(
    await now.vault.seal([{ value: 1, tenant: acme, subject: people[1]!, class: 'identity', period: '2026-07', aad: 'a' }]),
  ).toHaveLength(1);
});

test('what no configured master key opens is counted and left as it is', async () => {
  const stray = parseMasterKeys(newMasterKey('stray'));
  await keysOf(db, stray).indexes.hash('stray' as TenantId, 'address', ['a']);
  expect(await rotateKeys(db.workerPool, after)).toStrictEqual({ rewrapped: 0, unreadable: 1 });
  expect(
    await rotateKeys(
      db.workerPool,
      parseMasterKeys(`${fresh},${[...stray.byId].map(([id, key]) => `${id}:${key.toString('base64')}`).join()}`),
    ),
  ).toStrictEqual({ rewrapped: 1, unreadable: 0 });
});
