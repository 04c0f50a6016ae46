import { readFileSync } from 'node:fs';
import { openLog } from '../../src/adapters/logging/log.ts';
import { openMetrics } from '../../src/adapters/metrics/metrics.ts';
import { begin } from '../../src/compose/beginning.ts';
import { loggedClosing } from '../../src/compose/closing.ts';
import { startConsumers } from '../../src/compose/consumers.ts';
import { type Core, openCore } from '../../src/compose/core.ts';
import { migrateAll, placesOf } from '../../src/compose/databases.ts';
import { startHttp } from '../../src/compose/http.ts';
import { secretsOf } from '../../src/compose/secrets.ts';
import { startProbes } from '../../src/compose/probes.ts';
import { observedProviders, startWorker } from '../../src/compose/worker.ts';
import { parseConfig } from '../../src/config.ts';
import type { Providers } from '../../src/processes/dispatch/ports.ts';
import { keyedProvider } from './keyedProvider.ts';
import { openPoints, pointedCore, pointedProviders } from './points.ts';

// The service, wired as `compose/service.ts` does it, with points around its ports, a provider that takes keys, and short leases.
const { CHAOS_LEASE_MS, CHAOS_POINT, CHAOS_SIGNAL, CHAOS_PASSED_FILE, CHAOS_KEYED_URL = '', CHAOS_WINDOW, ...env } = process.env;
if (env['NODE_ENV'] === 'production') throw new Error('this program stops itself and is for tests alone');
const leaseMs = Number(CHAOS_LEASE_MS);
const say = (text: string): void => void process.stdout.write(`${text}\n`);

const parsed = parseConfig(env, (path) => readFileSync(path, 'utf8'));
if ('problems' in parsed) throw new Error(JSON.stringify(parsed.problems));
const { config } = parsed;
const log = openLog(config.logLevel);
const opened = loggedClosing(log);
const points = openPoints({
  signal: CHAOS_SIGNAL === 'SIGSTOP' ? 'SIGSTOP' : 'SIGKILL',
  ...(CHAOS_POINT !== undefined && { point: CHAOS_POINT }),
  ...(CHAOS_PASSED_FILE !== undefined && { passedFile: CHAOS_PASSED_FILE }),
  onArmed: () => {
    say('armed');
  },
});

/** With a provider that takes keys besides, and points around each. */
function providersOf(core: Core): Providers {
  const keyed = keyedProvider({ url: CHAOS_KEYED_URL, window: Number(CHAOS_WINDOW), deadlineMs: Math.floor(leaseMs / 4) });
  return pointedProviders(points, observedProviders(core, opened), keyed, leaseMs);
}

async function start(): Promise<void> {
  const secrets = secretsOf(config);
  const places = await placesOf(config, opened, () => undefined);
  await migrateAll(places);
  const core = pointedCore(points, await openCore({ config, secrets, places, metrics: openMetrics(), log }, opened));
  if (config.roles.includes('projector')) await startConsumers(core, opened, { leaseMs: leaseMs / 3 });
  await begin(core);
  if (config.roles.includes('worker')) await startWorker(core, opened, { providers: providersOf(core), leaseMs });
  const about = { version: '0.0.0', checkAnswers: true };
  const { localUrl } = config.roles.includes('api')
    ? await startHttp(core, about, opened)
    : await startProbes(core, opened, () => 'running');
  say(`tidings ready ${localUrl} (${config.roles.join(', ')})`);
}

process.on('SIGTERM', () => void opened.all().then((failed) => process.exit(failed.length === 0 ? 0 : 1)));
await start();
