import { createHmac } from 'node:crypto';
import type { Limiter } from '../../http/rateLimits.ts';
import { bucketOf, standingOf } from './bucket.ts';
import { scriptOf, type RedisConnection } from '../redis/connection.ts';

/**
 * All windows in one step, by the clock of Redis, which all processes share. KEYS: one for each window; ARGV: quota and microseconds of one, for
 * each. Answers whether all were taken from, and what is used of each, in microseconds. A clock that was set back finds windows that are fuller than
 * they can be: they count as full.
 */
const TAKE = scriptOf(`
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local answer, taken = {0}, 1
for i, key in ipairs(KEYS) do
  local quota, each = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local full = tonumber(redis.call('GET', key) or '0')
  local used = math.min(math.max(full - now, 0), quota * each)
  if used + each > quota * each then taken = 0 end
  answer[i + 1] = used
end
if taken == 1 then
  for i, key in ipairs(KEYS) do
    local used = answer[i + 1] + tonumber(ARGV[2 * i])
    redis.call('SET', key, string.format('%.0f', now + used), 'PX', math.ceil(used / 1000))
    answer[i + 1] = used
  end
end
answer[1] = taken
return answer
`);

const isAnswer = (answer: unknown, windows: number): answer is readonly number[] =>
  Array.isArray(answer) && answer.length === windows + 1 && answer.every((it) => typeof it === 'number');

/**
 * Counts for all processes that share the Redis and the secret. What stands in Redis says nothing of whose it is: keys are keyed hashes, which also
 * keeps installations apart.
 */
export const redisLimiter = (connection: Pick<RedisConnection, 'run'>, secret: Uint8Array): Limiter => ({
  take: async (windows) => {
    const buckets = windows.map(bucketOf);
    const keys = windows.map(({ key }) => `tidings:limit:${createHmac('sha256', secret).update(key).digest('base64url').slice(0, 22)}`);
    const answer = await connection.run(
      TAKE,
      keys,
      buckets.flatMap(({ quota, each }) => [quota, each]),
    );
    if (!isAnswer(answer, windows.length)) return undefined;
    const [taken, ...used] = answer;
    return buckets.map((bucket, at) => standingOf(bucket, used[at] ?? 0, taken === 1));
  },
});
