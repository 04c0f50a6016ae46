import type { Log } from '../adapters/logging/log.ts';
import { openMetrics } from '../adapters/metrics/metrics.ts';
import { freeAbandoned } from '../adapters/postgres/actions/abandoned.ts';
import { runsThreadsBeside } from '../adapters/threads/thread.ts';
import type { Config } from '../config.ts';
import { freeLeases } from '../consumers/lease.ts';
import type { PortError } from '../domain/kernel/portError.ts';
import type { ApiThreadOptions } from './startApiThread.ts';
import { begin } from './beginning.ts';
import { type Closing, loggedClosing } from './closing.ts';
import { startConsumers } from './consumers.ts';
import { type Core, openCore } from './core.ts';
import { migrateAll, placesOf } from './databases.ts';
import type { About, Served } from './http.ts';
import type { Phase } from './observing.ts';
import type { Listening } from './listening.ts';
import { secretsOf, type Secrets } from './secrets.ts';
import { startProbes } from './probes.ts';

export type Service = {
  /** The API; or, where that is not this process's role, health and figures alone. */
  readonly served: Served | Listening;
  readonly secrets: Secrets;
  /** Drains and closes everything; answers the names of what did not close. */
  readonly stop: () => Promise<readonly string[]>;
};

export type Surroundings = {
  readonly log: Log;
  /** Told what is being waited for. */ readonly starting: (what: string) => void;
  readonly about: About;
  /** Told when something is gone without which nothing works and that nothing here can bring back: the process has to end. */
  readonly lost: (error: PortError) => void;
  /** Aborts when the process is to end: it then waits for nobody who may never come. */
  readonly ending: AbortSignal;
};

/** Starts the roles of this process, in the order in which they need each other. What it opened is closed again if it cannot start. */
export async function startService(config: Config, { log, starting, about, lost, ending }: Surroundings): Promise<Service> {
  const opened = loggedClosing(log);
  try {
    const secrets = secretsOf(config);
    const places = await placesOf(config, opened, starting, {
      onEnded: () => {
        log.error('the embedded database ended and is started again');
      },
      onRestarted: () => {
        log.warn('the embedded database is back');
      },
      onLost: lost,
    });
    const applied = await migrateAll(places);
    if (applied.length > 0) starting('preparing the database');
    const metrics = openMetrics();
    const core = await openCore({ config, secrets, places, metrics, log }, opened);
    let phase: Phase = 'starting';
    const beside = config.roles.includes('api') ? undefined : await startProbes(core, opened, () => phase);
    if (config.database === 'embedded') await takeOver(core);
    if (config.roles.includes('projector')) await startConsumers(core, opened);
    await begin(core, ending);
    if (config.roles.includes('worker')) {
      const { startWorker } = await import('./worker.ts');
      await startWorker(core, opened);
    }
    const served = beside ?? (await serve(core, { places, about, lost }, opened));
    phase = 'running';
    opened.add('readiness', () => {
      phase = 'stopping';
    });
    return { served, secrets, stop: opened.all };
  } catch (error) {
    await opened.all();
    throw error;
  }
}

type Serving = Pick<ApiThreadOptions, 'places' | 'about' | 'lost'>;

/** What only one role needs is loaded where it is this process's: templates and mail, and above all the API, take half of a start. */
async function serve(core: Core, { places, about, lost }: Serving, closing: Closing): Promise<Served> {
  const { config, metrics, log } = core;
  if (!servesApart(config)) return (await import('./http.ts')).startHttp(core, about, closing);
  const { startApiThread } = await import('./startApiThread.ts');
  return startApiThread({ config, places, about, metrics, log, lost }, closing);
}

/** Whether the API would share a thread with other work, and need not. A log in memory belongs to one thread. */
const servesApart = ({ roles, eventStore }: Config): boolean => roles.length > 1 && eventStore !== 'memory' && runsThreadsBeside();

/** The embedded database is one process's at a time: whoever held leases and claims in it is dead, so nobody waits for their end. */
async function takeOver({ models }: Core): Promise<void> {
  await freeLeases(models.db);
  await freeAbandoned(models.db);
}
