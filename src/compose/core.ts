import { randomUUID } from 'node:crypto';
import { databaseClock, type DatabaseClock } from '../adapters/clock/databaseClock.ts';
import { timeOrderedIds } from '../adapters/clock/ids.ts';
import { Blobs } from '../adapters/crypto/blobs.ts';
import { parseMasterKeys } from '../adapters/crypto/masterKeys.ts';
import type { Log } from '../adapters/logging/log.ts';
import type { Metrics } from '../adapters/metrics/metrics.ts';
import { database } from '../adapters/postgres/database.ts';
import { databaseEpochMs } from '../adapters/postgres/databaseTime.ts';
import { postgresCaptureStore } from '../adapters/providers/capture/postgresCaptureStore.ts';
import type { CaptureStore } from '../adapters/providers/capture/captureStore.ts';
import type { Ids } from '../commands/ports.ts';
import type { Config } from '../config.ts';
import { pause } from '../consumers/pause.ts';
import { superviseConsumers } from '../consumers/supervisor.ts';
import { feedbackSink } from '../processes/feedback/recordFeedback.ts';
import type { FeedbackSink } from '../processes/feedback/ports.ts';
import type { Closing } from './closing.ts';
import { connect, type Databases, type Places } from './databases.ts';
import { openLogged, type LogParts, type Logged } from './log.ts';
import { openMaterial, type Kept } from './material.ts';
import { CONSUMERS, openReadModels, type ReadModels } from './readModels.ts';
import type { Secrets } from './secrets.ts';

/** What every role of a process stands on. */
export type Core = {
  readonly config: Config;
  readonly secrets: Secrets;
  readonly databases: Databases;
  readonly clock: DatabaseClock;
  readonly ids: Ids;
  readonly logged: Logged;
  readonly models: ReadModels;
  readonly kept: Kept;
  readonly blobs: Blobs;
  readonly captures: CaptureStore;
  readonly feedback: FeedbackSink;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Names this start of this process: leases and claims carry it. */
  readonly holder: string;
};
/** What filling read models takes of it. */
export type Consuming = Pick<Core, 'databases' | 'models' | 'logged' | 'clock' | 'holder' | 'metrics' | 'log'>;
export type CoreParts = {
  readonly config: Config;
  readonly secrets: Secrets;
  readonly places: Places;
  readonly metrics: Metrics;
  readonly log: Log;
};

export async function openCore({ config, secrets, places, metrics, log }: CoreParts, closing: Closing): Promise<Core> {
  const databases = await connect(places, log, closing);
  const onError = (error: unknown): void => {
    log.warn('the database did not tell the time', { error });
  };
  const clock = await databaseClock(() => databaseEpochMs(databases.models.worker), { onError });
  closing.add('clock', () => {
    clock.close();
  });
  const ids = timeOrderedIds(clock);
  const opening = { databases, masters: parseMasterKeys(secrets.masterKeys), observer: observerOf(metrics, log) };
  const logged = await openLogged(opening, closing);
  const models = await openReadModels(databases, clock, closing);
  const kept = await openMaterial(models, config.email.from, closing);
  const { vault, indexes } = logged.keys;
  const captures = postgresCaptureStore({ api: databases.models.api, worker: databases.models.worker, vault, indexes, clock });
  const feedback = feedbackSink({
    log: logged.log,
    clock,
    ids,
    watch: (kind, count) => {
      metrics.feedback.inc({ kind }, count);
    },
  });
  const blobs = new Blobs(databases.keys.worker, vault, clock);
  return { config, secrets, databases, clock, ids, logged, models, kept, blobs, captures, feedback, metrics, log, holder: randomUUID() };
}

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

/** Until every read model holds what the log held when this was asked; they may be another process's to fill. */
export async function untilCaughtUp({ models, logged, clock, log }: Core): Promise<void> {
  const head = await logged.feed.head();
  if (head === 'start') return;
  for (const { name } of CONSUMERS) {
    for (let tries = 0; (await models.waitFor(name, head, { boundMs: CATCH_UP_MS })) !== 'reached'; tries += 1) {
      if (tries > 0) log.info('waiting for a read model to catch up', { projection: name });
      await pause(clock, LOOK_AGAIN_MS);
    }
  }
}
const CATCH_UP_MS = 5000;
const LOOK_AGAIN_MS = 100;

export const observerOf = (metrics: Metrics, log: Log): LogParts['observer'] => ({
  onAppend: ({ events, bytes, ms }) => {
    metrics.storeAppend.observe(ms / 1000);
    metrics.storeEvents.inc(events);
    metrics.storeBytes.inc(bytes);
  },
  onAppendFailure: ({ writes, code }) => {
    metrics.storeFailures.inc({ code });
    log.warn('a call of the store failed and is sent again', { count: writes, code });
  },
  onFeedFailure: ({ code }) => {
    log.warn('the log could not be read and is read again', { code });
  },
});
