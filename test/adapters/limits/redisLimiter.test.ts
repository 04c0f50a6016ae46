import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { createServer } from 'node:tls';
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from 'vitest';
import { connectRedis, type RedisConnection, type RedisOptions } from '../../../src/adapters/redis/connection.ts';
import { redisLimiter } from '../../../src/adapters/limits/redisLimiter.ts';
import type { Limiter, Standing } from '../../../src/http/rateLimits.ts';
import { limiterContract } from '../../contract/limiter.ts';
import { authority } from '../../support/certificates.ts';
import { eventually } from '../../support/client.ts';
import { describeWith } from '../../support/needs.ts';
import { REDIS, startRedisServer, type TestRedis } from '../../support/redisServer.ts';

/** Where a test is not about time a machine that is held up is no reason to fail. */
const PATIENT_MS = 10_000;
const SECRET = Buffer.from('a secret of the test');

describeWith(REDIS, 'limits in Redis', () => {
  let redis: TestRedis;
  let shared: RedisConnection;
  beforeAll(async () => {
    redis = await startRedisServer();
    shared = connectRedis({ url: redis.proxiedUrl, onAway: () => undefined, onBack: () => undefined, answerMs: PATIENT_MS });
    await shared.tried;
  });
  afterEach(async () => {
    redis.thaw();
    redis.proxy.heal();
    await eventually('the shared connection is back', () => shared.run({ text: 'return 1', digest: 'none' }, [], []));
  });
  afterAll(async () => {
    shared.close();
    await redis.close();
  });

  limiterContract(
    'in Redis',
    () => redisLimiter(shared, SECRET),
    (ms) => pause(ms),
  );

  /** A limiter with a connection of its own, and what was heard of it. */
  async function own(options: Partial<RedisOptions> = {}): Promise<{ readonly limiter: Limiter; readonly heard: readonly string[] }> {
    const heard: string[] = [];
    const connection = connectRedis({
      url: redis.proxiedUrl,
      onAway: (code) => void heard.push(code),
      onBack: () => void heard.push('back'),
      answerMs: PATIENT_MS,
      ...options,
    });
    onTestFinished(() => {
      connection.close();
    });
    await connection.tried;
    return { limiter: redisLimiter(connection, SECRET), heard };
  }

  const window = (quota = 1000) => ({ key: randomUUID(), quota, seconds: 1_000_000 });
  const passed = (standings: readonly Standing[] | undefined): boolean | undefined => standings?.every(({ exceeded }) => !exceeded);
  const isBack = (limiter: Limiter): Promise<true> =>
    eventually('it counts again', async () => ((await limiter.take([window()])) === undefined ? undefined : true));

  test('is shared by all who have the secret, and by nobody else', async () => {
    const [{ limiter: one }, { limiter: other }] = [await own(), await own()];
    const stranger = redisLimiter(shared, Buffer.from('another'));
    const two = window(2);
    const seen = [await one.take([two]), await other.take([two]), await one.take([two]), await stranger.take([two])];
    expect(seen.map(passed)).toStrictEqual([true, true, false, true]);
  });

  test('keeps nothing that says whose it is, and nothing that is over', async () => {
    const { limiter } = await own();
    await redis.client.flushall();
    await limiter.take([{ key: 'key tenant-acme user ana@example.com', quota: 10, seconds: 100 }]);
    const keys = await redis.client.keys('*');
    expect(keys.map((key) => key.replace(/[\w-]{22}$/, '…'))).toStrictEqual(['tidings:limit:…']);
    const [key = ''] = keys;
    expect(await redis.client.get(key)).toMatch(/^\d{16}$/);
    const ttl = await redis.client.pttl(key);
    expect([ttl > 0, ttl <= 10_000]).toStrictEqual([true, true]);
  });

  test('goes by the clock of Redis: one that was set back keeps nobody out for longer than the window', async () => {
    const { limiter } = await own();
    await redis.client.flushall();
    const two = { key: randomUUID(), quota: 2, seconds: 10 };
    await limiter.take([two]);
    const [key = ''] = await redis.client.keys('*');
    // As it was found an hour ago.
    await redis.client.set(key, String((Date.now() + 3_600_000) * 1000));
    expect(await limiter.take([two])).toStrictEqual([{ exceeded: true, left: 0, waitMs: 5000 }]);
  });

  test('a Redis that has forgotten the script is told it again', async () => {
    const { limiter } = await own();
    const two = window(2);
    expect(passed(await limiter.take([two]))).toBe(true);
    await redis.client.script('FLUSH');
    expect([passed(await limiter.take([two])), passed(await limiter.take([two]))]).toStrictEqual([true, false]);
  });

  test('one that is gone is known to be at once, and is found again with what it still knows', async () => {
    const { limiter, heard } = await own();
    await redis.stop();
    await eventually('it is known', async () => ((await limiter.take([window()])) === undefined ? true : undefined));
    const before = redis.proxy.accepted();
    const many = await Promise.all(Array.from({ length: 1000 }, () => limiter.take([window()])));
    expect([many.every((it) => it === undefined), redis.proxy.accepted() - before <= 10]).toStrictEqual([true, true]);
    await redis.start();
    await isBack(limiter);
    expect([heard[0], heard.at(-1), heard.length]).toStrictEqual(['back', 'back', 3]);
  });

  test('one that was never there is no reason to wait, nor is one that comes later a reason to start again', async () => {
    redis.proxy.refuse();
    const { limiter, heard } = await own();
    expect([await limiter.take([window()]), heard.length]).toStrictEqual([undefined, 1]);
    redis.proxy.heal();
    await isBack(limiter);
  });

  test.each(['frozen', 'behind a dead link'])(
    'one that is %s costs those who were asking one short time, and nobody after them',
    async (how) => {
      const { limiter, heard } = await own({ answerMs: 100 });
      if (how === 'frozen') redis.freeze();
      else redis.proxy.blackhole();
      const sent = Array.from({ length: 50 }, () => limiter.take([window()]));
      expect(await Promise.all(sent)).toStrictEqual(sent.map(() => undefined));
      expect(heard).toStrictEqual(['back', 'timeout']);
      // Whoever comes now is answered before any timer runs.
      let ticked = false;
      setImmediate(() => {
        ticked = true;
      });
      const later = await limiter.take([window()]);
      expect([later, ticked]).toStrictEqual([undefined, false]);
      redis.thaw();
      redis.proxy.heal();
      await isBack(limiter);
      expect([heard.slice(0, 3), heard.at(-1)]).toStrictEqual([['back', 'timeout', 'back'], 'back']);
    },
  );

  test('an answer that lies there while the loop is held up is no silence', async () => {
    const { limiter, heard } = await own({ answerMs: 50, url: redis.url });
    // Redis knows the script from now on: one question, one answer.
    await eventually('it counts', async () => passed(await limiter.take([window()])) === true || undefined);
    const asked = limiter.take([window()]);
    // It is asked, and nothing read yet: the answer comes meanwhile, from another process, and the timer is over before it is read.
    await new Promise((resolve) => setImmediate(resolve));
    const until = performance.now() + 600;
    while (performance.now() < until);
    expect([passed(await asked), heard.at(-1)]).toStrictEqual([true, 'back']);
  });

  test.each(['request', 'reply'] as const)(
    'cut in the middle of a command, of which the %s is lost, it counts wrong by one at most',
    async (direction) => {
      const { limiter } = await own();
      const quota = 40;
      const one = window(quota);
      let counted = 0;
      const cuts = 5;
      for (let cut = 0; cut < cuts; cut += 1) {
        await isBack(limiter);
        for (let call = 0; call < 3; call += 1) if (passed(await limiter.take([one])) === true) counted += 1;
        const happened = redis.proxy.cutAtNext(direction);
        // Nobody knows whether it was counted; it is answered at once and not sent again.
        expect(await limiter.take([one])).toBe(undefined);
        await happened;
      }
      await isBack(limiter);
      const left = (await limiter.take([one]))?.[0]?.left ?? 0;
      expect(quota - left - 1 - counted).toBe(direction === 'reply' ? cuts : 0);
    },
  );

  test('what it refuses is no count: it is away until it takes commands again', async () => {
    const { limiter, heard } = await own();
    await redis.client.config('SET', 'maxmemory', '1');
    expect(await limiter.take([window()])).toBe(undefined);
    expect(heard).toStrictEqual(['back', 'OOM']);
    await redis.client.config('SET', 'maxmemory', '0');
    await isBack(limiter);
  });

  test('a URL is read as a whole: who, with which password, and which database', async () => {
    await redis.client.acl('SETUSER', 'tester', 'on', '>p@ss', '~tidings:*', '+@all');
    const as = (user: string): string => redis.proxiedUrl.replace('//', `//${user}@`) + '/3';
    const [known, unknown] = [await own({ url: as('tester:p%40ss') }), await own({ url: as('tester:wrong') })];
    await redis.client.flushall();
    expect([passed(await known.limiter.take([window()])), passed(await unknown.limiter.take([window()]))]).toStrictEqual([true, undefined]);
    expect([known.heard, unknown.heard]).toStrictEqual([['back'], ['WRONGPASS']]);
    expect(await redis.client.info('keyspace')).toMatch(/^# Keyspace\r\ndb3:keys=1,/);
  });

  test('rediss:// is TLS, and asks for a certificate that can be verified', async () => {
    const certificate = authority().issue(['127.0.0.1']);
    let secured = 0;
    const server = createServer(certificate, () => (secured += 1));
    server.on('tlsClientError', () => undefined);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const { limiter, heard } = await own({ url: `rediss://127.0.0.1:${String((server.address() as AddressInfo).port)}` });
    expect([await limiter.take([window()]), heard, secured]).toStrictEqual([undefined, ['UNABLE_TO_VERIFY_LEAF_SIGNATURE'], 0]);
  });
});
