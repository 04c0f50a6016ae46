import { actionQueue } from '../adapters/postgres/actions/actionQueue.ts';
import { postgresReservations } from '../adapters/postgres/reservations.ts';
import { random } from '../adapters/clock/random.ts';
import { createRenderer } from '../adapters/templating/renderer.ts';
import type { Blobs } from '../adapters/crypto/blobs.ts';
import type { Clock } from '../commands/ports.ts';
import type { Log } from '../adapters/logging/log.ts';
import type { Metrics } from '../adapters/metrics/metrics.ts';
import { parkedFacts } from '../consumers/parking.ts';
import { pause } from '../consumers/pause.ts';
import type { Time } from '../consumers/ports.ts';
import { RETRY } from '../domain/policy/retry.ts';
import { parseEmail } from '../domain/values/email.ts';
import { isRejection } from '../domain/kernel/rejection.ts';
import { applyBatchEffect } from '../processes/batches/effects.ts';
import { dispatchEffect } from '../processes/dispatch/effects.ts';
import type { DispatchPorts, Facts, Providers } from '../processes/dispatch/ports.ts';
import { openDrainer, type Drainer } from '../processes/drainer.ts';
import { batchStatesOf } from '../projections/batches/queries.ts';
import { profilesOf } from '../projections/recipients/queries.ts';
import type { Logged } from './log.ts';
import type { Kept } from './material.ts';
import type { ReadModels } from './readModels.ts';

type Parts = {
  readonly logged: Logged;
  readonly models: ReadModels;
  readonly kept: Kept;
  readonly blobs: Blobs;
  readonly providers: Providers;
  readonly clock: Clock & Time;
  readonly allowlist: readonly string[] | undefined;
  readonly worker: string;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Milliseconds that a claim lasts where it is not the usual time. */
  readonly leaseMs?: number;
};

/** Recovery after a crash begins when the lease ends. */
const LEASE_MS = 30_000;
const CALLS_IN_A_LEASE = 3;
const PAUSE_RECHECK_MS = 15 * 60_000;

/** The worker: claims what is due, plans it and hands it off. */
export async function startDelivery(parts: Parts): Promise<Drainer> {
  const { logged, models, clock, metrics, log } = parts;
  const queue = actionQueue(models.db);
  const deliver = dispatchEffect({
    log: logged.log,
    vault: logged.keys.vault,
    indexes: logged.keys.indexes,
    clock,
    random,
    claims: queue,
    facts: factsOf(models),
    material: { template: parts.kept.templateOf, sender: parts.kept.senderOf, files: (tenant, ids) => parts.blobs.read(tenant, ids) },
    reservations: postgresReservations(models.db),
    providers: parts.providers,
    renderer: createRenderer(),
    retry: RETRY,
    pauseRecheckMs: PAUSE_RECHECK_MS,
    pause: (ms) => pause(clock, ms),
    watch: watchWith(metrics),
    ...(parts.allowlist === undefined ? {} : { allowlist: allowing(parts.allowlist) }),
  });
  const head = await logged.feed.head();
  return openDrainer({
    queue,
    effects: { plan: deliver, handOff: deliver, recover: deliver, applyBatch: applyBatchEffect({ log: logged.log, clock }) },
    time: clock,
    db: models.db,
    worker: parts.worker,
    // A claim that could not outlast a call would hand everything back and be claimed again, for ever.
    leaseMs: Math.max(parts.leaseMs ?? LEASE_MS, CALLS_IN_A_LEASE * parts.providers.longestDeadlineMs),
    isReady: async () => head === 'start' || (await models.waitFor('actions', head, { boundMs: 1000 })) === 'reached',
    observe: {
      onDone: (kind, actions, ms) => {
        metrics.actions.inc({ kind, outcome: 'done' }, actions);
        metrics.actionGroup.observe({ kind }, ms / 1000);
      },
      onFailed: (kind, code) => {
        metrics.actions.inc({ kind, outcome: 'failed' });
        log.warn('a group of actions failed and will be tried again', { kind, code });
      },
      onParked: (kind) => {
        metrics.actions.inc({ kind, outcome: 'parked' });
        log.error('an action was parked', { kind });
      },
      onError: (code) => {
        log.warn('the drainer could not look for work', { code });
      },
    },
  });
}

const factsOf = (models: ReadModels): Facts => ({
  profiles: (tenant, subjects) => models.asWorker(tenant, 'recipients', (tx, suffix) => profilesOf(tx, suffix, tenant, subjects)),
  batches: async (tenant, ids) =>
    ids.length === 0 ? new Map() : models.asWorker(tenant, 'batches', (tx, suffix) => batchStatesOf(tx, suffix, tenant, ids)),
  parked: (streams) => parkedFacts(models.db, streams),
});

const watchWith = (metrics: Metrics): DispatchPorts['watch'] => ({
  planned: (outcomes) => {
    for (const [outcome, count] of Object.entries(outcomes)) metrics.planned.inc({ outcome }, count);
  },
  handedOff: (provider, outcome, count, ms) => {
    metrics.handedOff.inc({ provider, outcome }, count);
    metrics.providerCall.observe({ provider }, ms / 1000);
  },
  dropped: (why, count) => {
    metrics.dropped.inc({ why }, count);
  },
});

/** Addresses, and for e-mail whole domains; in-app messages reach nobody outside and always may. */
function allowing(list: readonly string[]): NonNullable<DispatchPorts['allowlist']> {
  const allowed = new Set(list);
  return (channel, address) => {
    if (channel === 'in_app') return true;
    if (channel !== 'email') return allowed.has(address.toLowerCase());
    const parsed = parseEmail(address);
    return !isRejection(parsed) && (allowed.has(parsed.key) || allowed.has(parsed.domain));
  };
}
