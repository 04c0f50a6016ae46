import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { destroySubjects } from '../../../src/adapters/crypto/destroy.ts';
import type { Keys } from '../../../src/adapters/crypto/keys.ts';
import { memoryKeys } from '../../support/memoryKeys.ts';
import type { PersonName } from '../../../src/commands/ports.ts';
import type { SubjectId, TenantId } from '../../../src/domain/values/ids.ts';
import { isSubjectId } from '../../../src/domain/values/ids.ts';
import { keysOf, oneMaster } from '../../support/keys.ts';
import { freshDatabase, type FreshDatabase } from '../../support/postgres.ts';

const acme = 'acme' as TenantId;
const other = 'other' as TenantId;
let db: FreshDatabase;
const masters = oneMaster();
beforeAll(async () => {
  db = await freshDatabase(['keys']);
});
afterAll(async () => {
  await db.close();
});

let next = 1;
const fresh = (): string => `canary.person.${next++}@example.org`;
const byId = (recipientId: string): PersonName => ({ recipientId });
const byAddress = (address: string): PersonName => ({ address });

type Made = { readonly keys: Keys; readonly destroy: (subject: string) => Promise<void> };
const kinds: [string, () => Made][] = [
  [
    'in memory',
    () => {
      const { rows, ...keys } = memoryKeys();
      return { keys, destroy: (subject) => Promise.resolve(rows.destroySubject(acme, subject as SubjectId)) };
    },
  ],
  [
    'in Postgres',
    () => ({ keys: keysOf(db, masters), destroy: (subject) => destroySubjects(db.workerPool, acme, [subject as SubjectId]) }),
  ],
];

describe.each(kinds)('subjects %s', (_, make) => {
  test('a person gets one subject, random, and keeps it; a repeat within one call as well', async () => {
    const { keys } = make();
    const [a, b] = [fresh(), fresh()];
    const [one, two, again] = await keys.subjects.resolve(acme, [byId(a), byId(b), byId(a)]);
    expect([isSubjectId(one ?? ''), isSubjectId(two ?? ''), one === again, one === two]).toStrictEqual([true, true, true, false]);
    expect(await keys.subjects.resolve(acme, [byId(b), byId(a)])).toStrictEqual([two, one]);
    expect(await keys.subjects.find(acme, [byId(a), byId(fresh())])).toStrictEqual([one, 'unknown']);
  });

  test('an id and an equal address are two people, and so are those of two tenants', async () => {
    const { keys } = make();
    const name = fresh();
    const all = [
      ...(await keys.subjects.resolve(acme, [byId(name), byAddress(name)])),
      ...(await keys.subjects.resolve(other, [byId(name)])),
    ];
    expect(new Set(all).size).toBe(3);
  });

  test('an id counts in its composed form (NFC)', async () => {
    const { keys } = make();
    const [composed, decomposed] = await keys.subjects.resolve(acme, [byId('zo\u00eb-x'), byId('zoe\u0308-x')]);
    expect(decomposed).toBe(composed);
    expect(await keys.subjects.labels(acme, [composed as SubjectId])).toStrictEqual(['zo\u00eb-x']);
  });

  test('the outside calls them by their own id, or by addr_<subject>, which finds them again', async () => {
    const { keys } = make();
    const [id, address] = [fresh(), fresh()];
    const [named, inline] = (await keys.subjects.resolve(acme, [byId(id), byAddress(address)])) as [SubjectId, SubjectId];
    expect(await keys.subjects.labels(acme, [inline, named, inline])).toStrictEqual([`addr_${inline}`, id, `addr_${inline}`]);
    expect(await keys.subjects.resolve(acme, [byId(`addr_${inline}`)])).toStrictEqual([inline]);
    expect(await keys.subjects.find(acme, [byId(`addr_${inline}`), byId(`addr_${inline}x`)])).toStrictEqual([inline, 'unknown']);
    expect(await keys.subjects.find(other, [byId(`addr_${inline}`)])).toStrictEqual(['unknown']);
  });

  test('an erased person is known as such under every name, and the label is gone', async () => {
    const { keys, destroy } = make();
    const [id, address] = [fresh(), fresh()];
    const [named, inline] = (await keys.subjects.resolve(acme, [byId(id), byAddress(address)])) as [SubjectId, SubjectId];
    await destroy(named);
    await destroy(inline);
    const people = [byId(id), byAddress(address), byId(`addr_${inline}`)];
    expect(await keys.subjects.resolve(acme, people)).toStrictEqual(['erased', 'erased', 'erased']);
    expect(await keys.subjects.find(acme, people)).toStrictEqual(['erased', 'erased', 'erased']);
    expect(await keys.subjects.labels(acme, [named, inline])).toStrictEqual(['erased', 'erased']);
  });

  test('registered anew on purpose, an erased person gets a new subject; others keep theirs', async () => {
    const { keys, destroy } = make();
    const [gone, stays] = [fresh(), fresh()];
    const [before, kept] = await keys.subjects.resolve(acme, [byId(gone), byId(stays)]);
    await destroy(before ?? '');
    const [after, same] = await keys.subjects.readmit(acme, [byId(gone), byId(stays)]);
    expect([isSubjectId(after ?? ''), after === before, same]).toStrictEqual([true, false, kept]);
    expect(await keys.subjects.resolve(acme, [byId(gone)])).toStrictEqual([after]);
    expect(await keys.subjects.labels(acme, [after as SubjectId, before as SubjectId])).toStrictEqual([gone, 'erased']);
  });

  test('nobody asked for is nobody', async () => {
    const { keys } = make();
    expect([await keys.subjects.resolve(acme, []), await keys.subjects.find(acme, []), await keys.subjects.labels(acme, [])]).toStrictEqual(
      [[], [], []],
    );
  });
});

describe('in Postgres', () => {
  test('50 at once that name the same people, in different orders, agree on who they are', async () => {
    const people = [...Array(30).keys()].map(() => byId(fresh()));
    const answers = await Promise.all(
      [...Array(50).keys()].map(async (n) => {
        const order = n % 2 === 0 ? people : [...people].reverse();
        const subjects = await keysOf(db, masters).subjects.resolve(acme, order);
        return n % 2 === 0 ? subjects : [...subjects].reverse();
      }),
    );
    expect(new Set(answers.map((subjects) => subjects.join())).size).toBe(1);
    const { rows } = await db.workerPool.query<{ n: number }>(
      'select count(*) as n from subject_aliases a join subject_keys k using (tenant, subject) where a.subject = any ($1)',
      [answers[0]],
    );
    expect(rows[0]?.n).toBe(30);
  });

  test('no row of the database holds what a caller calls a person', async () => {
    const keys = keysOf(db, masters);
    await keys.subjects.resolve(acme, [byId('canary-in-clear'), byAddress('canary-address')]);
    for (const table of ['subject_keys', 'subject_aliases', 'index_keys']) {
      const { rows } = await db.workerPool.query<{ text: string }>(
        `select string_agg(t::text || encode(t::text::bytea, 'base64'), ' ') as text from ${table} t`,
      );
      expect(rows[0]?.text).not.toMatch(/canary/);
      expect(rows[0]?.text).not.toContain(Buffer.from('canary').toString('hex'));
    }
  });

  test('10,000 new people are made in two statements, their keys ready for sealing', async () => {
    const keys = keysOf(db, masters);
    const statements = { count: 0 };
    const counted = { query: db.workerPool.query.bind(db.workerPool) };
    db.workerPool.query = ((...args: Parameters<typeof counted.query>) => {
      statements.count += 1;
      return counted.query(...args);
    }) as typeof db.workerPool.query;
    const people = [...Array(10_000).keys()].map((n) => byId(`bulk-${n}`));
    const subjects = (await keys.subjects.resolve(acme, people)) as readonly SubjectId[];
    await keys.vault.seal(
      subjects.map((subject) => ({ value: { email: subject }, tenant: acme, subject, class: 'identity', period: '2026-07', aad: 'a' })),
    );
    db.workerPool.query = counted.query;
    expect(new Set(subjects).size).toBe(10_000);
    // The index key, the look-up, the insert; then the period's key: looked for, made, read.
    expect(statements.count).toBe(6);
  });
});
