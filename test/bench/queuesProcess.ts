import { variablesOf } from './mail.ts';
import { peer } from './peers.ts';
import { byCallers, timed, type Turn } from './rounds.ts';

type Job = { readonly data: object };
type Queue = {
  readonly add: (name: string, data: object, options: object) => Promise<unknown>;
  readonly waitUntilReady: () => Promise<unknown>;
};
type Worker = { readonly waitUntilReady: () => Promise<unknown>; readonly on: (event: 'failed', heard: () => void) => unknown };
type BullMq = {
  readonly Queue: new (name: string, options: object) => Queue;
  readonly Worker: new (name: string, work: (job: Job) => Promise<void>, options: object) => Worker;
};

export type QueuesTask = { readonly jobs: number; readonly callers: number; readonly round: number };

// Four queues, one after the other, as services on Redis have them (accept, expand, plan, send), and workers that do no work but to pass
// the job on: what a message costs before anything is done with it. Callers, queues and workers are in this one process.
const [socket = '', concurrency = ''] = process.argv.slice(2);
const { Queue, Worker } = peer('bullmq') as BullMq;
const STAGES = ['accept', 'expand', 'plan', 'send'];
const options = { connection: { path: socket, maxRetriesPerRequest: null } };
/** Nothing is kept of what is done, as a service with much to do sets it. */
const JOB = { removeOnComplete: true, removeOnFail: true };
const queues = STAGES.map((name) => new Queue(name, options));
const delivered = new Set<string>();
let awaited = { jobs: Number.POSITIVE_INFINITY, done: (): void => undefined };

const workers = STAGES.map((name, stage) => {
  const next = queues[stage + 1];
  const pass = async ({ data }: Job): Promise<void> => {
    if (next !== undefined) await next.add('message', data, JOB);
    else {
      delivered.add((data as { readonly to: string }).to);
      if (delivered.size >= awaited.jobs) awaited.done();
    }
  };
  return new Worker(name, pass, { ...options, concurrency: Number(concurrency) });
});
for (const worker of workers) worker.on('failed', () => process.exit(1));
await Promise.all([...queues, ...workers].map((it) => it.waitUntilReady()));

async function run({ jobs, callers, round }: QueuesTask): Promise<Turn> {
  delivered.clear();
  return timed(jobs, async () => {
    const all = new Promise<void>((resolve) => (awaited = { jobs, done: resolve }));
    await byCallers(callers, jobs, (index) =>
      queues[0]!.add('message', { to: `reader-${String(round)}-${String(index)}`, variables: variablesOf(index) }, JOB),
    );
    await all;
  });
}

process.on('message', (task: QueuesTask) => {
  void run(task).then((turn) => process.send?.(turn));
});
process.on('disconnect', () => process.exit(0));
process.send?.('ready');
