import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { newMasterKey } from '../../src/adapters/crypto/masterKeys.ts';
import { clientOf, eventually, NDJSON, ndjson, type Client } from '../support/client.ts';
import type { Cluster } from '../support/cluster.ts';
import { cpuMsOf, familyCpuMsOf } from '../support/processUse.ts';
import { startProgram, type Program } from '../support/program.ts';
import { inScratch } from '../support/scratch.ts';
import { withPostgres } from './database.ts';
import { addressOf, FROM, MAIL, variablesOf } from './mail.ts';
import { compete, figure, introduce, median, must, optionsOf, say, type Turn } from './rounds.ts';
import { startMailCounter, type MailCounter } from './mailCounter.ts';

/**
 * A backlog of notifications to one person each, all accepted and due, is sent by one worker and by two, which are processes of their own
 * beside one that serves the API and fills the read models; what each part takes of the processor for a message, and which of them limits.
 */
const { notifications, rounds } = optionsOf({ notifications: 10_000, rounds: 3 });
const TEMPLATE = 'order-shipped';
const AT_ONCE = 500;
const DEADLINE_MS = 120_000 + notifications * 20;
/** Milliseconds of processor for all messages of a turn, by part; `idle`: of all cores. */
type Use = { readonly workers: number; readonly postgres: number; readonly others: number; readonly idle: number };
type Used = Use & { readonly ms: number; readonly count: number; readonly busiest: number };

type House = {
  readonly cluster: Cluster;
  readonly front: Program;
  readonly client: Client;
  readonly counter: MailCounter;
  readonly env: Env;
};
type Env = Readonly<Record<string, string>>;
const total = { asked: 0, turns: 0 };

/** Accepts a backlog, and waits until nothing is left but to send it. */
async function pileUp({ client, cluster }: House): Promise<void> {
  const turn = total.turns++;
  for (let from = 0; from < notifications; from += AT_ONCE) {
    const lines = Array.from({ length: Math.min(AT_ONCE, notifications - from) }, (_, nth) => ({
      type: 'order_shipped',
      category: 'transactional',
      recipients: [{ email: addressOf(turn, from + nth) }],
      template: { key: TEMPLATE },
      variables: variablesOf(from + nth),
    }));
    const { status, body } = await client.post('/v1/notifications/bulk', ndjson(lines), NDJSON);
    must(status === 200 && !String(body).includes('"problem"'), `all are accepted: ${String(status)} ${String(body).slice(0, 300)}`);
  }
  total.asked += notifications;
  const waits = async (): Promise<true | undefined> => {
    const [row] = await cluster.query<{ n: number }>('select count(*)::int as n from actions');
    return row?.n === notifications ? true : undefined;
  };
  await eventually('all are due', waits, { deadlineMs: DEADLINE_MS });
  await shown(client);
}

/** Every read model is at the head. */
const shown = (client: Client): Promise<true> =>
  eventually(
    'the read models are at the head',
    async () => ((await client.get('/v1/projections')).body.data.every(({ lag }: any) => lag === 0) ? true : undefined),
    { deadlineMs: DEADLINE_MS },
  );

const idleMs = (): number => cpus().reduce((sum, { times }) => sum + times.idle, 0);

async function send(house: House, scratch: string, workers: number): Promise<Used> {
  await pileUp(house);
  const { counter, cluster, front, env } = house;
  const started = await Promise.all(
    Array.from({ length: workers }, (_, nth) => startProgram({ dataDir: join(scratch, `worker-${String(nth)}`), env: { ...env, TIDINGS_ROLES: 'worker' } })), // prettier-ignore
  );
  try {
    const each = (): readonly number[] => started.map(({ pid }) => cpuMsOf(pid));
    const now = (): Use => ({
      workers: each().reduce((sum, one) => sum + one, 0),
      postgres: familyCpuMsOf(cluster.pid()),
      others: cpuMsOf(front.pid),
      idle: idleMs(),
    });
    // The first of them may have begun while the last one started.
    const [before, eachBefore, began, already] = [now(), each(), performance.now(), counter.mails()];
    await eventually('all mails have arrived', () => (counter.mails() >= total.asked ? true : undefined), {
      deadlineMs: DEADLINE_MS,
      seen: counter.mails,
    });
    const ms = performance.now() - began;
    const after = now();
    const busiest = Math.max(...each().map((it, nth) => it - (eachBefore[nth] ?? 0)));
    const left = async (): Promise<true | undefined> => {
      const [row] = await cluster.query<{ n: number }>('select count(*)::int as n from actions');
      return row?.n === 0 ? true : undefined;
    };
    await eventually('nothing is left to be done', left, { deadlineMs: DEADLINE_MS });
    must(counter.mails() === total.asked && counter.people() === total.asked, 'everybody has one mail');
    const count = total.asked - already;
    must(count > notifications / 2, `half of the backlog at least is sent while it is measured: ${String(count)}`);
    const use = {
      workers: after.workers - before.workers,
      postgres: after.postgres - before.postgres,
      others: after.others - before.others,
    };
    return { ...use, idle: after.idle - before.idle, ms, count, busiest };
  } finally {
    for (const worker of started) {
      must(worker.faults().length === 0, `no worker logs an error: ${JSON.stringify(worker.faults().slice(0, 3))}`);
      must((await worker.stop()) === 0, 'a worker ends well');
    }
  }
}

/** Whoever is busy nearly all of the time; where nobody is, all wait for what is none of their work: commits, answers. */
const BUSY = 0.85;
/** Of the machine, beyond what the mail server takes: what is measured beside so much of other work tells little. */
const STRANGE = 0.3;
function limitOf({ ms, busiest, workers, postgres, others, idle }: Used): string {
  const whole = ms * availableParallelism();
  const strangers = whole - workers - postgres - others - idle;
  const share = (part: number): string => `${String(Math.round((100 * part) / whole))} %`;
  const parts = `workers ${share(workers)}, Postgres ${share(postgres)}, API and read models ${share(others)}, the mail server and all else ${share(strangers)}, idle ${share(idle)}`;
  const [largest = ['']] = Object.entries({ 'the workers': workers, Postgres: postgres, 'the API and the read models': others }).sort(([, x], [, y]) => y - x); // prettier-ignore
  if (strangers > STRANGE * whole) return `other work on this machine: the ratio tells little (${parts})`;
  if (idle <= (1 - BUSY) * whole) return `the processor, of which ${largest[0]} take most (${parts})`;
  return busiest >= BUSY * ms ? `the loop of a worker (${parts})` : `waiting, for the disk and for each other (${parts})`;
}

function tell(name: string, all: readonly Used[]): void {
  const each = (part: 'workers' | 'postgres' | 'others'): number => median(all.map((used) => (1000 * used[part]) / used.count));
  figure('scale', `${name}: processor of the workers`, each('workers'), 'µs/message');
  figure('scale', `${name}: processor of Postgres`, each('postgres'), 'µs/message');
  figure('scale', `${name}: processor of the API and the read models`, each('others'), 'µs/message');
  const last = all.at(-1);
  if (last !== undefined) say(`  ${name}, what limits: ${limitOf(last)}`);
}

async function run(scratch: string, cluster: Cluster): Promise<void> {
  introduce('scale', `${String(notifications)} notifications a turn, waiting when the workers start`);
  const counter = await startMailCounter();
  const env = {
    NODE_ENV: 'development',
    DATABASE_URL: cluster.url('app'),
    DATABASE_MIGRATION_URL: cluster.url('owner'),
    TIDINGS_ADMIN_KEY: `bench_${randomBytes(24).toString('base64url')}`,
    TIDINGS_MASTER_KEYS: newMasterKey('bench'),
    EMAIL_PROVIDERS: 'smtp',
    EMAIL_FROM: FROM,
    SMTP_URL: `smtp://127.0.0.1:${String(counter.port)}?connections=4&pipeline=16`,
    LOG_LEVEL: 'warn',
  };
  const front = await startProgram({ dataDir: join(scratch, 'front'), env: { ...env, TIDINGS_ROLES: 'api,projector' } });
  const client = clientOf(
    () => front.url,
    () => front.key,
  );
  try {
    const drafted = await client.put(`/v1/templates/${TEMPLATE}`, { fallback: 'en', locales: { en: MAIL } });
    const published = await client.post(`/v1/templates/${TEMPLATE}/publish`);
    must(
      drafted.status === 201 && published.status === 200,
      `the template is published: ${JSON.stringify([drafted.body, published.body])}`,
    );
    const house = { cluster, front, client, counter, env };
    const used: Readonly<Record<1 | 2, Used[]>> = { 1: [], 2: [] };
    const by =
      (workers: 1 | 2) =>
      async (round: number): Promise<Turn> => {
        const it = await send(house, scratch, workers);
        if (round > 0) used[workers].push(it);
        return { count: it.count, ms: it.ms, cpuMs: it.workers };
      };
    await compete({
      bench: 'scale',
      unit: 'messages/s',
      rounds,
      ours: { name: 'two workers', turn: by(2) },
      rivals: [{ name: 'one worker', turn: by(1) }],
    });
    tell('one worker', used[1]);
    tell('two workers', used[2]);
    must(front.faults().length === 0, `the API logs no error: ${JSON.stringify(front.faults().slice(0, 3))}`);
    must((await front.stop()) === 0, 'the API ends well');
  } finally {
    await front.kill();
    await counter.close();
  }
}

await inScratch('bench', (scratch) => withPostgres(scratch, (cluster) => run(scratch, cluster)));
