import type { Mutant } from '../mutant.ts';

const httpTest = 'test/http/rateLimits.test.ts';
const memoryTest = 'test/adapters/limits/memoryLimiter.test.ts';
const redisTest = 'test/adapters/limits/redisLimiter.test.ts';
const ALL_OR_NONE = 'takes from all windows or from none: whoever is refused by one loses nothing of the other';

/** How much one may ask, and what becomes of that without Redis. */
export const limitMutants: readonly Mutant[] = [
  {
    name: 'limits: whoever is past one goes on',
    file: 'src/http/serve.ts',
    find: 'if (limited?.refusal !== undefined) return limited.refusal;',
    put: '',
    killedBy: httpTest,
    testName: 'limits every answer tells what they are and what is left; past one it is 429 until there is more',
  },
  {
    name: 'limits: all tenants share one',
    file: 'src/http/rateLimits.ts',
    find: '[name, tenant, ...(per',
    put: '[name, ...(per',
    killedBy: httpTest,
    testName: 'limits a key has its own, and its tenant one for all of its keys',
  },
  {
    name: 'limits: what fails closed is let pass',
    file: 'src/http/rateLimits.ts',
    find: "uncounted: 'refuse',",
    put: "uncounted: 'pass',",
    killedBy: httpTest,
    testName: 'limits while nobody counts making credentials is refused',
  },
  {
    name: 'limits: what fails open is refused',
    file: 'src/http/rateLimits.ts',
    find: 'const isClosed = policies.some(',
    put: 'const isClosed = policies.length > 0 || policies.some(',
    killedBy: httpTest,
    testName: 'limits while nobody counts what keeps one from the room of others is let pass, without a word of what is left',
  },
  {
    name: 'limits: in memory a refusal by one limit takes from the others',
    file: 'src/adapters/limits/memoryLimiter.ts',
    find: 'if (taken) for (',
    put: 'for (',
    killedBy: memoryTest,
    testName: `the limiter in memory ${ALL_OR_NONE}`,
  },
  {
    name: 'limits: in Redis a refusal by one limit takes from the others',
    file: 'src/adapters/limits/redisLimiter.ts',
    find: 'if taken == 1 then',
    put: 'if taken >= 0 then',
    killedBy: redisTest,
    testName: `limits in Redis the limiter in Redis ${ALL_OR_NONE}`,
  },
  {
    name: 'limits: a clock of Redis that was set back keeps people out',
    file: 'src/adapters/limits/redisLimiter.ts',
    find: 'math.min(math.max(full - now, 0), quota * each)',
    put: 'math.max(full - now, 0)',
    killedBy: redisTest,
    testName: 'limits in Redis goes by the clock of Redis: one that was set back keeps nobody out for longer than the window',
  },
  {
    name: 'limits: Redis holds keys and tenants in clear',
    file: 'src/adapters/limits/redisLimiter.ts',
    find: "createHmac('sha256', secret).update(key).digest('base64url').slice(0, 22)",
    put: "createHmac === undefined ? '' : key",
    killedBy: redisTest,
    testName: 'limits in Redis keeps nothing that says whose it is, and nothing that is over',
  },
  {
    name: 'limits: a count whose answer was lost is sent again',
    file: 'src/adapters/redis/connection.ts',
    find: 'autoResendUnfulfilledCommands: false,\n    maxRetriesPerRequest: 0,',
    put: 'autoResendUnfulfilledCommands: true,',
    killedBy: redisTest,
    testName: 'limits in Redis cut in the middle of a command, of which the reply is lost, it counts wrong by one at most',
  },
  {
    name: 'limits: everybody waits for a Redis that is frozen, each for as long as may be',
    file: 'src/adapters/redis/connection.ts',
    find: 'if (asked !== generation || !isUp) return;',
    put: 'if (asked >= 0) return;',
    killedBy: redisTest,
    testName: 'limits in Redis one that is frozen costs those who were asking one short time, and nobody after them',
  },
  {
    name: 'limits: an answer that has come while the loop was held up counts as none',
    file: 'src/adapters/redis/connection.ts',
    find: 'setTimeout(() => setImmediate(run), ms)',
    put: 'setTimeout(run, ms)',
    killedBy: redisTest,
    testName: 'limits in Redis an answer that lies there while the loop is held up is no silence',
  },
  {
    name: 'limits: each process counts for itself',
    file: 'src/compose/limits.ts',
    find: 'config.redisUrl === undefined ? memoryLimiter',
    put: "config.redisUrl !== '' ? memoryLimiter",
    killedBy: 'test/e2e/limits.test.ts',
    testName: 'two processes that answer share one limit, and let no more pass than one of them would',
  },
];
