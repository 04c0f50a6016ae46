import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { checkLayers } from '../scripts/layers.mjs';

const roots: string[] = [];
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true, force: true });
});

/** A small house in which each file imports what is listed. */
function house(files: Readonly<Record<string, readonly string[]>>): string {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'tidings-layers-')));
  roots.push(root);
  for (const [path, imports] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), `${imports.map((from) => `import '${from}';`).join('\n')}\nexport const it = 1;\n`);
  }
  return root;
}

const rulesBroken = async (files: Readonly<Record<string, readonly string[]>>): Promise<readonly string[]> =>
  (await checkLayers(house(files))).violations.map(({ rule }) => rule);

describe('the layers', () => {
  test.each([
    ['the domain importing a command', 'domain-sees-itself', 'src/domain/a/a.ts', '../../commands/b.ts', 'src/commands/b.ts'],
    ['the domain importing node', 'domain-is-pure', 'src/domain/a/a.ts', 'node:fs', 'src/domain/b.ts'],
    ['one aggregate importing another', 'aggregates-are-strangers', 'src/domain/a/a.ts', '../b/b.ts', 'src/domain/b/b.ts'],
    ['a policy importing an aggregate', 'policy-sees-no-aggregate', 'src/domain/policy/a.ts', '../b/b.ts', 'src/domain/b/b.ts'],
    ['a command importing an adapter', 'commands-see-domain', 'src/commands/a.ts', '../adapters/b.ts', 'src/adapters/b.ts'],
    ['a consumer importing a projection', 'consumers-see-domain', 'src/consumers/a.ts', '../projections/b/b.ts', 'src/projections/b/b.ts'],
    ['a projection importing a command', 'projections-see-consumers', 'src/projections/a/a.ts', '../../commands/b.ts', 'src/commands/b.ts'],
    [
      'a projection importing another',
      'projections-are-strangers',
      'src/projections/a/a.ts',
      '../b/queries.ts',
      'src/projections/b/queries.ts',
    ],
    [
      'a process importing queries',
      'processes-see-commands',
      'src/processes/a/a.ts',
      '../../projections/b/queries.ts',
      'src/projections/b/queries.ts',
    ],
    [
      'http importing more of a projection than its queries',
      'http-sees-commands-and-queries',
      'src/http/a.ts',
      '../projections/b/fold.ts',
      'src/projections/b/fold.ts',
    ],
    ['an adapter importing a command', 'adapters-see-ports', 'src/adapters/a.ts', '../commands/b.ts', 'src/commands/b.ts'],
    ['a layer importing compose', 'nothing-sees-compose', 'src/http/a.ts', '../compose.ts', 'src/compose.ts'],
    ['a layer importing the configuration', 'config-sees-nothing', 'src/http/a.ts', '../config.ts', 'src/config.ts'],
    ['an import that leads nowhere', 'no-unresolvable', 'src/commands/a.ts', './missing.ts', 'src/commands/b.ts'],
  ])('%s is caught', async (_, rule, from, specifier, target) => {
    expect(await rulesBroken({ [from]: [specifier], [target]: [] })).toContain(rule);
  });

  test('two files that import each other are caught', async () => {
    const broken = await rulesBroken({ 'src/commands/a.ts': ['./b.ts'], 'src/commands/b.ts': ['./a.ts'] });
    expect(broken).toStrictEqual(['no-cycles']);
  });

  test('what the program does not reach is caught', async () => {
    const files = { 'src/main.ts': ['./commands/a.ts'], 'src/commands/a.ts': [], 'src/commands/b.ts': ['./c.ts'], 'src/commands/c.ts': [] };
    expect((await checkLayers(house(files))).violations).toStrictEqual([
      { rule: 'no-unreached', from: 'src/commands/b.ts', to: 'src/commands/b.ts' },
      { rule: 'no-unreached', from: 'src/commands/c.ts', to: 'src/commands/c.ts' },
    ]);
  });

  test('what the layers allow passes', async () => {
    const files = {
      'src/main.ts': ['./compose.ts', './config.ts'],
      'src/config.ts': [],
      'src/compose.ts': ['./http/server.ts', './adapters/a.ts', './processes/p/p.ts'],
      'src/http/server.ts': ['../projections/x/queries.ts', '../commands/c.ts'],
      'src/projections/x/queries.ts': ['../../consumers/ports.ts'],
      'src/processes/p/p.ts': ['../../commands/c.ts', '../../consumers/ports.ts'],
      'src/commands/c.ts': ['./ports.ts', '../domain/a/a.ts'],
      'src/commands/ports.ts': [],
      'src/consumers/ports.ts': [],
      'src/adapters/a.ts': ['../commands/ports.ts', '../consumers/ports.ts'],
      'src/domain/a/a.ts': ['../kernel/k.ts', '../policy/p.ts'],
      'src/domain/kernel/k.ts': [],
      'src/domain/policy/p.ts': ['../kernel/k.ts'],
    };
    expect(await checkLayers(house(files))).toStrictEqual({ read: Object.keys(files).length, violations: [] });
  });

  test('an empty house is no proof', async () => {
    expect((await checkLayers(house({ 'src/notes.txt': [] }))).read).toBe(0);
  });
});
