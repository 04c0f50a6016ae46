import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { destroyPeriods, destroySubjects } from '../../../src/adapters/crypto/destroy.ts';
import { KEY_CACHE_MS } from '../../../src/adapters/crypto/keyStore.ts';
import { keysOver, type Keys } from '../../../src/adapters/crypto/keys.ts';
import { memoryKeys } from '../../support/memoryKeys.ts';
import { newMasterKey, parseMasterKeys } from '../../../src/adapters/crypto/masterKeys.ts';
import { PostgresKeyRows } from '../../../src/adapters/crypto/postgresKeyRows.ts';
import { openListener } from '../../../src/adapters/postgres/notify.ts';
import type { ToSeal } from '../../../src/commands/ports.ts';
import type { Sealed } from '../../../src/domain/kernel/personal.ts';
import type { SubjectId, TenantId } from '../../../src/domain/values/ids.ts';
import { keysOf, KEYS_CHANNEL, oneMaster } from '../../support/keys.ts';
import { freshDatabase, type FreshDatabase } from '../../support/postgres.ts';

const acme = 'acme' as TenantId;
const item = (value: unknown, more: Partial<ToSeal> = {}): ToSeal => ({
  value,
  tenant: acme,
  class: 'identity',
  period: '2026-07',
  aad: 'here',
  ...more,
});
const newSubject = (n: number): SubjectId => String(n).padStart(22, 'S') as SubjectId;

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase(['keys', 'models']);
});
afterAll(async () => {
  await db.close();
});

type Made = {
  readonly keys: Keys;
  readonly destroySubject: (subject: SubjectId) => Promise<void>;
  readonly destroyPeriod: (period: string) => Promise<void>;
};
let next = 1;
const kinds: [string, () => Made][] = [
  [
    'in memory',
    () => {
      const { rows, ...keys } = memoryKeys();
      const done = (): Promise<void> => {
        keys.clear();
        return Promise.resolve();
      };
      return {
        keys,
        destroySubject: (subject) => (rows.destroySubject(acme, subject), done()),
        destroyPeriod: (period) => (rows.destroyPeriod({ tenant: acme, class: 'identity', period }), done()),
      };
    },
  ],
  [
    'in Postgres',
    () => {
      const keys = keysOf(db, masters);
      return {
        keys,
        destroySubject: (subject) => destroySubjects(db.workerPool, acme, [subject]).then(keys.clear),
        destroyPeriod: (period) => destroyPeriods(db.workerPool, [{ tenant: acme, class: 'identity', period }]).then(keys.clear),
      };
    },
  ],
];
const masters = oneMaster();

describe.each(kinds)('the vault %s', (_, make) => {
  test('opens what it sealed, in order, for one, for several and for nobody', async () => {
    const { keys } = make();
    const [one, two] = [newSubject(next++), newSubject(next++)];
    const values = [{ a: 1 }, 'text', null, [1, 2], 0];
    const sealed = await keys.vault.seal(
      values.map((value, index) => item(value, index === 2 ? {} : { subject: index % 2 === 0 ? one : two })),
    );
    expect(sealed.map((it) => [it.sealed.split('.')[0], it.subject, it.aad])).toStrictEqual([
      ['1', one, 'here'],
      ['1', two, 'here'],
      ['0', undefined, 'here'],
      ['1', two, 'here'],
      ['1', one, 'here'],
    ]);
    expect(await keys.vault.open(sealed)).toStrictEqual(values.map((value) => ({ value })));
    expect(await keys.vault.open([])).toStrictEqual([]);
    expect(await keys.vault.seal([])).toStrictEqual([]);
  });

  test('the same value is never sealed to the same text', async () => {
    const { keys } = make();
    const [a, b] = await keys.vault.seal([item('x'), item('x')]);
    expect(a?.sealed).not.toBe(b?.sealed);
  });

  const other = newSubject(900_001);
  test.each<[string, Partial<Sealed>]>([
    ['place', { aad: 'there' }],
    ['person', { subject: other }],
    ['class', { class: 'content' }],
    ['month', { period: '2026-08' }],
    ['tenant', { tenant: 'other' }],
    ['byte', { sealed: '1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' }],
    ['nothing', { sealed: '1.' }],
    ['no generation', { sealed: 'x.AAAA' }],
    ['the generation of nobody', { sealed: '0.AAAA' }],
  ])('refuses what was sealed in another place: %s', async (_name, change) => {
    const { keys } = make();
    const subject = newSubject(next++);
    const [, , sealed] = (await keys.vault.seal([
      item(0, { subject: other, class: 'content', period: '2026-08' }),
      item(0, { subject, tenant: 'other' as TenantId }),
      item('x', { subject }),
      item(0, { subject: other }),
      item(0, { class: 'content' }),
      item(0, { period: '2026-08' }),
    ])) as [Sealed, Sealed, Sealed];
    await expect(keys.vault.open([{ ...sealed, ...change }])).rejects.toMatchObject({ kind: 'invalid', code: 'seal_broken' });
  });

  test('a destroyed subject reads erased, also when it never had a key, and nothing more is sealed for it', async () => {
    const { keys, destroySubject } = make();
    const [gone, stays, never] = [newSubject(next++), newSubject(next++), newSubject(next++)];
    const sealed = await keys.vault.seal([item('a', { subject: gone }), item('b', { subject: stays })]);
    await destroySubject(gone);
    await destroySubject(never);
    expect(await keys.vault.open(sealed)).toStrictEqual(['erased', { value: 'b' }]);
    await expect(keys.vault.seal([item('c', { subject: stays }), item('c', { subject: gone })])).rejects.toMatchObject({
      kind: 'invalid',
      code: 'subject_erased',
    });
    expect(await keys.vault.trySeal([item('c', { subject: never })])).toStrictEqual([{ refused: 'subject_erased' }]);
  });

  test('a destroyed period reads erased for everybody, shared or not, and stays so', async () => {
    const { keys, destroyPeriod } = make();
    const period = `20${String(30 + (next++ % 60))}-01`;
    const sealed = await keys.vault.seal([
      item('a', { subject: newSubject(next++), period }),
      item('b', { period }),
      item('c', { period, class: 'content' }),
    ]);
    await destroyPeriod(period);
    expect(await keys.vault.open(sealed)).toStrictEqual(['erased', 'erased', { value: 'c' }]);
    await expect(keys.vault.seal([item('d', { period })])).rejects.toMatchObject({ kind: 'invalid', code: 'period_destroyed' });
  });

  test('a key that has no row, not even a tombstone, is not taken for an erasure', async () => {
    const { keys } = make();
    const [sealed] = (await keys.vault.seal([item('x', { subject: newSubject(next++) })])) as [Sealed];
    await expect(keys.vault.open([{ ...sealed, subject: newSubject(900_002) }])).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'key_missing',
    });
  });
});

describe('several processes over the same keys', () => {
  test('a key destroyed by another is used for 5 s at most, and not at all once the notice has come', async () => {
    let nowMs = 1;
    const [here, there] = [keysOf(db, masters, () => nowMs), keysOf(db, masters)];
    const subject = newSubject(next++);
    const sealed = await here.vault.seal([item('x', { subject })]);
    await destroySubjects(db.workerPool, acme, [subject]);
    nowMs = KEY_CACHE_MS;
    expect(await here.vault.open(sealed)).toStrictEqual([{ value: 'x' }]);
    nowMs = KEY_CACHE_MS + 2;
    expect(await here.vault.open(sealed)).toStrictEqual(['erased']);
    expect(await there.vault.open(sealed)).toStrictEqual(['erased']);
  });

  test('the notice of a destruction clears the cache', async () => {
    const keys = keysOf(db, masters, () => 0);
    const subject = newSubject(next++);
    const sealed = await keys.vault.seal([item('x', { subject })]);
    const listener = openListener({ url: db.url, role: 'tidings_worker' });
    const cleared = new Promise<void>((resolve) => {
      void listener
        .subscribe(KEYS_CHANNEL, (payload) => {
          keys.clear();
          if (payload !== null) resolve();
        })
        .then(() => destroySubjects(db.workerPool, acme, [subject]));
    });
    await cleared;
    expect(await keys.vault.open(sealed)).toStrictEqual(['erased']);
    await listener.close();
  });

  test('a key read before a notice and handed over after it is not cached', async () => {
    const rows = new PostgresKeyRows(db.workerPool);
    const subject = newSubject(next++);
    const [sealed] = (await keysOf(db, masters).vault.seal([item('x', { subject })])) as [Sealed];
    let handOver = (): void => undefined;
    const reading = new Promise<void>((resolve) => {
      handOver = resolve;
    });
    const slow = {
      read: async (...refs: Parameters<typeof rows.read>) => {
        const found = await rows.read(...refs);
        await reading;
        return found;
      },
    };
    const keys = keysOver(Object.assign(Object.create(rows) as PostgresKeyRows, slow), masters, () => 0);
    const opening = keys.vault.open([sealed]);
    await destroySubjects(db.workerPool, acme, [subject]);
    keys.clear();
    handOver();
    await opening;
    expect(await keys.vault.open([sealed])).toStrictEqual(['erased']);
  });

  test('a key that is destroyed while its person is being made is not kept', async () => {
    let noticed = (): void => undefined;
    class Slow extends PostgresKeyRows {
      override async insertPeople(...made: Parameters<PostgresKeyRows['insertPeople']>): ReturnType<PostgresKeyRows['insertPeople']> {
        const won = await super.insertPeople(...made);
        await destroySubjects(
          db.workerPool,
          acme,
          made[1].map(({ subject }) => subject),
        );
        noticed();
        return won;
      }
    }
    const keys = keysOver(new Slow(db.workerPool), masters, () => 0);
    noticed = () => keys.clear();
    const [subject] = (await keys.subjects.resolve(acme, [{ recipientId: 'made and destroyed' }])) as [SubjectId];
    await expect(keys.vault.seal([item('x', { subject })])).rejects.toMatchObject({ code: 'subject_erased' });
  });

  test('50 that seal for the same new people at once, in different orders, agree on their keys', async () => {
    const subjects = [...Array(20).keys()].map(() => newSubject(next++));
    const processes = [...Array(50).keys()].map((n) => ({
      keys: keysOf(db, masters),
      order: n % 2 === 0 ? subjects : [...subjects].reverse(),
    }));
    const sealed = await Promise.all(
      processes.map(({ keys, order }) => keys.vault.seal(order.map((subject) => item(subject, { subject, period: '2031-05' })))),
    );
    expect(await keysOf(db, masters).vault.open(sealed.flat())).toStrictEqual(
      processes.flatMap(({ order }) => order.map((value) => ({ value }))),
    );
  });

  test('a destruction and a first sealing at the same moment never leave a living key', async () => {
    const subjects = [...Array(40).keys()].map(() => newSubject(next++));
    const keys = keysOf(db, masters);
    const tried = await Promise.all(
      subjects.flatMap((subject) => [keys.vault.trySeal([item('x', { subject })]), destroySubjects(db.workerPool, acme, [subject])]),
    );
    expect(tried.length).toBe(80);
    const { rows } = await db.workerPool.query('select from subject_keys where subject = any ($1) and wrapped is not null', [subjects]);
    expect(rows.length).toBe(0);
  });
});

describe('master keys that change', () => {
  test('a second one in front: old values open, new keys are wrapped by it; without the old one, nothing is called erased', async () => {
    const [old, fresh] = [newMasterKey('old'), newMasterKey('new')];
    const subject = newSubject(next++);
    const sealed = await keysOf(db, parseMasterKeys(old)).vault.seal([item('x', { subject, period: '2032-01' })]);
    const both = keysOf(db, parseMasterKeys(`${fresh},${old}`));
    expect(await both.vault.open(sealed)).toStrictEqual([{ value: 'x' }]);
    await expect(keysOf(db, parseMasterKeys(fresh)).vault.open(sealed)).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'master_key_missing',
    });
  });
});

describe('isolation', () => {
  test('the api role reaches no table of keys', async () => {
    for (const table of ['subject_keys', 'period_keys', 'subject_aliases', 'index_keys', 'blobs', 'key_store'])
      await expect(db.apiPool.query(`select from ${table}`)).rejects.toMatchObject({ code: '42501' });
  });

  test('nobody who serves deletes a row of keys', async () => {
    for (const table of ['subject_keys', 'period_keys', 'subject_aliases', 'index_keys'])
      await expect(db.workerPool.query(`delete from ${table}`)).rejects.toMatchObject({ code: '42501' });
  });
});
