import { readFileSync } from 'node:fs';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';

const script = readFileSync('.ci/run', 'utf8');

test.each([
  ['20.19.0', '22,24'],
  ['22.12.0', '20,24'],
  // Where none followed, the program would not run on EventStoreDB either, and nothing would say so.
  ['24.1.0', '20,22'],
])('run by Node %s, .ci/run goes on with the others that are supported: %s', (node, others) => {
  const [, expression = ''] = /^others="\$\(node -p '(.+)'\)"$/m.exec(script) ?? [];
  expect(runInNewContext(expression, { process: { versions: { node } } })).toBe(others);
});
