import { expect, test } from 'vitest';
import { checkKeysFit, type KeysFit } from '../../../src/adapters/crypto/checkKeysFit.ts';
import { keysOver, type Keys } from '../../../src/adapters/crypto/keys.ts';
import type { KeyRows } from '../../../src/adapters/crypto/keyRows.ts';
import type { DataClass } from '../../../src/domain/kernel/personal.ts';
import type { SubjectId } from '../../../src/domain/values/ids.ts';
import { happened, TENANT, unreadable } from '../../support/consumers.ts';
import { known, oneMaster } from '../../support/keys.ts';
import { memoryFeed, type MemoryFeed } from '../../support/memoryFeed.ts';
import { MemoryKeyRows } from '../../support/memoryKeyRows.ts';

const masters = oneMaster();
type Holder = { readonly rows: MemoryKeyRows; readonly keys: Keys };
const holder = (): Holder => {
  const rows = new MemoryKeyRows();
  return { rows, keys: keysOver(rows, masters) };
};
const place = { tenant: TENANT, class: 'content' as DataClass, period: '2026-12', aad: 'here' };

async function told(feed: MemoryFeed, { keys }: Holder, subject?: SubjectId): Promise<void> {
  const [text] = await keys.vault.seal([{ value: 'hello', ...place, ...(subject === undefined ? {} : { subject }) }]);
  feed.add(happened('Told', { people: [{ text }] }));
}
const check = (feed: MemoryFeed, { rows, keys }: Holder, how?: KeysFit): Promise<void> =>
  checkKeysFit({ feed, rows, vault: keys.vault }, how);
const UNFIT = { kind: 'invalid', code: 'keys_of_another_log' };

test('the keys that a log was written under fit it, destroyed ones too', async () => {
  const [feed, own] = [memoryFeed(), holder()];
  feed.add(happened('Plain', { count: 1 }), unreadable('event_unknown', 'odd'));
  const [ann] = await known(own.keys, TENANT, 'ann');
  await told(feed, own, ann);
  await told(feed, own);
  await expect(check(feed, own, { depth: 'all' })).resolves.toBe(undefined);
  own.rows.destroyPeriod(place);
  own.keys.clear();
  await expect(check(feed, own, { depth: 'all' })).resolves.toBe(undefined);
});

test('no keys fit where something is sealed, and any where nothing is', async () => {
  const [feed, own] = [memoryFeed(), holder()];
  feed.add(happened('Plain', { count: 1 }));
  await expect(check(feed, holder())).resolves.toBe(undefined);
  await told(feed, own);
  await expect(check(feed, holder())).rejects.toMatchObject(UNFIT);
});

test('keys of the same name that are others do not fit', async () => {
  const [feed, own, other] = [memoryFeed(), holder(), holder()];
  await told(feed, own);
  await told(memoryFeed(), other);
  await expect(check(feed, other)).rejects.toMatchObject(UNFIT);
});

test('whoever looks at the whole log finds a key that is missing far behind, and how many are', async () => {
  const [feed, own] = [memoryFeed(), holder()];
  const [ann, bo] = await known(own.keys, TENANT, 'ann', 'bo');
  await told(feed, own, ann);
  feed.add(...Array.from({ length: 600 }, (_, count) => happened('Plain', { count })));
  await told(feed, own, bo);
  // As a backup that is older than he is.
  const read: KeyRows['read'] = async (subjects, periods) => {
    const found = await own.rows.read(subjects, periods);
    return { ...found, subjects: found.subjects.map((row, at) => (subjects[at]?.subject === bo ? undefined : row)) };
  };
  const older = { feed, rows: { read }, vault: own.keys.vault };
  await expect(checkKeysFit(older)).resolves.toBe(undefined);
  const looked: number[] = [];
  const how: KeysFit = { depth: 'all', told: (events) => looked.push(events) };
  await expect(checkKeysFit(older, how)).rejects.toMatchObject({ ...UNFIT, message: expect.stringContaining(': 1 keys') as string });
  expect(looked).toStrictEqual([500, 602]);
});
