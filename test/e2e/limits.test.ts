import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newMasterKey } from '../../src/adapters/crypto/masterKeys.ts';
import { clientOf, eventually, type Answer, type Client } from '../support/client.ts';
import { describeWith } from '../support/needs.ts';
import { startProgram, type Program } from '../support/program.ts';
import { REDIS, startRedisServer, type TestRedis } from '../support/redisServer.ts';
import { removeDataDirs } from '../support/removeDataDirs.ts';
import { message, serviceForSuite } from '../support/service.ts';

const [QUOTA, CREDENTIALS] = [20, 3];
const SHARED = {
  TIDINGS_ADMIN_KEY: `limits_${randomBytes(24).toString('base64url')}`,
  TIDINGS_MASTER_KEYS: newMasterKey('limits'),
  TIDINGS_RATE_LIMIT_KEY_COMMANDS: String(QUOTA),
  TIDINGS_RATE_LIMIT_CREDENTIALS: String(CREDENTIALS),
};

describeWith(REDIS, 'two processes that answer', () => {
  let redis: TestRedis;
  let other: Program;
  const folder = mkdtempSync(join(tmpdir(), 'tidings-limits-'));
  const tidings = serviceForSuite({
    before: async () => {
      redis = await startRedisServer();
    },
    env: () => ({ ...SHARED, REDIS_URL: redis.url }),
    after: () => redis.close(),
  });
  beforeAll(async () => {
    const { url, ownerUrl } = tidings.database();
    other = await startProgram({
      dataDir: folder,
      env: { ...SHARED, REDIS_URL: redis.url, DATABASE_URL: url, DATABASE_MIGRATION_URL: ownerUrl, TIDINGS_ROLES: 'api' },
    });
  });
  afterAll(async () => {
    expect(await other.stop()).toBe(0);
    expect(other.faults()).toStrictEqual([]);
    removeDataDirs(folder);
  });

  const both = (): readonly Client[] => [
    tidings,
    clientOf(
      () => other.url,
      () => SHARED.TIDINGS_ADMIN_KEY,
    ),
  ];
  const sendTo = (client: Client, n: number): Promise<Answer> =>
    client.post('/v1/notifications', message([{ email: `limited-${String(n)}@example.com` }]));
  const makeKey = async (client: Client): Promise<number> =>
    (await client.post('/v1/api-keys', { name: 'another', scopes: ['read'] })).status;
  const isCounted = (answer: Answer): boolean => answer.headers.has('ratelimit');
  const metric = async (client: Client, line: string): Promise<string | undefined> =>
    new RegExp(`^${line} (\\d+)$`, 'm').exec((await client.get('/metrics')).body)?.[1];

  test('share one limit, and let no more pass than one of them would', async () => {
    const began = performance.now();
    const answers = await Promise.all(both().flatMap((client) => Array.from({ length: QUOTA }, (_, n) => sendTo(client, n))));
    // Who was first may have had all of it: each is asked on until it refuses as well.
    for (const client of both()) {
      const refusal = await eventually('it refuses', async () => {
        const answer = await sendTo(client, 0);
        answers.push(answer);
        return answer.status === 202 ? undefined : answer;
      });
      expect(refusal.status).toBe(429);
    }
    const back = Math.floor((performance.now() - began) / (60_000 / QUOTA));
    const passed = answers.filter(({ status }) => status === 202);
    // To whom Redis answers too late it has not counted, and says so; for itself each of them would let the whole quota pass.
    expect(passed.filter(isCounted).length).toBeLessThanOrEqual(QUOTA + back);
    expect(passed.length).toBeGreaterThanOrEqual(QUOTA);
    const refused = answers.filter(({ status }) => status !== 202);
    expect([
      ...new Set(refused.map(({ status, body }) => `${String(status)} ${body.code} ${body['violated-policies'].join()}`)),
    ]).toStrictEqual(['429 rate_limited key-commands']);
    expect(refused.every(({ headers }) => Number(headers.get('retry-after')) >= 1)).toBe(true);
    expect(answers[0]?.headers.get('ratelimit-policy')).toMatch(new RegExp(`"key-commands";q=${String(QUOTA)};w=60`));
  });

  test('go on without Redis: messages are accepted, credentials are not made, and all is counted again when it is back', async () => {
    await redis.stop();
    for (const client of both()) {
      const uncounted = await eventually('it is known', async () => {
        const answer = await sendTo(client, 0);
        return isCounted(answer) ? undefined : answer;
      });
      expect(uncounted.status).toBe(202);
      // More than any limit would let pass.
      const many = await Promise.all(Array.from({ length: 2 * QUOTA }, (_, n) => sendTo(client, n)));
      expect([...new Set(many.map((it) => [it.status, isCounted(it)].join()))]).toStrictEqual(['202,false']);
      const refused = await client.post('/v1/api-keys', { name: 'another', scopes: ['read'] });
      expect([refused.status, refused.body.code, refused.headers.get('retry-after')]).toStrictEqual([503, 'unavailable', '5']);
      expect(await metric(client, 'tidings_limit_redis_away')).toBe('1');
      expect(Number(await metric(client, 'tidings_limit_uncounted_total\\{outcome="passed"\\}'))).toBeGreaterThan(2 * QUOTA);
      expect(await metric(client, 'tidings_limit_uncounted_total\\{outcome="refused"\\}')).toBe('1');
    }

    await redis.start();
    const untilCounted = (client: Client): Promise<true> =>
      eventually('it is counted', async () => (isCounted(await client.get('/v1/notifications')) ? true : undefined));
    for (const client of both()) await untilCounted(client);
    const [one, two] = both();
    const began = performance.now();
    const made: number[] = [];
    // In turns, until one is refused; to whom Redis answers too late makes none, and it may have been counted.
    for (let turn = 0; made.at(-1) !== 429 && turn < 20; turn += 1) {
      const client = turn % 2 === 0 ? one! : two!;
      made.push(await makeKey(client));
      if (made.at(-1) === 503) await untilCounted(client);
    }
    const back = Math.floor((performance.now() - began) / (60_000 / CREDENTIALS));
    const [keys, late] = [201, 503].map((status) => made.filter((it) => it === status).length);
    expect([...new Set(made)].filter((it) => it !== 503)).toStrictEqual([201, 429]);
    expect(keys).toBeLessThanOrEqual(CREDENTIALS + back);
    expect(keys! + late!).toBeGreaterThanOrEqual(CREDENTIALS);
    const last = made.length % 2 === 1 ? one! : two!;
    expect(await metric(last, 'tidings_limit_refused_total\\{limit="credentials"\\}')).toBe('1');
    for (const client of both())
      await eventually('it is there', async () => ((await metric(client, 'tidings_limit_redis_away')) === '0' ? true : undefined));
  });
});
