import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TenantId } from '../../../src/domain/values/ids.ts';
import { keysOf, oneMaster } from '../../support/keys.ts';
import { freshDatabase, type FreshDatabase } from '../../support/postgres.ts';

const [acme, other] = ['acme', 'other'] as unknown as [TenantId, TenantId];
const masters = oneMaster();
let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase(['keys']);
});
afterAll(async () => {
  await db.close();
});

test('equal values have equal hashes, in every process, for one tenant and purpose only', async () => {
  const [here, there] = [keysOf(db, masters).indexes, keysOf(db, masters).indexes];
  const [[a, b, again], [elsewhere]] = await Promise.all([here.hash(acme, 'address', ['a', 'b', 'a']), there.hash(acme, 'address', ['a'])]);
  expect([a === again, a === elsewhere, a === b]).toStrictEqual([true, true, false]);
  expect(a).toMatch(/^[A-Za-z0-9_-]{43}$/);
  const apart = [...(await here.hash(other, 'address', ['a'])), ...(await here.hash(acme, 'recipient', ['a']))];
  expect(new Set([a, ...apart]).size).toBe(3);
});

test('50 processes that need a tenant’s first hash at once get the same', async () => {
  const hashes = await Promise.all([...Array(50).keys()].map(() => keysOf(db, masters).indexes.hash('crowd' as TenantId, 'key', ['x'])));
  expect(new Set(hashes.flat()).size).toBe(1);
});

test('an id from parts is a UUIDv8 that tells the parts apart', async () => {
  const { indexes } = keysOf(db, masters);
  const ids = await Promise.all([
    indexes.uuid(acme, 'ab', 'c'),
    indexes.uuid(acme, 'a', 'bc'),
    indexes.uuid(acme, 'abc'),
    indexes.uuid(other, 'ab', 'c'),
  ]);
  expect(new Set(ids).size).toBe(4);
  expect(ids.every((id) => /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id))).toBe(true);
  expect(await keysOf(db, masters).indexes.uuid(acme, 'ab', 'c')).toBe(ids[0]);
});
