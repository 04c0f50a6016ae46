import type { Log } from '../adapters/logging/log.ts';
import type { Measured, Metrics } from '../adapters/metrics/metrics.ts';
import { startThread, type Thread } from '../adapters/threads/thread.ts';
import type { Config } from '../config.ts';
import { PortError } from '../domain/kernel/portError.ts';
import type { Closing } from './closing.ts';
import type { Places } from './databases.ts';
import type { About, Served } from './http.ts';

/** What the thread begins with: the role `api` alone, on databases that are open and migrated. */
export type ApiThreadData = { readonly config: Config; readonly places: Places; readonly about: About };
export type ToApiThread =
  /** Drain and close. */
  | { readonly kind: 'stop' }
  /** What was asked for. */
  | { readonly kind: 'lives' }
  | { readonly kind: 'measured'; readonly measured: Measured };
export type FromApiThread =
  | { readonly kind: 'ready'; readonly served: Served }
  /** It cannot start, for a reason that people can mend. */
  | { readonly kind: 'refused'; readonly error: Pick<PortError, 'kind' | 'code' | 'message'> }
  /** Does the other thread get to answer? */
  | { readonly kind: 'live' }
  /** What has it measured? */
  | { readonly kind: 'measure' }
  /** `failed`: the names of what did not close. */
  | { readonly kind: 'stopped'; readonly failed: readonly string[] };

export type ApiThreadOptions = ApiThreadData & {
  readonly metrics: Metrics;
  readonly log: Log;
  /** Told when the thread has ended unasked: nobody answers any more. */
  readonly lost: (error: PortError) => void;
};

const ENDED = new PortError('unavailable', 'api_ended', 'The thread that serves the API ended; the log says why.');

type ApiThread = Thread<ToApiThread, FromApiThread>;

/** The program lies one above this module, as source or built. */
const PROGRAM = new URL(import.meta.url.replace(/compose\/\w+(\.\w+)$/, 'apiThread$1'));

/**
 * Serves the API from a thread of its own beside the roles of this one, with which it shares nothing but the process, as if it were in
 * another. So no request waits for a group of mails that is being made; and since a loop takes one new connection a turn, callers who open
 * one each do not wait for as many turns of the worker, which are long. `program`: of the thread.
 * @throws PortError what kept it from starting.
 */
export async function startApiThread(options: ApiThreadOptions, closing: Closing, program = PROGRAM): Promise<Served> {
  const { config, places, about, metrics, log, lost } = options;
  const data: ApiThreadData = { config: { ...config, roles: ['api'] }, places, about };
  const thread: ApiThread = startThread(program, data, (error) => {
    log.error('something was not caught in the thread of the API', { error });
  });
  thread.onMessage(({ kind }) => {
    if (kind === 'live') thread.tell({ kind: 'lives' });
    if (kind === 'measure') void metrics.registry.getMetricsAsJSON().then((measured) => thread.tell({ kind: 'measured', measured }));
  });
  const served = await start(thread);
  let isWanted = true;
  void thread.ended.then(() => {
    if (isWanted) lost(ENDED);
  });
  closing.add('api', () => {
    isWanted = false;
    return stop(thread);
  });
  return served;
}

/** What is found in the first message in which there is something. @throws PortError `api_ended`: the thread has ended without it. */
const heard = <T>(thread: ApiThread, find: (message: FromApiThread) => T | undefined): Promise<T> =>
  new Promise((resolve, reject) => {
    thread.onMessage((message) => {
      const found = find(message);
      if (found !== undefined) resolve(found);
    });
    void thread.ended.then(() => {
      reject(ENDED);
    });
  });

async function start(thread: ApiThread): Promise<Served> {
  const first = await heard(thread, (message) => (message.kind === 'ready' || message.kind === 'refused' ? message : undefined));
  if (first.kind === 'ready') return first.served;
  throw new PortError(first.error.kind, first.error.code, first.error.message);
}

async function stop(thread: ApiThread): Promise<void> {
  const stopped = heard(thread, (message) => (message.kind === 'stopped' ? message.failed : undefined));
  thread.tell({ kind: 'stop' });
  const failed = await stopped;
  if (failed.length > 0) throw new Error(`did not close: ${failed.join(', ')}`);
  await thread.ended;
}
