import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { WORK } from '../../src/domain/notification/delivery.ts';

const page = readFileSync('docs/architecture.md', 'utf8');
/** What stands in backticks; the blocks of diagrams hold none. */
const quoted = [...page.replaceAll(/```[\s\S]*?```/g, '').matchAll(/`([^`\n]+)`/g)].map(([, text = '']) => text);

test('every file and folder that the map names is there', () => {
  const paths = quoted.filter((text) => /^[a-zA-Z]+(?:\/[\w.]+)+$/.test(text));
  expect(paths.length).toBeGreaterThan(50);
  expect(paths.filter((path) => !existsSync(path) && !existsSync(join('src', path)))).toStrictEqual([]);
});

test('the map tells every state of a delivery, with the action that stands for it', () => {
  const rows = page.split('\n').filter((line) => /^\| +`\w+`.*\| +(?:`\w+`|none) +\|$/.test(line));
  const told = rows.flatMap((row) => {
    const cells = row.split('|').map((cell) => cell.trim());
    const action = cells.at(-2)?.replaceAll('`', '');
    return [...(cells[1] ?? '').matchAll(/`(\w+)`/g)]
      .map(([, state = '']) => [state, action === 'none' ? undefined : action] as const)
      .filter(([state], place, all) => all.findIndex(([other]) => other === state) === place);
  });
  expect(Object.fromEntries(told)).toStrictEqual(WORK);
});

test('comments point at pages that are there', () => {
  const files = ['src', 'test', 'migrations', 'scripts']
    .flatMap((folder) => readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((path) => join(folder, path)))
    .filter((path) => /\.(?:ts|mjs|sql)$/.test(path) && !/node_modules|architecture\.test\.ts$/.test(path));
  const lost = files.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/\bdocs\/(?:[\w-]+\.md|decisions\/[\w-]+(?:\.md)?)/g)]
      .map(([target]) => target)
      .filter((target) => !existsSync(target) && !isDecision(target))
      .map((target) => `${file}: ${target}`),
  );
  expect(lost).toStrictEqual([]);
});
const isDecision = (target: string): boolean =>
  dirname(target) === 'docs/decisions' && readdirSync('docs/decisions').some((name) => name.startsWith(`${target.slice(-4)}-`));

test('decisions are numbered without a gap, in their names and their titles', () => {
  const names = readdirSync('docs/decisions').sort();
  expect(names.map((name) => name.slice(0, 5))).toStrictEqual(names.map((_, at) => `${String(at + 1).padStart(4, '0')}-`));
  const titles = names.map((name) => readFileSync(join('docs/decisions', name), 'utf8').split('\n')[0] ?? '');
  expect(titles.map((title) => title.split(' ', 2).join(' '))).toStrictEqual(names.map((_, at) => `# ${String(at + 1)}.`));
});
