import { expect, test } from 'vitest';
import { createCursors, type ListOf } from '../../src/http/cursor.ts';
import { isRefusal } from '../../src/http/problems.ts';
import type { TenantId } from '../../src/domain/values/ids.ts';

const cursors = createCursors(Buffer.from('a key'));
const list: ListOf = { tenant: 'acme' as TenantId, operation: 'listDeliveries', filters: { status: 'sent' } };
const cursor = cursors.seal('2026-01-01 x', list);

test('a cursor opens for the list that it came from', () => {
  expect(cursors.open(cursor, { ...list })).toBe('2026-01-01 x');
});

test('it opens for no other tenant, list or filters, and in no other installation', () => {
  const others: readonly ListOf[] = [
    { ...list, tenant: 'other' as TenantId },
    { ...list, operation: 'listNotifications' },
    { ...list, filters: { status: 'failed' } },
    { ...list, filters: {} },
  ];
  for (const other of others) expect([other, isRefusal(Object(cursors.open(cursor, other)))]).toStrictEqual([other, true]);
  expect(isRefusal(Object(createCursors(Buffer.from('another key')).open(cursor, list)))).toBe(true);
});

test('what was changed or made up does not open', () => {
  const [place = '', signature = ''] = cursor.split('.');
  const made = [`${Buffer.from('2027').toString('base64url')}.${signature}`, place, `${place}.`, `.${signature}`, '', '.', `${place}.AAAA`];
  for (const text of made) expect([text, isRefusal(Object(cursors.open(text, list)))]).toStrictEqual([text, true]);
});
