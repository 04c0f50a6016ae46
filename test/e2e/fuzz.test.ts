import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { clientWith, type Answer, type Body, type Client } from '../support/client.ts';
import { EXAMPLES, makeWorld, type World } from '../support/exampleCalls.ts';
import { serviceForSuite } from '../support/service.ts';

const tidings = serviceForSuite();
let world: World;
beforeAll(async () => {
  world = await makeWorld(tidings);
});

/** What the API may answer to anything at all: never a fault of its own. */
const isFine = ({ status, headers, body }: Answer): boolean =>
  status < 400 ||
  (status < 500 && (headers.get('content-type') ?? '').startsWith('application/problem+json') && typeof body.code === 'string');

/** A client that changes what a call would have sent. */
function through(client: Client, change: (path: string, body: Body) => readonly [path: string, body: Body, type?: string]): Client {
  const request: Client['request'] = (method, path, body, headers) => {
    const [otherPath, otherBody, type] = change(path, body);
    return client.request(method, otherPath, otherBody, { ...(type !== undefined && { 'Content-Type': type }), ...headers });
  };
  return clientWith(request);
}

const nasty = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom<unknown>(
    null,
    '',
    ' ',
    '\u0000',
    '\ud83d\ude00',
    '{{',
    '{{ x.y.z }}',
    '{% for',
    '../..',
    -1,
    1e308,
    0.5,
    true,
    [],
    {},
    [[]],
    'x'.repeat(5000),
  ),
  fc.constantFrom<unknown>(
    '2026-02-30T00:00:00Z',
    'PT',
    'P1Y',
    '9999-12-31T23:59:59.999999999Z',
    'Europe/Atlantis',
    'a@b',
    '+',
    '+1',
    'constructor',
  ),
);

/** Somewhere in the body one value is another, a member is gone, or one is new. */
function changed(value: unknown, path: readonly number[], by: unknown, how: 'replace' | 'drop' | 'add'): unknown {
  const [at = 0, ...rest] = path;
  if (typeof value !== 'object' || value === null || path.length === 0) return by;
  const entries: [string, unknown][] = Object.entries(value);
  if (entries.length === 0) return how === 'add' ? { surprise: by } : by;
  const place = at % entries.length;
  const [name = '', member] = entries[place] ?? [];
  const goOn = rest.length > 0 && typeof member === 'object' && member !== null;
  const next = goOn ? changed(member, rest, by, how) : by;
  const others = entries.filter((_, index) => index !== place);
  if (Array.isArray(value)) {
    const kept = entries.map(([, it], index) => (index === place ? next : it));
    return !goOn && how === 'drop' ? others.map(([, it]) => it) : !goOn && how === 'add' ? [...kept, by] : kept;
  }
  if (goOn || how === 'replace') return Object.fromEntries(entries.map(([key, it]) => [key, key === name ? next : it]));
  return Object.fromEntries(how === 'drop' ? others : [...entries, ['surprise', by]]);
}

const change = fc.record({
  path: fc.array(fc.nat(20), { minLength: 1, maxLength: 4 }),
  by: nasty,
  how: fc.constantFrom('replace' as const, 'drop' as const, 'add' as const),
});

/** What takes away what others need, or asks the instance to do long work, is tried with wrong ids below. */
const SPARED = new Set(['clearCaptured', 'revokeApiKey', 'rebuildProjection', 'docs', 'docsScript', 'openapi', 'metrics', 'live', 'ready']);
const tried = Object.entries(EXAMPLES).filter(([id]) => !SPARED.has(id));

describe('whatever is sent', () => {
  test.each(tried)('%s answers with a success or a problem, never with a fault', async (_, { call }) => {
    await fc.assert(
      fc.asyncProperty(change, async ({ path, by, how }) => {
        let sent: unknown;
        const client = through(tidings, (to, body) => {
          if (typeof body === 'object' && !(body instanceof Uint8Array)) {
            sent = changed(body, path, by, how);
            return [to, JSON.stringify(sent ?? null), 'application/json'];
          }
          // Without a body, the path is what there is to change.
          const other = to.replace(/[^/?=&]+$/, () =>
            encodeURIComponent((JSON.stringify(by) ?? '').slice(0, 300)).replaceAll('%00', '%01'),
          );
          sent = other;
          return [other, body];
        });
        const answer = await call(client, world);
        expect({ sent, status: answer.status, body: isFine(answer) ? 'fine' : answer.body }).toStrictEqual({
          sent,
          status: answer.status,
          body: 'fine',
        });
      }),
      { numRuns: Number(process.env['FUZZ_RUNS'] ?? 12) },
    );
  });

  test('ids that nothing has are a 404 wherever they stand', async () => {
    const ids = [
      '01936fd1-0000-8000-8000-000000000000',
      '01936fd1-0000-8000-8000-000000000000_0',
      'no-such-thing',
      '%00',
      '%F0%9F%98%80',
      "'; drop table",
      '..%2f..%2fnobody',
      'a'.repeat(300),
    ];
    const paths = [
      'notifications/{}',
      'notifications/{}/deliveries',
      'deliveries/{}',
      'deliveries/{}/explain',
      'batches/{}',
      'batches/{}/rejections',
      'recipients/{}',
      'templates/{}',
      'templates/{}/versions',
      'categories/{}',
      'types/{}',
    ];
    const answers = await Promise.all(
      paths.flatMap((path) =>
        ids.map(
          async (id) =>
            [path, id, (await tidings.get(`/v1/${path.replace('{}', id.includes('%') ? id : encodeURIComponent(id))}`)).status] as const,
        ),
      ),
    );
    expect(answers.filter(([, , status]) => status !== 404)).toStrictEqual([]);
  });
});
