import { database } from '../adapters/postgres/database.ts';
import { pause } from '../consumers/pause.ts';
import { superviseConsumers } from '../consumers/supervisor.ts';
import type { Closing } from './closing.ts';
import type { Core } from './core.ts';
import { CONSUMERS } from './readModels.ts';

/** What filling read models takes of a core. */
export type Consuming = Pick<Core, 'databases' | 'models' | 'logged' | 'clock' | 'holder' | 'metrics' | 'log'>;

/** Projections and the table of actions, under leases: any number of processes may run this. */
export async function startConsumers(
  { databases, models, logged, clock, holder, metrics, log }: Consuming,
  closing: Closing,
  timing: { readonly leaseMs?: number } = {},
): Promise<void> {
  const consumers = await superviseConsumers(CONSUMERS, {
    db: models.db,
    owner: database(databases.models.owner, databases.models.listener),
    feed: logged.feed,
    time: clock,
    holder,
    ...timing,
    observe: {
      onBatch: (consumer, events, ms) => {
        metrics.consumerEvents.inc({ consumer }, events);
        metrics.consumerBatch.observe({ consumer }, ms / 1000);
      },
      onParked: (consumer) => {
        log.error('an event was parked', { consumer });
      },
      onStopped: (consumer, code) => {
        log.error('a consumer stopped for good', { consumer, code });
      },
      onError: (consumer, code) => {
        metrics.consumerErrors.inc({ consumer, code });
        log.warn('a consumer failed and tries again', { consumer, code });
      },
      onSwap: (consumer, outcome) => {
        if (outcome === 'swapped') log.info('a rebuilt read model was put to use', { consumer });
        else log.warn('a rebuilt read model was not put to use', { consumer, code: outcome });
      },
      onStall: () => {
        log.warn('the feed stood still and was opened again');
      },
    },
  });
  closing.add('consumers', () => consumers.stop());
}

/**
 * Until every read model holds what the log held when this was asked; they may be another process's to fill. @throws the signal's reason,
 * soon after it aborts.
 */
export async function untilCaughtUp({ models, logged, clock, log }: Core, signal?: AbortSignal): Promise<void> {
  const head = await logged.feed.head();
  if (head === 'start') return;
  for (const { name } of CONSUMERS) {
    for (let tries = 1; (await models.waitFor(name, head, { boundMs: LOOK_MS })) !== 'reached'; tries += 1) {
      signal?.throwIfAborted();
      if (tries % TELL_EVERY === 0) log.info('waiting for a read model to catch up', { projection: name });
      await pause(clock, LOOK_AGAIN_MS);
    }
  }
}
const LOOK_MS = 1000;
const TELL_EVERY = 10;
const LOOK_AGAIN_MS = 100;
