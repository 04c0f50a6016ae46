import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backupKeys } from '../../../src/adapters/crypto/backup.ts';
import { destroyPeriods, destroySubjects } from '../../../src/adapters/crypto/destroy.ts';
import { checkKeyStore } from '../../../src/adapters/crypto/keyStoreId.ts';
import { restoreKeys } from '../../../src/adapters/crypto/restore.ts';
import type { Sealed } from '../../../src/domain/kernel/personal.ts';
import type { SubjectId, TenantId } from '../../../src/domain/values/ids.ts';
import { instantOf } from '../../../src/domain/values/instant.ts';
import { keysOf, known, oneMaster } from '../../support/keys.ts';
import { freshDatabase, type FreshDatabase } from '../../support/postgres.ts';

const acme = 'acme' as TenantId;
const masters = oneMaster();
const clock = { now: () => instantOf(0), epochMs: () => 0 };
let folder = '';
const open: FreshDatabase[] = [];
const database = async (...sets: readonly ('keys' | 'models')[]): Promise<FreshDatabase> => {
  const db = await freshDatabase(sets.length === 0 ? ['keys'] : sets);
  open.push(db);
  return db;
};
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tidings-backup-'));
});
afterAll(async () => {
  await Promise.all(open.map((db) => db.close()));
  rmSync(folder, { recursive: true });
});

const seal = (db: FreshDatabase, subjects: readonly SubjectId[], period = '2026-07'): Promise<readonly Sealed[]> =>
  keysOf(db, masters).vault.seal(
    subjects.map((subject) => ({ value: subject, tenant: acme, subject, class: 'identity', period, aad: 'a' })),
  );
const rows = async (db: FreshDatabase): Promise<unknown> =>
  (
    await db.ownerPool.query<{ all: unknown }>(`select json_build_object(
      's', (select json_agg(t order by tenant, subject, generation) from subject_keys t), 'p', (select json_agg(t order by tenant, class, period) from period_keys t),
      'i', (select json_agg(t order by tenant) from index_keys t), 'a', (select json_agg(t order by tenant, hmac) from subject_aliases t),
      'k', (select json_agg(t) from key_store t)) as all`)
  ).rows[0]?.all;

/** Three people, of whom one was erased, and a destroyed period. */
async function filled(): Promise<{
  readonly db: FreshDatabase;
  readonly people: readonly [SubjectId, SubjectId, SubjectId];
  readonly sealed: readonly Sealed[];
}> {
  const db = await database();
  const people = (await known(keysOf(db, masters), acme, 'one@canary.example', 'two@canary.example', 'gone@canary.example')) as unknown as [
    SubjectId,
    SubjectId,
    SubjectId,
  ];
  const sealed = [...(await seal(db, people)), ...(await seal(db, people.slice(0, 1), '2020-01'))];
  await destroySubjects(db.workerPool, acme, people.slice(2));
  await destroyPeriods(db.workerPool, [{ tenant: acme, class: 'identity', period: '2020-01' }]);
  return { db, people, sealed };
}

describe('a backup of the keys', () => {
  test('restored into an empty database brings every row back, tombstones too', async () => {
    const { db, people, sealed } = await filled();
    const file = join(folder, 'whole');
    const foot = await backupKeys(db.workerPool, clock, file);
    expect([foot.rows, foot.masters]).toStrictEqual([{ subject_keys: 3, period_keys: 2, index_keys: 1, subject_aliases: 3 }, ['m1']]);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const text = readFileSync(file, 'utf8');
    expect(text).not.toContain('canary');
    expect(text).not.toContain(Buffer.from('canary').toString('hex'));
    const empty = await database();
    expect(await restoreKeys(empty.workerPool, file)).toStrictEqual(foot);
    expect(await rows(empty)).toStrictEqual(await rows(db));
    expect(await keysOf(empty, masters).vault.open(sealed)).toStrictEqual([{ value: people[0] }, { value: people[1] }, 'erased', 'erased']);
    expect(await keysOf(empty, masters).subjects.labels(acme, people)).toStrictEqual([
      'one@canary.example',
      'two@canary.example',
      'erased',
    ]);
  });

  test('restored over a living database does not bring back what was erased since, and keeps what came since', async () => {
    const { db, people, sealed } = await filled();
    const file = join(folder, 'older');
    await backupKeys(db.workerPool, clock, file);
    const [late] = (await known(keysOf(db, masters), acme, 'late')) as [SubjectId];
    await destroySubjects(db.workerPool, acme, people.slice(1, 2));
    const before = await rows(db);
    await restoreKeys(db.workerPool, file);
    expect(await rows(db)).toStrictEqual(before);
    expect(await keysOf(db, masters).vault.open(sealed.slice(0, 2))).toStrictEqual([{ value: people[0] }, 'erased']);
    expect(await keysOf(db, masters).subjects.find(acme, [{ recipientId: 'two@canary.example' }, { recipientId: 'late' }])).toStrictEqual([
      'erased',
      late,
    ]);
  });

  test('restored over an older state applies the tombstones that the older state did not have', async () => {
    const { db, people, sealed } = await filled();
    const [early, late] = [join(folder, 'early'), join(folder, 'late')];
    await backupKeys(db.workerPool, clock, early);
    await destroySubjects(db.workerPool, acme, people.slice(1, 2));
    await backupKeys(db.workerPool, clock, late);
    const older = await database();
    await restoreKeys(older.workerPool, early);
    await restoreKeys(older.workerPool, late);
    expect(await keysOf(older, masters).vault.open(sealed.slice(0, 3))).toStrictEqual([{ value: people[0] }, 'erased', 'erased']);
    expect(await keysOf(older, masters).subjects.find(acme, [{ recipientId: 'two@canary.example' }])).toStrictEqual(['erased']);
  });

  test('is refused by a database of other keys, which stays as it was', async () => {
    const { db } = await filled();
    const file = join(folder, 'other');
    await backupKeys(db.workerPool, clock, file);
    const { db: other } = await filled();
    const before = await rows(other);
    await expect(restoreKeys(other.workerPool, file)).rejects.toMatchObject({ kind: 'invalid', code: 'key_store_other' });
    expect(await rows(other)).toStrictEqual(before);
  });

  test('that was cut off or changed is refused before anything is written', async () => {
    const { db } = await filled();
    const file = join(folder, 'good');
    await backupKeys(db.workerPool, clock, file);
    const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
    const broken = [
      lines.slice(0, -1),
      lines.slice(1),
      [...lines.slice(0, 2), ...lines.slice(3)],
      lines.map((line) => line.replace('"generation":1', '"generation":2')),
      [...lines, lines[1]],
      [],
      ['{'],
      [...lines.slice(0, -1), lines.at(-1)?.slice(0, 20)],
    ];
    const empty = await database();
    const before = await rows(empty);
    for (const some of broken) {
      writeFileSync(join(folder, 'broken'), some.map((line) => `${line ?? ''}\n`).join(''));
      await expect(restoreKeys(empty.workerPool, join(folder, 'broken'))).rejects.toMatchObject({ kind: 'invalid', code: 'backup_broken' });
    }
    await expect(restoreKeys(empty.workerPool, join(folder, 'nowhere'))).rejects.toMatchObject({
      kind: 'invalid',
      code: 'backup_unreadable',
    });
    expect(await rows(empty)).toStrictEqual(before);
  });

  test('that fails half-way leaves no file', async () => {
    const { db } = await filled();
    await db.ownerPool.query('drop table subject_aliases');
    await expect(backupKeys(db.workerPool, clock, join(folder, 'half'))).rejects.toMatchObject({ code: 'database_unprepared' });
    expect(readdirSync(folder).filter((name) => name.startsWith('half'))).toStrictEqual([]);
  });
});

test('a service in front of other keys than it began with stops, and goes on once they are restored', async () => {
  const models = await database('models');
  const { db } = await filled();
  await checkKeyStore(db.workerPool, models.workerPool);
  await checkKeyStore(db.workerPool, models.workerPool);
  const lost = await database();
  await expect(checkKeyStore(lost.workerPool, models.workerPool)).rejects.toMatchObject({ kind: 'invalid', code: 'key_store_other' });
  const file = join(folder, 'rescue');
  await backupKeys(db.workerPool, clock, file);
  await restoreKeys(lost.workerPool, file);
  await checkKeyStore(lost.workerPool, models.workerPool);
});
