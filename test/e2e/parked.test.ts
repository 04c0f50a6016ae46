import { describe, expect, test } from 'vitest';
import { eventually } from '../support/client.ts';
import { LOG_IN_DATABASE } from '../support/eventStoreEnv.ts';
import { serviceForSuite } from '../support/service.ts';

const tidings = serviceForSuite({ env: LOG_IN_DATABASE });
const FUTURE = 99;

/** As the service appends, but past it: as a restored backup, or a newer release beside this one, would leave events behind. */
async function appended(stream: string, data: object, schemaVersion?: number): Promise<string> {
  const client = await tidings.database().ownerPool.connect();
  try {
    await client.query('begin');
    await client.query('select pg_advisory_xact_lock(7235421907614328)');
    const { rows } = await client.query<{ id: string }>(
      `insert into log.events (position, revision, bytes, id, stream, type, data, metadata)
       select (select max(position) + 1 from log.events), e.revision + 1, e.bytes, gen_random_uuid(), e.stream, e.type,
              (e.data::jsonb || $2::jsonb)::json, (e.metadata::jsonb || $3::jsonb)::json
         from log.events e where e.stream = $1 order by e.revision desc limit 1
       returning id`,
      [stream, JSON.stringify(data), JSON.stringify({ schemaVersion: schemaVersion ?? 1 })],
    );
    await client.query('commit');
    return rows[0]?.id ?? '';
  } finally {
    client.release();
  }
}
/** The release that can read it has come: another program, which remembers nothing of what this one could not. */
async function madeReadable(id: string): Promise<void> {
  expect(await tidings.stop()).toBe(0);
  const text = `update log.events set metadata = (metadata::jsonb || '{"schemaVersion": 1}')::json where id = $1`;
  await tidings.database().ownerPool.query(text, [id]);
  await tidings.restart();
}
const streamLike = async (pattern: string): Promise<string> => {
  const { rows } = await tidings
    .database()
    .ownerPool.query<{ stream: string }>('select stream from log.events where stream like $1', [pattern]);
  return rows.at(-1)?.stream ?? '';
};
const parkedIn = async (projection: string): Promise<readonly any[]> =>
  (await tidings.get(`/v1/projections/${projection}/parked`)).body.data ?? [];
const parkedWhere = (projection: string, holds: (parked: readonly any[]) => boolean): Promise<readonly any[]> => {
  let last: unknown;
  return eventually(
    `${projection} has parked what is expected`,
    async () => {
      const parked = await parkedIn(projection);
      last = parked;
      return holds(parked) ? parked : undefined;
    },
    { seen: () => last },
  );
};
const ask = (projection: string, id: string, wish: 'retry' | 'skip') => tidings.post(`/v1/projections/${projection}/parked/${id}/${wish}`);
const draftOf = async (key: string): Promise<unknown> => (await tidings.get(`/v1/templates/${key}`)).body.draft;

/** A template, an event of it that this release cannot read, and one behind that it can. */
async function poisoned(key: string): Promise<{ readonly poison: string; readonly behind: string }> {
  const draft = { locales: { en: { email: { subject: 'Hi', text: 'Hi' } } }, fallback: 'en' };
  expect((await tidings.put(`/v1/templates/${key}`, draft)).status).toBe(201);
  const stream = `template-default_${key}`;
  const poison = await appended(stream, { draft: 2 }, FUTURE);
  const behind = await appended(stream, { draft: 3 });
  return { poison, behind };
}

describe('an event that cannot be applied', () => {
  test('is set aside with those behind it, and applied in order once it can be', async () => {
    tidings.expectErrors('an event was parked');
    const { poison, behind } = await poisoned('retried');
    const parked = await parkedWhere('templates', (it) => it.length === 2);
    expect(parked.map(({ id, stream, error, wish }) => [id, stream, error, wish])).toStrictEqual([
      [poison, 'template-default_retried', 'event_version_unknown', null],
      [behind, 'template-default_retried', 'behind', null],
    ]);
    expect(await draftOf('retried')).toBe(1);
    const [{ tries }] = parked as [any];
    const tooEarly = await ask('templates', poison, 'retry');
    expect([tooEarly.status, tooEarly.body]).toStrictEqual([202, { id: poison, wish: 'retry' }]);
    const again = await parkedWhere('templates', ([first]) => first.tries > tries && first.wish === null);
    expect(again.map(({ id, error }) => [id, error])).toStrictEqual(parked.map(({ id, error }) => [id, error]));

    // Other streams of the same read model are not held up.
    await tidings.put('/v1/templates/beside', { locales: { en: { email: { subject: 'Hi', text: 'Hi' } } }, fallback: 'en' });
    expect(await draftOf('beside')).toBe(1);

    await madeReadable(poison);
    expect((await ask('templates', poison, 'retry')).status).toBe(202);
    await parkedWhere('templates', (it) => it.length === 0);
    expect(await draftOf('retried')).toBe(3);
    const gone = await ask('templates', poison, 'retry');
    expect([gone.status, gone.body.code]).toStrictEqual([404, 'parked_event_not_found']);
  });

  test('can be left out for good, also from tables that are built anew', async () => {
    tidings.expectErrors('an event was parked');
    const { poison } = await poisoned('skipped');
    await parkedWhere('templates', (it) => it.length === 2);
    const skipped = await ask('templates', poison, 'skip');
    expect([skipped.status, skipped.body]).toStrictEqual([202, { id: poison, wish: 'skip' }]);
    await parkedWhere('templates', (it) => it.length === 0);
    expect(await draftOf('skipped')).toBe(3);
    const suffixes = async (): Promise<readonly string[]> =>
      (await tidings.get('/v1/projections')).body.data.filter(({ name }: any) => name === 'templates').map(({ suffix }: any) => suffix);
    const [old] = await suffixes();
    let last: unknown;
    expect((await tidings.post('/v1/projections/templates/rebuild')).status).toBe(202);
    await eventually(
      'it was built anew',
      async () => {
        const now = await suffixes();
        last = [
          (await tidings.get('/v1/projections')).body.data.filter(({ name }: any) => name === 'templates'),
          await parkedIn('templates'),
        ];
        return now.length === 1 && now[0] !== old ? true : undefined;
      },
      { seen: () => last },
    );
    expect(await parkedIn('templates')).toStrictEqual([]);
    expect(await draftOf('skipped')).toBe(3);
  });

  test('cannot be left out where gates decide by it', async () => {
    tidings.expectErrors('an event was parked');
    const saved = await tidings.patch('/v1/recipients/parked-person', { email: 'parked@example.com', locale: 'de' });
    expect(saved.status).toBe(201);
    // What is appended below repeats the newest event, and a sealed value would not open in another's place.
    await tidings.put('/v1/recipients/parked-person/devices/d', { platform: 'ios', token: 't' });
    expect((await tidings.delete('/v1/recipients/parked-person/devices/d')).status).toBe(200);
    const poison = await appended(await streamLike('recipient-default_%'), {}, FUTURE);
    await parkedWhere('recipients', (it) => it.length === 1);
    const refused = await ask('recipients', poison, 'skip');
    expect([refused.status, refused.body.code]).toStrictEqual([409, 'facts_cannot_be_skipped']);
    expect((await parkedIn('recipients')).map(({ id, wish }) => [id, wish])).toStrictEqual([[poison, null]]);
    const shown = (await tidings.get('/v1/projections')).body.data.find(({ name }: any) => name === 'recipients');
    expect(shown.parked).toBe(1);
    await madeReadable(poison);
    expect((await ask('recipients', poison, 'retry')).status).toBe(202);
    await parkedWhere('recipients', (it) => it.length === 0);
    expect((await tidings.get('/v1/recipients/parked-person')).body.locale).toBe('de');
  });

  test('is asked for by the operator of the installation alone', async () => {
    await tidings.post('/v1/tenants', { id: 'onlooker', name: 'Onlooker' });
    const { body } = await tidings.post('/v1/api-keys', { name: 'k', scopes: ['admin', 'manage'], tenantId: 'onlooker' });
    const onlooker = tidings.as(body.key);
    const answers = await Promise.all([
      onlooker.get('/v1/projections/templates/parked'),
      onlooker.post('/v1/projections/templates/parked/x/retry'),
      onlooker.post('/v1/projections/templates/parked/x/skip'),
    ]);
    expect(answers.map(({ status, body: problem }) => [status, problem.code])).toStrictEqual(answers.map(() => [403, 'forbidden']));
  });
});
