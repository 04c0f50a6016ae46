import { monotonicMs } from '../adapters/clock/monotonic.ts';
import { memoryLimiter } from '../adapters/limits/memoryLimiter.ts';
import { connectRedis } from '../adapters/redis/connection.ts';
import { redisLimiter } from '../adapters/limits/redisLimiter.ts';
import { createRateLimits, type Limiter, type RateLimits } from '../http/rateLimits.ts';
import type { Closing } from './closing.ts';
import type { Core } from './core.ts';

type LimitsCore = Pick<Core, 'config' | 'secrets' | 'metrics' | 'log'>;

/** The limits of the API, counted in Redis where there is one and else in this process. A Redis that is away keeps nobody from starting. */
export async function openRateLimits(core: LimitsCore, closing: Closing): Promise<RateLimits> {
  const { config, metrics } = core;
  const limiter = config.redisUrl === undefined ? memoryLimiter(monotonicMs) : await inRedis(config.redisUrl, core, closing);
  return createRateLimits(measured(limiter, core), config.rateLimits, {
    refused: (limit) => {
      metrics.limitRefused.inc({ limit });
    },
    uncounted: (outcome) => {
      metrics.limitUncounted.inc({ outcome });
    },
  });
}

async function inRedis(url: string, { secrets, metrics, log }: LimitsCore, closing: Closing): Promise<Limiter> {
  const connection = connectRedis({
    url,
    onAway: (code) => {
      metrics.limitRedisAway.set(1);
      log.warn('Redis does not answer: nobody counts what is limited', { code });
    },
    onBack: () => {
      metrics.limitRedisAway.set(0);
      log.info('Redis answers: limits are counted');
    },
  });
  closing.add('redis', () => {
    connection.close();
  });
  await connection.tried;
  return redisLimiter(connection, secrets.signing);
}

const measured = (limiter: Limiter, { metrics }: LimitsCore): Limiter => ({
  take: async (windows) => {
    const before = monotonicMs();
    const standings = await limiter.take(windows);
    metrics.limitCheck.observe((monotonicMs() - before) / 1000);
    return standings;
  },
});
