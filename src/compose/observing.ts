import { eventLoopDelay } from '../adapters/metrics/eventLoopDelay.ts';
import { metricsText } from '../adapters/metrics/metrics.ts';
import { actionsBacklog } from '../adapters/postgres/actions/parkedActions.ts';
import { consumersStatus, type ConsumerStatus } from '../consumers/status.ts';
import type { Health, LoadGauges, MetricsText, Readiness } from '../http/ports.ts';
import type { Elsewhere } from './asking.ts';
import type { Closing } from './closing.ts';
import type { Core } from './core.ts';
import { repeating } from './repeating.ts';
import { CONSUMERS } from './readModels.ts';

export type Observing = {
  readonly gauges: LoadGauges;
  readonly health: Health;
  readonly metrics: MetricsText;
  readonly consumers: () => Promise<readonly ConsumerStatus[]>;
};

const LOOK_MS = 2000;
/** A read model this far behind is no longer one to answer from. */
const LAG_MS = 60_000;

/** What admission, health and metrics look at; the database is asked on a timer, never by a request. */
export function observing(core: Core, closing: Closing, elsewhere: Elsewhere): Observing {
  const { models, logged, clock, metrics, log } = core;
  const delay = eventLoopDelay();
  let [actionsDue, delayMs] = [0, 0];
  closing.add('event loop delay', () => {
    delay.close();
  });
  repeating('observing', { everyMs: LOOK_MS, time: clock, closing }, async () => {
    delayMs = delay.takeMs();
    try {
      const backlog = await actionsBacklog(models.db);
      actionsDue = backlog.due;
      metrics.actionsDue.set(backlog.due);
      metrics.actionsParked.set(backlog.parked);
    } catch (error) {
      log.debug('the backlog could not be read', { error });
    }
  });

  // A row that an earlier release left behind is nobody's to hold, and says nothing of how this one does.
  const consumers = async (): Promise<readonly ConsumerStatus[]> =>
    (await consumersStatus(models.db, await logged.feed.head())).filter(({ name }) => CONSUMERS.some((it) => it.name === name));
  return {
    gauges: { bytesWaiting: () => logged.queuedBytes(), actionsDue: () => actionsDue, eventLoopDelayMs: () => delayMs },
    health: {
      live: elsewhere.lives,
      ready: () => readiness(core, consumers),
    },
    consumers,
    metrics: {
      text: async () => {
        for (const it of await consumers().catch(() => [])) {
          metrics.consumerLag.set({ consumer: it.name }, it.lag / 1000);
          metrics.consumerRate.set({ consumer: it.name }, it.rate);
          metrics.consumerParked.set({ consumer: it.name }, it.parked);
        }
        return metricsText(metrics, await elsewhere.measured());
      },
    },
  };
}

async function readiness({ models, logged }: Core, consumers: Observing['consumers']): Promise<Readiness> {
  const check = async (name: string, run: () => Promise<string | undefined>): Promise<Readiness['checks'][number]> => {
    const wrong = await run().catch((error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : 'failed'));
    return { name, ok: wrong === undefined, ...(wrong === undefined ? {} : { detail: wrong }) };
  };
  const lagging = async (): Promise<string | undefined> => {
    const bad = (await consumers()).filter((it) => it.status === 'stopped' || it.lag > LAG_MS);
    return bad.length > 0
      ? bad.map((it) => `${it.name}: ${it.status}, ${String(Math.round(it.lag / 1000))} s behind`).join('; ')
      : undefined;
  };
  const checks = await Promise.all([
    check('database', () => models.db.query({ text: 'select 1' }).then(() => undefined)),
    check('log', () => logged.feed.head().then(() => undefined)),
    check('consumers', lagging),
  ]);
  return { ready: checks.every(({ ok }) => ok), checks };
}
