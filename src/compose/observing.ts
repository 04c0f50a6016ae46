import { eventLoopDelay } from '../adapters/metrics/eventLoopDelay.ts';
import { metricsText } from '../adapters/metrics/metrics.ts';
import { countDueActions, countParkedActions } from '../adapters/postgres/actions/parkedActions.ts';
import { over } from '../adapters/postgres/transaction.ts';
import type { Time } from '../consumers/ports.ts';
import { consumersStatus, type ConsumerStatus } from '../consumers/status.ts';
import { afterHearing } from '../domain/kernel/afterHearing.ts';
import { present } from '../domain/kernel/present.ts';
import type { Position } from '../domain/values/ids.ts';
import { ADMISSION } from '../http/admission.ts';
import type { Health, LoadGauges, MetricsText, Readiness } from '../http/ports.ts';
import { NO_OTHER_THREAD, type OtherThreads } from './asking.ts';
import type { Closing } from './closing.ts';
import { countedActions } from './countedActions.ts';
import type { Core } from './core.ts';
import type { Databases } from './databases.ts';
import { repeating } from './repeating.ts';
import { isConsumer, VERSIONS } from './readModels.ts';

export type Observing = {
  readonly gauges: LoadGauges;
  readonly health: Health;
  readonly metrics: MetricsText;
  readonly consumers: () => Promise<readonly ConsumerStatus[]>;
};

/** Where a process stands that answers before it has started, and until it has ended. */
export type Phase = 'starting' | 'running' | 'stopping';
export type ObservingOptions = { readonly otherThreads?: OtherThreads; readonly phase?: () => Phase };

const LOOK_MS = 2000;
/** Whoever asks for health gives up soon after: a part that says nothing for so long is missing. */
const ANSWER_MS = 2000;
/** A read model this far behind is no longer one to answer from. */
const LAG_MS = 60_000;

/** What admission, health and metrics look at; the database is asked on a timer, never by a request. */
export function observing(core: Core, closing: Closing, { otherThreads = NO_OTHER_THREAD, phase }: ObservingOptions = {}): Observing {
  const { models, logged, clock, metrics, log } = core;
  const delay = eventLoopDelay();
  let [actionsDue, delayMs] = [0, 0];
  const dueNow = countedActions((most) => countDueActions(models.db, most), ADMISSION.actionsDue, clock);
  closing.add('event loop delay', () => {
    delay.close();
  });
  const looking = { everyMs: LOOK_MS, time: clock, closing };
  // By itself: counting may take a minute, and admission would refuse everybody for that long by what the loop was like before.
  repeating('looking at the delay', looking, () => {
    delayMs = delay.takeMs();
    return Promise.resolve();
  });
  repeating('counting actions', looking, async () => {
    try {
      actionsDue = await dueNow();
      metrics.actionsDue.set(actionsDue);
      metrics.actionsParked.set(await countParkedActions(models.db));
    } catch (error) {
      log.debug('the backlog could not be read', { error });
    }
  });

  const consumers = async (): Promise<readonly ConsumerStatus[]> => consumersAt(core, await logged.feed.head());
  return {
    gauges: { bytesWaiting: () => logged.queuedBytes(), actionsDue: () => actionsDue, eventLoopDelayMs: () => delayMs },
    health: {
      live: otherThreads.lives,
      ready: shared(() => readiness(core, phase)),
    },
    consumers,
    metrics: {
      text: shared(async () => {
        // Whoever collects them gives up soon as well, and would have none just when something is missing.
        await inTime(clock, measureConsumers(core).catch(codeOf));
        return metricsText(metrics, await otherThreads.measured());
      }),
    },
  };
}

/** Anybody may ask, as often as they like: whoever does while it is being found out gets the same answer. */
function shared<T>(find: () => Promise<T>): () => Promise<T> {
  let finding: Promise<T> | undefined;
  return () =>
    (finding ??= find().finally(() => {
      finding = undefined;
    }));
}

const consumersAt = async ({ models }: Core, head: Position | 'start'): Promise<readonly ConsumerStatus[]> =>
  (await consumersStatus(models.db, head)).filter(({ name }) => isConsumer(name));

/** Of the tables that are read; what is parked also of those that are to take their place, which wait for it. */
async function measureConsumers(core: Core): Promise<undefined> {
  const { metrics, logged } = core;
  const all = await consumersAt(core, await logged.feed.head());
  for (const { name, lag, rate } of all.filter(({ isRead }) => isRead)) {
    metrics.consumerLag.set({ consumer: name }, lag / 1000);
    metrics.consumerRate.set({ consumer: name }, rate);
    metrics.consumerParked.set(
      { consumer: name },
      all.reduce((sum, it) => (it.name === name ? sum + it.parked : sum), 0),
    );
  }
  return undefined;
}

type Check = Readiness['checks'][number];

/** What the roles of this process cannot do their work without, each by itself; `detail` is a code of ours or a state, never what was said. */
async function readiness(core: Core, phase: ObservingOptions['phase']): Promise<Readiness> {
  const { models, logged, databases, config, clock } = core;
  const check = async (name: string, run: () => Promise<string | undefined>): Promise<Check> => {
    const wrong = await inTime(clock, run().catch(codeOf));
    return { name, ok: wrong === undefined, ...present({ detail: wrong }) };
  };
  // How far the log goes beyond a consumer is not known without it; that it is gone is told once.
  let head: Position | 'start' = 'start';
  const log = await check('log', async () => {
    head = await logged.feed.head();
    return undefined;
  });
  // Who only fills read models carries over what is sealed as it is, and makes tables of its own.
  const reads = config.roles.includes('api') || config.roles.includes('worker');
  let standing: string | undefined;
  const lagging = async (): Promise<string | undefined> => {
    // What is being built beside the live ones is read by nobody, and may lie behind for as long as it takes.
    const all = (await consumersAt(core, head)).filter(({ isRead }) => isRead);
    standing = told(all);
    const others = reads ? all.filter(({ name, version }) => version !== VERSIONS[name]) : [];
    if (others.length > 0) return others.map(({ name }) => `${name}: tables of another release`).join('; ');
    // One that doubts the log, since a node of it was cut off for seconds, makes nobody unready; it is told.
    return told(all.filter((it) => it.status === 'stopped' || it.lag > LAG_MS));
  };
  const now = phase?.();
  const checks = await Promise.all([
    ...(now === undefined ? [] : [check('process', () => Promise.resolve(now === 'running' ? undefined : now))]),
    check('database', () => models.db.query({ text: 'select 1' }).then(() => undefined)),
    ...(reads ? [check('keys', () => keysMissing(databases))] : []),
    Promise.resolve(log),
    check('consumers', lagging).then((it) => (it.ok ? { ...it, ...present({ detail: standing }) } : it)),
  ]);
  return { ready: checks.every(({ ok }) => ok), checks };
}

const told = (consumers: readonly ConsumerStatus[]): string | undefined =>
  consumers.map((it) => `${it.name}: ${it.status}, ${String(Math.round(it.lag / 1000))} s behind`).join('; ') || undefined;

const inTime = (time: Pick<Time, 'after'>, found: Promise<string | undefined>): Promise<string | undefined> =>
  new Promise((resolve) => {
    const cancel = afterHearing(time, ANSWER_MS, () => {
      resolve('no_answer');
    });
    void found.then(resolve).finally(cancel);
  });

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : 'failed');

async function keysMissing({ keys }: Databases): Promise<string | undefined> {
  const rows = await over(keys.worker).query({ text: 'select from key_store' });
  return rows.length > 0 ? undefined : 'key_store_unnamed';
}
