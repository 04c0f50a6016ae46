import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';

/** Another thread of this process, with an event loop and a heap of its own; what is told is copied. */
export type Thread<To, From> = {
  readonly tell: (message: To) => void;
  readonly onMessage: (heard: (message: From) => void) => void;
  /** When it has ended, however that came. */
  readonly ended: Promise<void>;
};

/** What reads TypeScript for this thread reads it for no other. */
const fromSource = ({ href }: URL): string => `import('tsx/esm/api').then(({ register }) => (register(), import(${JSON.stringify(href)})))`;

/**
 * MB of the half of a heap that is young. Of a heap of its own a thread would have as much as the process was started with, and what is
 * young is held at once, three times over.
 */
const YOUNG_MB = 8;

/** Runs a module in a thread. `data` is what it is given to begin with. `onError`: what it did not catch itself. */
export function startThread<To, From>(module: URL, data: unknown, onError: (error: unknown) => void): Thread<To, From> {
  const isSource = module.pathname.endsWith('.ts');
  // A flag of V8's, read when a heap is made: `resourceLimits` gives way to the one that the process was started with.
  setFlagsFromString(`--max-semi-space-size=${String(YOUNG_MB)}`);
  const worker = new Worker(isSource ? fromSource(module) : module, { workerData: data, eval: isSource });
  const exited = once(worker, 'exit');
  worker.on('error', onError);
  return {
    tell: (message) => worker.postMessage(message),
    onMessage: (heard) => void worker.on('message', heard),
    ended: exited.then(
      () => undefined,
      () => undefined,
    ),
  };
}

/** Whether two threads can run at a time. */
export const runsThreadsBeside = (): boolean => availableParallelism() > 1;
