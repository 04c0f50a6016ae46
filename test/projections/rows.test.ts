import { expect, test } from 'vitest';
import { jsonRows, Rows } from '../../src/projections/rows.ts';

test('later columns of a key replace earlier ones and keep the rest', () => {
  const rows = new Rows<{ id: string; a: number; b: number | null }>();
  rows.set('x', { id: 'x', a: 1, b: 2 });
  rows.set('y', { id: 'y', a: 5 });
  rows.set('x', { a: 3, b: null });
  expect(JSON.parse(rows.json())).toStrictEqual([
    { id: 'x', a: 3, b: null },
    { id: 'y', a: 5 },
  ]);
  expect(rows.size).toBe(2);
});

test('U+0000 is replaced wherever it stands, and nothing that only looks like it', () => {
  const rows = [{ text: 'a\u0000\u0000b', literal: String.raw`\u0000`, both: `\\\u0000`, 'na\u0000me': 1 }];
  expect(JSON.parse(jsonRows(rows))).toStrictEqual([
    { text: 'a\ufffd\ufffdb', literal: String.raw`\u0000`, both: '\\\ufffd', 'na\ufffdme': 1 },
  ]);
});
