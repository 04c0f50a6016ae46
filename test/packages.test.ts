import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const read = (name: string): any => JSON.parse(readFileSync(new URL(`../${name}`, import.meta.url), 'utf8'));

test('of every package that brings a script for its installation it is said whether it runs: a first start asks nobody', () => {
  const locked = Object.entries<{ readonly hasInstallScript?: true }>(read('package-lock.json').packages);
  const withScript = locked.flatMap(([path, it]) => (it.hasInstallScript ? [path.replace(/^.*node_modules\//, '')] : []));
  expect(Object.keys(read('package.json').allowScripts)).toStrictEqual([...new Set(withScript)].sort());
});
