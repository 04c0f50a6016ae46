import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TSchema } from 'typebox';
import { describe, expect, test } from 'vitest';
import { openMetrics } from '../../src/adapters/metrics/metrics.ts';
import { checkContent, checkTemplate } from '../../src/adapters/templating/checkTemplate.ts';
import { filterOf } from '../../src/adapters/templating/filters.ts';
import { parseConfig } from '../../src/config.ts';
import type { Environment } from '../../src/config/settings.ts';
import type { Draft } from '../../src/domain/template/events.ts';
import type { Content } from '../../src/domain/values/content.ts';
import { GATES } from '../../src/domain/values/verdict.ts';
import type { Operation } from '../../src/http/operation.ts';
import { PROBLEMS } from '../../src/http/problems.ts';
import { TypeRequest } from '../../src/http/schemas/catalogue.ts';
import { OUTCOME_OF } from '../../src/http/schemas/delivery.ts';
import { NotificationRequest } from '../../src/http/schemas/notification.ts';
import { RecipientPatch } from '../../src/http/schemas/recipient.ts';
import { TemplateDraft } from '../../src/http/schemas/template.ts';
import { ApiKeyRequest } from '../../src/http/schemas/tenant.ts';
import { createChecks } from '../../src/http/validation.ts';
import { dataDirOf, fakeService, tidings } from '../support/cli.ts';

const OWN = ['cli', 'errors', 'explaining', 'getting-started', 'operating', 'sending', 'templates'];
const read = (name: string): string => readFileSync(`docs/${name}.md`, 'utf8');
const pages = new Map(OWN.map((name) => [name, read(name)]));
const all = [...pages.values()].join('\n');

/** The cells of every row of the tables below a heading, or of the whole page. */
function rowsOf(page: string, heading?: string): readonly (readonly string[])[] {
  const from = heading === undefined ? 0 : page.indexOf(`\n## ${heading}\n`) + 1;
  const to = heading === undefined ? -1 : page.indexOf('\n## ', from);
  const lines = page.slice(from, to === -1 ? undefined : to).split('\n');
  return lines
    .filter((line) => line.startsWith('| '))
    .map((line) =>
      line
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim()),
    )
    .filter(([first]) => !/^-+$/.test(first ?? ''));
}
const unquoted = (cell = ''): string => cell.replaceAll('`', '');
const namesIn = (cell = ''): readonly string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? '');

test('every problem stands in errors.md, with its status and title', () => {
  const written = rowsOf(read('errors'))
    .filter(([code]) => code?.startsWith('`'))
    .map(([code, status, title]) => [unquoted(code), Number(status), title]);
  expect(written).toStrictEqual(Object.entries(PROBLEMS).map(([code, [status, title]]) => [code, status, title]));
});

test('every status, gate and code of a delivery stands in explaining.md', () => {
  const page = read('explaining');
  const statuses = rowsOf(page, 'Statuses').slice(1);
  expect(Object.fromEntries(statuses.map(([status, outcome]) => [unquoted(status), unquoted(outcome)]))).toStrictEqual(OUTCOME_OF);
  expect(
    rowsOf(page, 'Gates')
      .slice(1)
      .map(([gate]) => unquoted(gate))
      .sort(),
  ).toStrictEqual([...GATES].sort());
  const source = readFileSync('src/domain/values/verdict.ts', 'utf8');
  const codes = [...(/VerdictCode =([^;]+);/.exec(source)?.[1] ?? '').matchAll(/'(\w+)'/g)].map(([, code]) => code ?? '');
  expect(codes.length).toBeGreaterThan(5);
  const written = rowsOf(page, 'Codes of suppression and deferral').slice(1);
  expect(written.map(([code]) => unquoted(code)).sort()).toStrictEqual(codes.sort());
});

test('every metric stands in operating.md, with its labels', async () => {
  const metrics = await openMetrics({ process: false }).registry.getMetricsAsJSON();
  const written = rowsOf(read('operating'), 'Health and metrics').slice(1);
  const names = written.map(([name]) => unquoted(name)).filter((name) => !name.endsWith('…'));
  expect(names.sort()).toStrictEqual(metrics.map(({ name }) => name).sort());
});

/** The names that the configuration asks its environment for, and which of them may come from a file. */
function settingsRead(): { readonly names: ReadonlySet<string>; readonly secrets: ReadonlySet<string> } {
  const names = new Set<string>();
  const secrets = new Set<string>();
  const watching = (value: (name: string) => string | undefined): Environment =>
    new Proxy({}, { get: (_, name) => (names.add(String(name)), value(String(name))) });
  parseConfig(
    watching(() => undefined),
    () => '',
  );
  const fromFiles = watching((name) => (name.endsWith('_FILE') ? name.slice(0, -'_FILE'.length) : undefined));
  parseConfig(fromFiles, (name) => {
    secrets.add(name);
    // Only a log of its own asks who owns it.
    return name === 'EVENT_STORE_URL' ? 'postgres://host/log' : 'x';
  });
  return { names: new Set([...names].filter((name) => !name.endsWith('_FILE'))), secrets };
}

test('every setting stands in operating.md, with its default, and the secrets are marked', () => {
  const { names, secrets } = settingsRead();
  const rows = rowsOf(read('operating'), 'Configuration').slice(1);
  const written = rows.flatMap(([name]) => namesIn(name));
  // Refused by this version, and read by the command line alone.
  const expected = [...names].filter((name) => !['KAFKA_BROKERS', 'NODE_ENV'].includes(name));
  expect([...written].sort()).toStrictEqual([...expected, 'TIDINGS_API_KEY'].sort());
  const marked = rows.flatMap(([name]) => [...(name ?? '').matchAll(/`(\w+)` \*/g)].map(([, it]) => it ?? ''));
  expect(marked.sort()).toStrictEqual([...secrets].sort());
  const parsed = parseConfig({}, () => '');
  const defaults = 'config' in parsed ? parsed.config.shown : [];
  expect(defaults.length).toBeGreaterThan(3);
  for (const { name, value } of defaults) {
    const row = rows.find(([cell]) => namesIn(cell).includes(name));
    expect([name, namesIn(row?.[1])]).toStrictEqual([name, [value]]);
  }
});

test('every filter in templates.md exists', () => {
  const filters = rowsOf(read('templates'), 'Filters')
    .slice(1)
    .flatMap(([names]) => namesIn(names))
    .map((name) => name.replace(/\(.*/, ''));
  expect(filters.length).toBeGreaterThan(20);
  expect(filters.filter((name) => filterOf(name, true) === undefined)).toStrictEqual([]);
});

test('the language shown in templates.md compiles', () => {
  const block = /```\n(\{\{ name \}\}[\s\S]*?)```/.exec(read('templates'))?.[1] ?? '';
  expect(block).not.toBe('');
  expect(checkContent({ email: { subject: 'x', text: block } })).toStrictEqual([]);
});

const checks = createChecks();
const SCHEMAS: Readonly<Record<string, TSchema>> = { NotificationRequest, TemplateDraft };
/** What the pages send with curl, by the path it goes to. */
const BODIES: readonly (readonly [RegExp, TSchema])[] = [
  [/^\/v1\/notifications$/, NotificationRequest],
  [/^\/v1\/recipients\/[\w-]+$/, RecipientPatch],
  [/^\/v1\/templates\/[\w-]+$/, TemplateDraft],
  [/^\/v1\/types\/\w+$/, TypeRequest],
  [/^\/v1\/api-keys$/, ApiKeyRequest],
];

describe('the examples', () => {
  const blocks = [...pages].flatMap(([name, page]) =>
    [...page.matchAll(/```json (\w+)\n([\s\S]*?)```/g)].map(([, schema, text]) => [name, schema ?? '', text ?? ''] as const),
  );

  test.each(blocks)('in %s: a %s is one', (_, schema, text) => {
    const found = SCHEMAS[schema];
    if (found === undefined) throw new Error(`${schema} is no schema that this test knows`);
    expect(checks.body(found)(JSON.parse(text))).toMatchObject({ ok: true });
    const value = JSON.parse(text) as Draft & { content?: Content & { subject?: string } };
    if (schema === 'TemplateDraft') expect(checkTemplate(value)).toStrictEqual([]);
    else if (value.content !== undefined && value.content.subject === undefined) expect(checkContent(value.content)).toStrictEqual([]);
  });

  const curls = [...all.matchAll(/curl -s(?: -X \w+)? "\$URL(\/v1\/[^"?]+)[^"]*"[^'\n]*'[^'\n]+' -d '([^']+)'/g)];
  test.each(curls.map(([, path, body]) => [path ?? '', body ?? ''] as const))('the body that goes to %s', (path, body) => {
    const schema = BODIES.find(([pattern]) => pattern.test(path))?.[1];
    if (schema === undefined) throw new Error(`${path} is no path that this test knows`);
    expect(checks.body(schema)(JSON.parse(body))).toMatchObject({ ok: true });
  });

  test('are there', () => {
    expect([blocks.length, curls.length]).toStrictEqual([4, 6]);
  });

  const commands = [...all.matchAll(/^\s*(?:\$ )?\.\/tidings ((?:send|explain|dlq|projections|rebuild)\b.*)$/gm)]
    .map(([, line]) => line ?? '')
    .filter((line) => !line.includes('--file'));
  test.each(commands)('./tidings %s', async (line) => {
    const service = await fakeService(() => ({ status: 200, body: { data: [], nextCursor: null } }));
    const argv = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, word]) => quoted ?? word ?? '');
    const { exit, err } = await tidings(argv, { TIDINGS_DATA_DIR: dataDirOf(service) });
    expect({ exit, err }).toStrictEqual({ exit: 0, err: '' });
    expect(service.asked).toHaveLength(1);
  });
});

async function operations(): Promise<readonly Operation[]> {
  const found: Operation[] = [];
  for (const file of readdirSync('src/http/routes')) {
    const module = (await import(join(process.cwd(), 'src/http/routes', file))) as Record<string, unknown>;
    for (const [name, made] of Object.entries(module))
      if (name.endsWith('Routes') && name !== 'documentRoutes' && typeof made === 'function')
        found.push(...(made({ checks, commands: {} }) as readonly Operation[]));
  }
  return found;
}

test('every call that the pages name exists', async () => {
  const known = (await operations()).map(
    ({ method, path }) => [method.toUpperCase(), new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`)] as const,
  );
  expect(known.length).toBeGreaterThan(50);
  const named = [...all.matchAll(/\b(GET|POST|PUT|PATCH|DELETE) (\/v1\/[^\s`?",;)]+)/g)].map(
    ([, method, path]) => [method ?? '', path ?? ''] as const,
  );
  const called = [...all.matchAll(/curl -s( -X (\w+))? "\$URL(\/v1\/[^"?]+)[^"]*"([^\n]*)/g)].map(
    ([, , method, path, rest]) => [method ?? (/ -d | --data-binary /.test(rest ?? '') ? 'POST' : 'GET'), path ?? ''] as const,
  );
  expect(named.length + called.length).toBeGreaterThan(20);
  const missing = [...named, ...called].filter(([method, path]) => !known.some(([own, pattern]) => own === method && pattern.test(path)));
  expect(missing).toStrictEqual([]);
});

/** GitHub's anchors: lower case, blanks to dashes, other signs gone. */
const anchorsOf = (page: string): readonly string[] =>
  [...page.matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
    (title ?? '')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} -]/gu, '')
      .replaceAll(' ', '-'),
  );

test('every link leads somewhere', () => {
  const broken: string[] = [];
  for (const file of [...OWN.map((name) => `docs/${name}.md`), 'README.md', 'CONTRIBUTING.md']) {
    for (const [, target = '', anchor] of readFileSync(file, 'utf8').matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)) {
      const path = target === '' ? file : join(dirname(file), target);
      const found = existsSync(path) && (anchor === undefined || anchorsOf(readFileSync(path, 'utf8')).includes(anchor));
      if (!found) broken.push(`${file}: ${target}#${anchor ?? ''}`);
    }
  }
  expect(broken).toStrictEqual([]);
});

test('the image gives Node the same flags as npm start, and operating.md names them', () => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Readonly<Record<string, string>> };
  const flags = [...(scripts['start'] ?? '').matchAll(/ (--\S+)/g)].map(([, flag]) => flag ?? '');
  const [, entry = '[]'] = /^ENTRYPOINT (\[.*\])$/m.exec(readFileSync('Dockerfile', 'utf8')) ?? [];
  expect(JSON.parse(entry)).toStrictEqual(['node', ...flags, 'dist/main.js']);
  expect(flags.filter((flag) => !read('operating').includes(`\`${flag}\``))).toStrictEqual([]);
});
