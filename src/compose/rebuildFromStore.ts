import { randomUUID } from 'node:crypto';
import { databaseClock } from '../adapters/clock/databaseClock.ts';
import type { MasterKeys } from '../adapters/crypto/masterKeys.ts';
import type { Log } from '../adapters/logging/log.ts';
import { openMetrics } from '../adapters/metrics/metrics.ts';
import { databaseEpochMs } from '../adapters/postgres/databaseTime.ts';
import { isSameDatabase } from '../adapters/postgres/sameDatabase.ts';
import { over } from '../adapters/postgres/transaction.ts';
import { PortError } from '../domain/kernel/portError.ts';
import { pause } from '../consumers/pause.ts';
import { isBefore } from '../consumers/position.ts';
import { consumersStatus, type ConsumerStatus } from '../consumers/status.ts';
import type { Closing } from './closing.ts';
import { startConsumers, type Consuming } from './consumers.ts';
import { connect, migrateAll, type Databases, type Places } from './databases.ts';
import { openLogged } from './log.ts';
import { CONSUMERS, isConsumer, openReadModels } from './readModels.ts';
import { storeObserver } from './storeObserver.ts';

export type RebuildParts = {
  readonly places: Places;
  readonly masters: MasterKeys;
  readonly log: Log;
  /** Told how far it is, now and then. */
  readonly told: (progress: Progress) => void;
};
/** `keys`: events that were looked at for the keys that they need; `rows`: of each read model, the events applied. */
export type Progress = { readonly keys: number } | { readonly rows: readonly Built[] };
export type Built = { readonly name: string; readonly events: number; readonly parked: number; readonly caughtUp: boolean };
/** `actions`: what is still to be done, by kind. */
export type Rebuilt = {
  readonly readModels: readonly Built[];
  readonly actions: Readonly<Record<string, number>>;
  readonly reservations: number;
};

const LOOK_MS = 1000;

/**
 * All that the database of read models holds, made anew from a log that lives elsewhere. Nothing is sent: no drainer runs here, and those of other
 * processes stand still until it is done. It may be interrupted and called again. What it opens, `closing` closes.
 * @throws PortError `invalid` where it would not be what was meant: the log is in that very database, others fill it, it is not empty, the log is, or
 * the keys are another log's.
 */
export async function rebuildFromStore({ places, masters, log, told }: RebuildParts, closing: Closing): Promise<Rebuilt> {
  checkPlaces(places);
  await migrateAll(places);
  const databases = await connect(places, log, closing);
  await checkApart(databases);
  await checkFree(databases);
  const clock = await databaseClock(() => databaseEpochMs(databases.models.worker));
  closing.add('clock', () => {
    clock.close();
  });
  const metrics = openMetrics();
  const keysFit = { depth: 'all', told: (keys: number) => told({ keys }) } as const;
  const parts = { databases, masters, observer: storeObserver(metrics, log), keysFit, mustHaveBegun: true } as const;
  const logged = await openLogged(parts, closing);
  const models = await openReadModels(databases, clock, closing);
  const consuming: Consuming = { databases, models, logged, clock, holder: randomUUID(), metrics, log };
  await startConsumers(consuming, closing);
  const readModels = await untilBuilt(consuming, (rows) => {
    told({ rows });
  });
  return { readModels, ...(await leftToDo(databases)) };
}

const refusal = (code: string, message: string): PortError => new PortError('invalid', code, message);
const IN_MODELS =
  'The log lives in the database of read models, or in memory: what was lost with it cannot be made from it. Restore a backup of that database.';

function checkPlaces({ log, models }: Places): void {
  if (log === undefined || (!('esdb' in log) && log.url === models.url)) throw refusal('log_in_models', IN_MODELS);
}

async function checkApart({ log, models }: Databases): Promise<void> {
  if (log !== undefined && 'worker' in log && (await isSameDatabase(log.worker, models.worker))) throw refusal('log_in_models', IN_MODELS);
}

/** What has been at the head once is no loss: `start` goes on from there. */
async function checkFree({ models }: Databases): Promise<void> {
  const rows = await over(models.worker).query<{ name: string; held: boolean; built: boolean }>({
    text: `select name, coalesce(lease_until > tidings_now(), false) as held, caught_up_at is not null as built from consumers where state = 'live'`,
  });
  const held = rows.filter((row) => row.held).map(({ name }) => name);
  if (held.length > 0)
    throw refusal(
      'leases_held',
      `Other processes fill the read models (${held.join(', ')}). Stop those with the role projector; what one that was killed held is free after 15 s.`,
    );
  if (CONSUMERS.every(({ name }) => rows.some((row) => row.name === name && row.built)))
    throw refusal(
      'models_not_lost',
      'The read models are there: start goes on from where they are, and ./tidings rebuild <projection> makes one anew. To make all of them anew, point DATABASE_URL at an empty database.',
    );
}

/** Until each has been at the head that was the log's when it was asked for. */
async function untilBuilt({ models, logged, clock }: Consuming, told: (rows: readonly Built[]) => void): Promise<readonly Built[]> {
  const head = await logged.feed.head();
  for (;;) {
    const status = (await consumersStatus(models.db, head)).filter(({ name }) => isConsumer(name));
    const stopped = status.find((it) => it.status === 'stopped');
    if (stopped) throw refusal(stopped.reason ?? 'stopped', `The read model ${stopped.name} cannot be built from this log.`);
    const rows = await builtOf(models, status);
    told(rows);
    if (rows.length === CONSUMERS.length && rows.every(({ caughtUp }) => caughtUp)) return rows;
    const [next] = CONSUMERS.filter(({ name }) => !rows.some((row) => row.name === name && row.caughtUp));
    const until = clock.epochMs() + LOOK_MS;
    if (next && head !== 'start') await models.waitFor(next.name, head, { boundMs: LOOK_MS });
    // Whoever was reached at once leaves the others their time.
    if (clock.epochMs() < until) await pause(clock, 50);
  }
}

async function builtOf({ db }: Consuming['models'], status: readonly ConsumerStatus[]): Promise<readonly Built[]> {
  const rows = await db.query<{ name: string; events: number; built: boolean }>({
    text: `select name, applied::float8 as events, caught_up_at is not null as built from consumers where state = 'live' order by name`,
  });
  return rows.flatMap(({ name, events, built }) => {
    const it = status.find((one) => one.name === name);
    return it === undefined ? [] : [{ name, events, parked: it.parked, caughtUp: built && !isBefore(it.position, it.head) }];
  });
}

async function leftToDo({ models }: Databases): Promise<Pick<Rebuilt, 'actions' | 'reservations'>> {
  const tx = over(models.worker);
  const actions = await tx.query<{ kind: string; n: number }>({
    text: `select kind, sum(greatest(1, cardinality(items)))::float8 as n from actions group by kind order by kind`,
  });
  const [held] = await tx.query<{ n: number }>({ text: `select count(*)::float8 as n from reservations where until > tidings_now()` });
  return { actions: Object.fromEntries(actions.map(({ kind, n }) => [kind, n])), reservations: held?.n ?? 0 };
}
