import { randomUUID } from 'node:crypto';
import { databaseClock, type DatabaseClock } from '../adapters/clock/databaseClock.ts';
import { timeOrderedIds } from '../adapters/clock/ids.ts';
import { Blobs } from '../adapters/crypto/blobs.ts';
import { parseMasterKeys } from '../adapters/crypto/masterKeys.ts';
import type { Log } from '../adapters/logging/log.ts';
import type { Metrics } from '../adapters/metrics/metrics.ts';
import { databaseEpochMs } from '../adapters/postgres/databaseTime.ts';
import { postgresCaptureStore } from '../adapters/providers/capture/postgresCaptureStore.ts';
import type { CaptureStore } from '../adapters/providers/capture/captureStore.ts';
import type { Ids } from '../commands/ports.ts';
import type { Config } from '../config.ts';
import { feedbackSink } from '../processes/feedback/recordFeedback.ts';
import type { FeedbackSink } from '../processes/feedback/ports.ts';
import type { Closing } from './closing.ts';
import { connect, type Databases, type Places } from './databases.ts';
import { openLogged, type Logged } from './log.ts';
import { openMaterial, type Kept } from './material.ts';
import { openReadModels, type ReadModels } from './readModels.ts';
import type { Secrets } from './secrets.ts';
import { storeObserver } from './storeObserver.ts';

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
  const opening = { databases, masters: parseMasterKeys(secrets.masterKeys), observer: storeObserver(metrics, log) };
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
