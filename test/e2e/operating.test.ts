import { Validator } from '@seriousme/openapi-schema-validator';
import { describe, expect, test } from 'vitest';
import { eventually } from '../support/client.ts';
import { message, serviceForSuite } from '../support/service.ts';

const tidings = serviceForSuite();
const nobody = tidings.as(undefined);
const CONSUMERS = ['actions', 'audit', 'batches', 'catalogue', 'notifications', 'recipients', 'templates', 'tenants'];

describe('whoever runs it', () => {
  test('sees that it lives and is ready', async () => {
    const live = await nobody.get('/health/live');
    expect([live.status, live.body]).toStrictEqual([200, { status: 'live' }]);
    const ready = await nobody.get('/health/ready');
    expect(ready.status).toBe(200);
    expect(ready.body.ready).toBe(true);
    expect(ready.body.checks.map(({ name, ok }: any) => [name, ok])).toStrictEqual([
      ['database', true],
      ['keys', true],
      ['log', true],
      ['consumers', true],
    ]);
    const behind = String(ready.body.checks.at(-1).detail).split('; ');
    expect(behind.map((it) => it.replace(/: \w+, \d+ s behind$/, ''))).toStrictEqual(CONSUMERS);
  });

  test('finds the figures of a message in the metrics, and nothing personal', async () => {
    const { id } = await tidings.send(message([{ recipientId: 'metric-person', email: 'metric@example.com' }, 'metric-nobody']));
    await tidings.settled(id);
    const { status, headers, body } = await nobody.get('/metrics');
    expect(status).toBe(200);
    expect(headers.get('content-type')).toMatch(/^text\/plain/);
    const text = body as string;
    for (const line of [
      /^tidings_accept_recipients_total\{outcome="accepted"\} 2$/m,
      /^tidings_plan_deliveries_total\{outcome="go"\} 1$/m,
      /^tidings_plan_deliveries_total\{outcome="no_address"\} 1$/m,
      /^tidings_handoff_messages_total\{provider="capture",outcome="accepted"\} 1$/m,
      /^tidings_http_request_seconds_count\{operation="requestNotification",status="202"\} 1$/m,
      /^tidings_store_events_total \d+$/m,
      /^tidings_actions_due \d+$/m,
      /^tidings_consumer_parked\{consumer="notifications"\} 0$/m,
    ])
      expect(text).toMatch(line);
    expect(text).not.toMatch(/example\.com|metric-person|default"/);
  });

  test('sees how far every consumer of the log is', async () => {
    const { status, body } = await tidings.get('/v1/projections');
    expect(status).toBe(200);
    expect(body.data.map(({ name }: any) => name).sort()).toStrictEqual(CONSUMERS);
    for (const it of body.data)
      expect(it).toMatchObject({ status: 'live', parked: 0, version: expect.any(Number), holder: expect.any(String) });
    const parked = await tidings.get('/v1/projections/notifications/parked');
    expect(parked.body).toStrictEqual({ data: [], nextCursor: null });
  });

  test('can rebuild a read model while it is used; it then answers the same, and nothing is sent again', async () => {
    const sent = await Promise.all(
      ['bounce@simulator.tidings', 'rebuilt@example.com'].map((email) =>
        tidings.send(message([{ email }, 'unreachable'], { type: 'rebuilt' })),
      ),
    );
    for (const { id } of sent) await tidings.settled(id);
    const look = async (): Promise<unknown> => {
      const paths = ['/v1/deliveries?limit=200', '/v1/notifications?limit=200', ...sent.map(({ id }) => `/v1/notifications/${id}`)];
      return (await Promise.all(paths.map(tidings.get))).map(({ body }) => body.data ?? body);
    };
    const capturedBefore = (await tidings.get('/v1/captured?limit=200')).body.data.length;
    const before = await look();
    const suffixOf = async (): Promise<readonly string[]> =>
      (await tidings.get('/v1/projections')).body.data.filter(({ name }: any) => name === 'notifications').map(({ suffix }: any) => suffix);
    const [old] = await suffixOf();
    const asked = await tidings.post('/v1/projections/notifications/rebuild');
    expect([asked.status, asked.body]).toStrictEqual([202, { name: 'notifications' }]);
    const during = await tidings.send(message([{ email: 'during@example.com' }], { type: 'during' }));
    await eventually('the rebuilt one is in use', async () => {
      const now = await suffixOf();
      return now.length === 1 && now[0] !== old ? now : undefined;
    });
    await tidings.settled(during.id);
    const withoutDuring = JSON.parse(JSON.stringify(await look())) as any[];
    for (const list of withoutDuring.slice(0, 2))
      list.splice(0, list.length, ...list.filter((row: any) => row.id !== during.id && row.notificationId !== during.id));
    expect(withoutDuring).toStrictEqual(JSON.parse(JSON.stringify(before)));
    expect((await tidings.get('/v1/captured?limit=200')).body.data).toHaveLength(Number(capturedBefore) + 1);
  });

  test('can rebuild every other consumer too, one after the other', async () => {
    const statusOf = async (name: string): Promise<readonly any[]> =>
      (await tidings.get('/v1/projections')).body.data.filter((it: any) => it.name === name);
    for (const name of CONSUMERS.filter((it) => it !== 'notifications')) {
      const [before] = await statusOf(name);
      expect((await tidings.post(`/v1/projections/${name}/rebuild`)).status).toBe(202);
      await eventually(`${name} was rebuilt`, async () => {
        const [now, other] = await statusOf(name);
        // What is rebuilt in place has no other tables to stand in.
        const isAnew = before.suffix === '' ? now.position >= before.position : now.suffix !== before.suffix;
        return other === undefined && isAnew && now.status === 'live' ? now : undefined;
      });
    }
    const { id } = await tidings.send(message([{ email: 'after@example.com' }]));
    expect((await tidings.settled(id)).map(({ status }) => status)).toStrictEqual(['captured']);
    const none = await tidings.post('/v1/projections/gossip/rebuild');
    expect([none.status, none.body.code]).toStrictEqual([404, 'projection_not_found']);
  });
});

describe('whoever builds against it', () => {
  test('gets an OpenAPI 3.1 document that is valid', async () => {
    const { status, body } = await nobody.get('/openapi.json');
    expect(status).toBe(200);
    expect(body.openapi).toMatch(/^3\.1\./);
    const result = await new Validator().validate(body);
    expect(result.valid ? [] : result.errors).toStrictEqual([]);
    expect(Object.keys(body.paths)).toEqual(expect.arrayContaining(['/v1/notifications', '/v1/batches', '/v1/captured', '/v1/explain']));
  });

  test('can read it as a page', async () => {
    const { status, headers, body } = await nobody.get('/docs');
    expect([status, headers.get('content-type')]).toStrictEqual([200, expect.stringMatching(/^text\/html/)]);
    expect(body).toMatch(/<html[\s>]/);
  });

  test('reads its own writes with the position of the answer', async () => {
    for (let round = 0; round < 10; round++) {
      const { id, position } = await tidings.send(message([{ email: `ryw-${String(round)}@example.com` }]));
      expect((await tidings.get(`/v1/notifications/${id}?after=${position}`)).body.id).toBe(id);
    }
    const bad = await tidings.get('/v1/notifications?after=%20');
    expect([bad.status, bad.body.code]).toStrictEqual([400, 'invalid_position']);
  });

  test('pages through a list without gaps or repeats while it grows', async () => {
    const type = 'paged';
    for (let n = 0; n < 7; n++) await tidings.send(message([{ email: `page-${String(n)}@example.com` }], { type }));
    const last = await tidings.send(message([{ email: 'page-7@example.com' }], { type }));
    const seen: string[] = [];
    let path = `/v1/notifications?type=${type}&limit=3&after=${last.position}`;
    for (;;) {
      const { body } = await tidings.get(path);
      seen.push(...body.data.map(({ id }: any) => id));
      if (body.nextCursor === null) break;
      await tidings.send(message([{ email: 'new@example.com' }], { type }));
      path = `/v1/notifications?type=${type}&limit=3&cursor=${encodeURIComponent(body.nextCursor)}`;
    }
    expect(seen).toHaveLength(8);
    expect(new Set(seen).size).toBe(8);
    expect(seen[0]).toBe(last.id);
  });

  test.each(['/v1/projections', '/v1/categories', '/v1/types'])('pages through %s too, in order of names', async (list) => {
    for (const type of ['zebra', 'ape', 'mole']) await tidings.put(`/v1/types/${type}`, { category: 'account' });
    const { headers } = await tidings.put('/v1/categories/zoo', { class: 'account' });
    const pages = async (limit: number): Promise<readonly string[]> => {
      const names: string[] = [];
      for (let cursor = ''; ;) {
        const { body } = await tidings.get(`${list}?limit=${String(limit)}&after=${String(headers.get('tidings-position'))}${cursor}`);
        expect(body.data.length).toBeLessThanOrEqual(limit);
        names.push(...body.data.map(({ name, key, type }: any) => name ?? key ?? type));
        if (body.nextCursor === null) return names;
        cursor = `&cursor=${encodeURIComponent(body.nextCursor)}`;
      }
    };
    const all = await pages(200);
    expect(all.length).toBeGreaterThan(2);
    expect(all).toStrictEqual([...all].sort());
    expect(await pages(2)).toStrictEqual(all);
  });

  test('gets its request id and trace back', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const { headers } = await tidings.request('GET', '/v1/deliveries', undefined, { 'X-Request-Id': 'req-77', traceparent });
    expect(headers.get('x-request-id')).toBe('req-77');
    expect(headers.get('traceparent')).toContain('0af7651916cd43dd8448eb211c80319c');
  });
});
