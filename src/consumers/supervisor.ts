import type { Held, Wants } from './applying.ts';
import { bell } from './bell.ts';
import { runConsumer, type ConsumerOptions } from './consumer.ts';
import { codeOf } from './failure.ts';
import type { BuiltKey } from './lease.ts';
import { CONSUMERS_CHANNEL, WAIT_CHANNEL } from './notices.ts';
import { isBefore } from './position.ts';
import type { Database, EventFeed, Filter, Owner, Projection, Time } from './ports.ts';
import { dropRetired, prepare, swap, type Swapped } from './rebuild.ts';
import { tailReader } from './tailReader.ts';
import { readWanted } from './waitFor.ts';
import { wanting } from './wanting.ts';
import { watchdog } from './watchdog.ts';

export type Consumers = {
  /** Steps down from every lease after the batch in hand, so that standbys take over at once. */
  readonly stop: () => Promise<void>;
};

export type SupervisorOptions = {
  /** As `tidings_worker`. */
  readonly db: Database;
  readonly owner: Owner;
  readonly feed: EventFeed;
  readonly time: Time;
  /** Names this process: unique per start. */
  readonly holder: string;
  /** Milliseconds that a consumer's lease lasts; renewed three times as often. */
  readonly leaseMs?: number;
  readonly batchEvents?: number;
  readonly idleMs?: number;
  readonly tries?: number;
  readonly backOffMs?: number;
  /** Milliseconds between two looks at the rows of consumers; NOTIFY makes it sooner. */
  readonly lookMs?: number;
  /** Milliseconds for which replaced tables stay. */
  readonly graceMs?: number;
  readonly observe?: ConsumersObserver;
};
/** For metrics and logs: names of consumers and our own codes only. */
export type ConsumersObserver = Pick<ConsumerOptions, 'onBatch' | 'onParked' | 'onRetry' | 'onStopped' | 'onError'> & {
  /** `parked`: the new version sets aside what the old one applies, so it waits for an operator. */
  readonly onSwap?: (consumer: string, outcome: Swapped) => void;
  readonly onSuperseded?: (consumer: string) => void;
  readonly onStall?: () => void;
};

const WATCHDOG_MS = 15_000;
const SWAP_PAUSE_MS = 500;
/** An operator has to do something first. */
const PARKED_PAUSE_MS = 10_000;

type Running = { readonly name: string; readonly wants: Wants; readonly stop: () => void; readonly done: Promise<void> };

/** What any of the consumers reads: no list of types as soon as one of them reads every type of its nouns. */
function unionOf(consumers: readonly Projection[]): Filter {
  const nouns = [...new Set(consumers.flatMap((consumer) => consumer.nouns))];
  const types = consumers.map((consumer) => consumer.types);
  return types.includes(undefined) ? { nouns } : { nouns, types: [...new Set(types.flatMap((list) => list ?? []))] };
}

/**
 * Runs the consumers of a process: makes their tables, competes for their leases, builds new versions and swaps them in, and shares one
 * reader of the log among them. Any number of processes may do this; each consumer is held by one of them at a time.
 */
export async function superviseConsumers(consumers: readonly Projection[], options: SupervisorOptions): Promise<Consumers> {
  const { db, owner, feed, time, observe = {}, lookMs = 5_000, graceMs = 300_000 } = options;
  const onReadError = (code: string): void => observe.onError?.('tail', code);
  const tail = tailReader({ feed, time, filter: unionOf(consumers), onError: onReadError });
  const consumerOptions: ConsumerOptions = {
    leaseMs: 15_000,
    batchEvents: 500,
    idleMs: 1_000,
    tries: 4,
    backOffMs: 200,
    ...options,
    ...observe,
    tail,
  };
  const running = new Map<string, Running>();
  const building = new Set<string>();
  const wake = bell(time);
  let isStopping = false;
  const swapAfter = new Map<string, number>();

  /** At the head: a new version takes the place of the old one. Asked again now and then, since the old one moves on meanwhile. */
  async function trySwap({ lease }: Held): Promise<void> {
    const key = keyOf(lease);
    if (!building.has(key) || time.epochMs() < (swapAfter.get(key) ?? 0)) return;
    swapAfter.set(key, time.epochMs() + SWAP_PAUSE_MS);
    const outcome = await swap(db, lease);
    if (outcome === 'behind') return;
    if (outcome === 'parked') swapAfter.set(key, time.epochMs() + PARKED_PAUSE_MS);
    observe.onSwap?.(lease.name, outcome);
    if (outcome === 'swapped') building.delete(key);
    wake.ring();
  }

  function run(consumer: Projection, key: BuiltKey): Running {
    const ending = new AbortController();
    const wants = wanting(time);
    const done = runConsumer(consumer, key, { ...consumerOptions, wants, onCaughtUp: trySwap }, ending.signal);
    const stop = (): void => {
      ending.abort();
      wants.bell.ring();
    };
    return { name: consumer.name, wants, stop, done };
  }

  /** The owner is only asked when there is something to make or to drop. */
  async function provide(consumer: Projection, rows: readonly BuiltRow[]): Promise<void> {
    const own = rows.filter(({ name }) => name === consumer.name);
    const live = own.find(({ state }) => state === 'live');
    if (live?.version !== consumer.version || live.wanted) {
      if ((await prepare(owner, consumer)) === 'superseded') observe.onSuperseded?.(consumer.name);
    }
    // What somebody still reads keeps nothing else from being done.
    const later = (error: unknown): void => observe.onError?.(consumer.name, codeOf(error));
    if (own.some(({ state }) => state === 'retired')) await dropRetired(owner, consumer.name, graceMs).catch(later);
  }

  /** Makes `running` what the table says: one for each set of tables that this code fills. */
  async function reconcile(): Promise<void> {
    const before = await rowsOf(db);
    for (const consumer of consumers) await provide(consumer, before);
    const rows = await rowsOf(db);
    const fits = ({ name, version, state }: BuiltRow): boolean =>
      state !== 'retired' && consumers.some((consumer) => consumer.name === name && consumer.version === version);
    const due = new Map(rows.filter(fits).map((row) => [keyOf(row), row]));
    building.clear();
    for (const [key, { state }] of due) if (state === 'building') building.add(key);
    for (const [key, { stop }] of running) {
      if (due.has(key)) continue;
      stop();
      running.delete(key);
    }
    for (const [key, row] of due) {
      const consumer = consumers.find(({ name }) => name === row.name);
      if (consumer && !running.has(key) && !isStopping) running.set(key, run(consumer, row));
    }
  }

  const oversee = async (): Promise<void> => {
    while (!isStopping) {
      await reconcile().catch((error: unknown) => observe.onError?.('consumers', codeOf(error)));
      await wake.wait(lookMs);
    }
  };

  const onConsumers = (name: string | undefined): void => {
    for (const one of running.values()) {
      if (name !== undefined && name !== one.name) continue;
      one.wants.parked = true;
      one.wants.bell.ring();
    }
    wake.ring();
  };
  const onWait = (payload: string | undefined): void => {
    const wanted = payload === undefined ? undefined : readWanted(payload);
    if (!wanted) return;
    for (const { name, wants } of running.values()) {
      if (name !== wanted.name) continue;
      wants.want(wanted.position);
      wants.bell.ring();
    }
    const at = tail.at();
    if (at !== undefined && isBefore(at, wanted.position)) tail.nudge();
  };
  const unlisten = [await db.listen(CONSUMERS_CHANNEL, onConsumers), await db.listen(WAIT_CHANNEL, onWait)];
  const stopWatching = watchdog({
    feed,
    time,
    tail,
    everyMs: WATCHDOG_MS,
    onError: onReadError,
    ...(observe.onStall && { onStall: observe.onStall }),
  });
  const overseeing = oversee();

  return {
    stop: async () => {
      isStopping = true;
      stopWatching();
      wake.ring();
      await Promise.all(unlisten.map((end) => end()));
      await overseeing;
      for (const { stop } of running.values()) stop();
      await Promise.all([...running.values()].map(({ done }) => done));
      tail.stop();
    },
  };
}

type BuiltRow = BuiltKey & { readonly version: number; readonly state: 'building' | 'live' | 'retired'; readonly wanted: boolean };
const rowsOf = (db: Database): Promise<readonly BuiltRow[]> =>
  db.query({ name: 'consumers.rows', text: `select name, suffix, version, state, rebuild_wanted as wanted from consumers` });
const keyOf = ({ name, suffix }: BuiltKey): string => `${name} ${suffix}`;
