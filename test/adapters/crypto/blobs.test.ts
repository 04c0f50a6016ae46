import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { Blobs } from '../../../src/adapters/crypto/blobs.ts';
import { destroySubjects } from '../../../src/adapters/crypto/destroy.ts';
import type { Keys } from '../../../src/adapters/crypto/keys.ts';
import type { SubjectId, TenantId } from '../../../src/domain/values/ids.ts';
import { instantOf } from '../../../src/domain/values/instant.ts';
import { keysOf, known, oneMaster } from '../../support/keys.ts';
import { freshDatabase, type FreshDatabase } from '../../support/postgres.ts';

const [acme, other] = ['acme', 'other'] as unknown as [TenantId, TenantId];
const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2026, 6, 30);
let nowMs = START_MS;
const clock = { now: () => instantOf(nowMs), epochMs: () => nowMs };
let db: FreshDatabase;
let keys: Keys;
let blobs: Blobs;
beforeAll(async () => {
  db = await freshDatabase(['keys']);
  keys = keysOf(db, oneMaster());
  blobs = new Blobs(db.workerPool, keys.vault, clock);
});
beforeEach(() => {
  nowMs = START_MS;
});
afterAll(async () => {
  await db.close();
});

const file = (text: string, subject?: SubjectId) => ({
  filename: `${text}.pdf`,
  contentType: 'application/pdf',
  content: Buffer.from(text),
  ...(subject === undefined ? {} : { subject }),
});
const texts = async (ids: readonly string[], tenant = acme): Promise<readonly (string | undefined)[]> => {
  const contents = await blobs.read(tenant, ids);
  return ids.map((id) => (contents.has(id) ? Buffer.from(contents.get(id) ?? []).toString() : undefined));
};

test('what was put is found by its id and read back, within its tenant', async () => {
  const [one] = await known(keys, acme, 'one');
  const refs = await blobs.put(acme, [file('canary for all'), file('canary for one', one)]);
  const ids = refs.map(({ id }) => id);
  expect(refs.map(({ id, ...about }) => [/^att_[A-Za-z0-9_-]{22}$/.test(id), about])).toStrictEqual(
    ['canary for all', 'canary for one'].map((text) => [
      true,
      { sha256: createHash('sha256').update(text).digest('hex'), size: 14, filename: `${text}.pdf`, contentType: 'application/pdf' },
    ]),
  );
  expect([...(await blobs.find(acme, [...ids, 'att_none'])).values()].sort((a, b) => ids.indexOf(a.id) - ids.indexOf(b.id))).toStrictEqual(
    refs,
  );
  expect(await texts([...ids, 'att_none'])).toStrictEqual(['canary for all', 'canary for one', undefined]);
  expect(await texts(ids, other)).toStrictEqual([undefined, undefined]);
  expect((await blobs.find(other, ids)).size).toBe(0);
  const { rows } = await db.workerPool.query<{ text: string }>(`select encode(about || sealed, 'escape') || b::text as text from blobs b`);
  expect(rows.map(({ text }) => text.includes('canary'))).toStrictEqual([false, false]);
  expect(await blobs.put(acme, [])).toStrictEqual([]);
});

test('bytes of every value come back, megabytes of them too', async () => {
  const content = Buffer.alloc(5_000_000, Uint8Array.from([...Array(256).keys()]));
  const [ref] = await blobs.put(acme, [{ filename: 'b', contentType: 'x', content }]);
  expect(Buffer.compare(Buffer.from((await blobs.read(acme, [ref?.id ?? ''])).get(ref?.id ?? '') ?? []), content)).toBe(0);
});

test('sealed bytes moved to another row do not open', async () => {
  const refs = await blobs.put(acme, [file('a'), file('b')]);
  const [a, b] = refs.map(({ id }) => id) as [string, string];
  await db.workerPool.query('update blobs set sealed = (select sealed from blobs where id = $1) where id = $2', [a, b]);
  await expect(blobs.read(acme, [b])).rejects.toMatchObject({ kind: 'invalid', code: 'seal_broken' });
});

test('an erased person’s are gone with the key, and none is stored for them any more', async () => {
  const [gone] = (await known(keys, acme, 'gone')) as [SubjectId];
  const refs = await blobs.put(acme, [file('shared'), file('theirs', gone)]);
  await destroySubjects(db.workerPool, acme, [gone]);
  keys.clear();
  expect(await texts(refs.map(({ id }) => id))).toStrictEqual(['shared', undefined]);
  await expect(blobs.put(acme, [file('more', gone)])).rejects.toMatchObject({ kind: 'invalid', code: 'subject_erased' });
});

test('an upload that nobody names within a day expires; one that was named is kept', async () => {
  const uploads = await Promise.all(['unused', 'used'].map((text) => blobs.upload(acme, file(text))));
  const ids = uploads.map(({ ref }) => ref.id);
  expect(uploads.map(({ is }) => is)).toStrictEqual(['new', 'new']);
  nowMs += DAY_MS - 1;
  expect([...(await blobs.find(acme, ids.slice(1))).keys()]).toStrictEqual(ids.slice(1));
  nowMs += 2;
  expect(await texts(ids)).toStrictEqual([undefined, 'used']);
  expect((await blobs.find(acme, ids.slice(0, 1))).size).toBe(0);
  expect([await blobs.deleteExpired(100), await blobs.deleteExpired(100)]).toStrictEqual([1, 0]);
  nowMs += 399 * DAY_MS;
  expect(await texts(ids)).toStrictEqual([undefined, 'used']);
});

test('an upload under an id that is taken leaves what is there, and says whether it is the same', async () => {
  const first = await blobs.upload(acme, file('kept'), 'att_derived');
  expect(first).toMatchObject({ is: 'new', ref: { id: 'att_derived', filename: 'kept.pdf' } });
  nowMs += DAY_MS / 2;
  expect(await blobs.upload(acme, file('kept'), 'att_derived')).toStrictEqual({ ...first, is: 'same' });
  for (const another of [file('other'), { ...file('kept'), filename: 'renamed.pdf' }, { ...file('kept'), contentType: 'text/plain' }])
    expect(await blobs.upload(acme, another, 'att_derived')).toStrictEqual({ ...first, is: 'other' });
  expect(await texts(['att_derived'])).toStrictEqual(['kept']);
  expect((await blobs.upload(other, file('theirs'), 'att_derived')).is).toBe('new');
  const many = await Promise.all([...Array(5).keys()].map(() => blobs.upload(acme, file('at once'), 'att_at_once')));
  expect(many.map(({ is }) => is).sort()).toStrictEqual(['new', 'same', 'same', 'same', 'same']);
  // To look at it again was not to use it.
  nowMs += DAY_MS / 2;
  expect(await texts(['att_derived'])).toStrictEqual([undefined]);
  expect(await blobs.upload(acme, file('anew'), 'att_derived')).toMatchObject({ is: 'new', ref: { filename: 'anew.pdf' } });
  expect(await texts(['att_derived'])).toStrictEqual(['anew']);
});
