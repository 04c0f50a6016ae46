import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { problemOf, PROBLEMS } from '../../src/http/problems.ts';

const sources = ['src/domain', 'src/commands'].flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(join(folder, file), 'utf8')),
);

test('every code that a decider or a command can answer has its status and title', () => {
  const codes = new Set(sources.flatMap((text) => [...text.matchAll(/\breject\(\s*'([a-z_]+)'/g)].map(([, code]) => code ?? '')));
  expect(codes.size).toBeGreaterThan(20);
  expect([...codes].filter((code) => !(code in PROBLEMS)).sort()).toStrictEqual([]);
});

test('a code that the table does not know is still a well-formed problem', () => {
  expect(problemOf({ rejected: 'brand_new', detail: 'Do something else.', path: '/a' }, 'r-1')).toStrictEqual({
    type: 'urn:tidings:problem:brand_new',
    title: 'Refused: brand new',
    status: 422,
    detail: 'Do something else.',
    code: 'brand_new',
    requestId: 'r-1',
    errors: [{ path: '/a', message: 'Do something else.' }],
  });
});

test('members of a problem cannot be overwritten by what a refusal adds', () => {
  const problem = problemOf({ rejected: 'erased', detail: 'No.', more: { status: 200, recipients: [] } }, 'r-1');
  expect([problem.status, 'recipients' in problem]).toStrictEqual([409, true]);
});
