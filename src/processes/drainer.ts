import { bell } from '../consumers/bell.ts';
import { codeOf, isPassing } from '../consumers/failure.ts';
import type { Database, Time } from '../consumers/ports.ts';
import { epochMsOf, isInstant } from '../domain/values/instant.ts';
import { ACTION_KINDS, ACTIONS_CHANNEL, type ActionKind, type Claim, type Effect, type Ended } from './process.ts';
import type { ActionQueue } from './queue.ts';

export type DrainerOptions = {
  readonly queue: ActionQueue;
  /** Only kinds that have an effect are claimed. */
  readonly effects: Readonly<Partial<Record<ActionKind, Effect>>>;
  readonly time: Time;
  readonly db: Pick<Database, 'listen'>;
  /** Names this process in its claims. */
  readonly worker: string;
  /** Whether the table of actions has everything that was in the log when this process started; asked until it has. */
  readonly isReady: () => Promise<boolean>;
  /** Groups in work at a time. */
  readonly concurrency?: number;
  /** Items in a group, about. */
  readonly items?: number;
  /** Milliseconds that a claim lasts. */
  readonly leaseMs?: number;
  /** Milliseconds between two looks when nothing wakes it. */
  readonly pollMs?: number;
  /** A single action that has thrown so often is parked. */
  readonly tries?: number;
  /** Milliseconds before an action's second try, doubled each time up to a minute, with jitter over the upper half. */
  readonly backOffMs?: number;
  readonly observe?: DrainerObserver;
};
/** For metrics and logs: kinds and our own codes only. */
export type DrainerObserver = {
  readonly onDone?: (kind: ActionKind, actions: number, ms: number) => void;
  readonly onFailed?: (kind: ActionKind, code: string) => void;
  readonly onParked?: (kind: ActionKind) => void;
  readonly onError?: (code: string) => void;
};

export type Drainer = {
  /** Groups in work. */
  readonly busy: () => number;
  /** Takes nothing new, tells what is in work to leave off, and waits for it at most so many ms. Answers how many groups were left behind. */
  readonly stop: (boundMs: number) => Promise<number>;
};

const LONGEST_BACK_OFF_MS = 60_000;
const NEWER_MS = 10_000;
const SWEEP_MS = 60_000;
const NOT_READY_MS = 1_000;

/**
 * Claims groups of due actions and carries them out. It sleeps until the next action is due, woken when an earlier one comes. What an
 * effect leaves of its group is claimed again when the consumer has read its results, or when the claim's time is over; effects look
 * at the log first, so claiming twice wastes work and does no harm.
 */
export async function openDrainer(options: DrainerOptions): Promise<Drainer> {
  const { queue, effects, time, worker, observe = {} } = options;
  const { concurrency = 4, items = 500, leaseMs = 30_000, pollMs = 5_000, tries = 8, backOffMs = 500 } = options;
  const kinds = ACTION_KINDS.filter((kind) => effects[kind] !== undefined);
  const wake = bell(time);
  const stopping = new AbortController();
  const running = new Set<Promise<void>>();
  let isStopping = false;
  let after = '';
  /** Milliseconds since the epoch; infinite while it is not asleep, so that every word of an action is heeded. */
  let wakesAt = Number.POSITIVE_INFINITY;
  let [emptyHanded, outage] = [0, 0];

  const report = (error: unknown): void => observe.onError?.(codeOf(error));
  const delayMs = (tried: number, claim: Claim): number =>
    Math.min(backOffMs * 2 ** tried, LONGEST_BACK_OFF_MS) * (0.5 + jitterOf(claim) / 2);

  async function carryOut(claim: Claim): Promise<void> {
    const effect = effects[claim.kind];
    const began = time.epochMs();
    if (!effect) return;
    let held = claim;
    const prolong = async (): Promise<Claim | undefined> => {
      const longer = await queue.regroup(
        held,
        held.actions.map(({ id }) => id),
        { worker, leaseMs },
      );
      held = longer ?? held;
      return longer;
    };
    let upTo: Ended;
    try {
      upTo = await effect(claim, stopping.signal, prolong);
    } catch (error) {
      observe.onFailed?.(claim.kind, codeOf(error));
      await failed(held, error).catch(report);
      return;
    }
    outage = 0;
    observe.onDone?.(claim.kind, claim.actions.length, time.epochMs() - began);
    // Not being able to say so costs a second look at the log when the claim's time is over.
    await finish(held, upTo).catch(report);
  }

  async function finish(claim: Claim, ended: Ended): Promise<unknown> {
    if (isStopping && (ended === 'nothing' || ended === 'overtaken')) return putBack(claim);
    if (ended !== 'overtaken') return queue.finish(claim.id, ended);
    // The other may be about to write again: at once would be too soon, and the end of the claim too late.
    return queue.putOff(claim.id, { delayMs: delayMs(0, claim), code: 'overtaken', counted: false, tries });
  }

  /** What was left off before it wrote anything is due at once for whoever comes next: nobody waits for the end of a claim of a process that has ended. */
  const putBack = ({ id }: Claim): Promise<unknown> => queue.putOff(id, { delayMs: 0, code: 'stopping', counted: false, tries });

  async function failed(claim: Claim, error: unknown): Promise<void> {
    const code = codeOf(error);
    if (isStopping) await putBack(claim);
    else if (isPassing(error)) {
      outage += 1;
      await queue.putOff(claim.id, { delayMs: delayMs(outage, claim), code, counted: false, tries });
    } else if (claim.actions.length > 1) await inHalves(claim);
    else {
      // What only a newer release can read waits for one: this process is to be replaced, and nothing is wrong with the action.
      const counted = code !== 'newer_release';
      const ms = counted ? delayMs(claim.actions[0]?.tries ?? 0, claim) : NEWER_MS;
      const parked = await queue.putOff(claim.id, { delayMs: ms, code, counted, tries });
      if (parked > 0) observe.onParked?.(claim.kind);
    }
  }

  /** The second half gets its own time when its turn comes; until then its actions stay taken. */
  async function inHalves(claim: Claim): Promise<void> {
    const ids = claim.actions.map(({ id }) => id);
    const middle = Math.ceil(ids.length / 2);
    for (const half of [ids.slice(0, middle), ids.slice(middle)]) {
      if (isStopping) {
        await putBack(claim);
        return;
      }
      const part = await queue.regroup(claim, half, { worker, leaseMs });
      if (part) await carryOut(part);
    }
  }

  function begin(claim: Claim): void {
    const work = carryOut(claim)
      .catch(report)
      .finally(() => {
        running.delete(work);
        wake.ring();
      });
    running.add(work);
  }

  async function claimNext(): Promise<boolean> {
    const claim = await queue.claim({ worker, kinds, items, leaseMs, after });
    if (!claim) return false;
    after = claim.lastTenant;
    emptyHanded = 0;
    if (isStopping) await putBack(claim);
    else begin(claim);
    return true;
  }

  /** Until something is due. What is due and could not be had is being claimed by others, or the table is being built. */
  async function sleep(): Promise<void> {
    const dueMs = await queue.nextDueMs(kinds).catch(() => undefined);
    const restMs = Math.min(pollMs, 20 * 2 ** Math.min(emptyHanded, 16));
    if (dueMs !== undefined && dueMs <= 0) emptyHanded += 1;
    const ms = dueMs === undefined ? pollMs : dueMs <= 0 ? restMs : Math.min(dueMs, pollMs);
    wakesAt = time.epochMs() + ms;
    if (!isStopping) await wake.wait(Math.max(1, Math.ceil(ms)));
    wakesAt = Number.POSITIVE_INFINITY;
  }

  async function ready(): Promise<void> {
    while (!isStopping && !(await options.isReady().catch(() => false))) await wake.wait(NOT_READY_MS);
  }

  async function run(): Promise<void> {
    await ready();
    while (!isStopping) {
      if (running.size >= concurrency) {
        await wake.wait();
        continue;
      }
      const hasClaimed = await claimNext().catch((error: unknown) => {
        report(error);
        return false;
      });
      if (!hasClaimed && !isStopping) await sleep();
    }
  }

  const heard = (due: string | undefined): void => {
    const at = due !== undefined && isInstant(due) ? epochMsOf(due) : 0;
    if (at < wakesAt) wake.ring();
  };
  let cancelSweep: () => void = () => undefined;
  const sweepLater = (): void => {
    cancelSweep = time.after(SWEEP_MS, () => void queue.sweep().catch(report).finally(sweepLater));
  };

  const unlisten = await options.db.listen(ACTIONS_CHANNEL, heard);
  sweepLater();
  const loop = run();

  return {
    busy: () => running.size,
    stop: async (boundMs) => {
      isStopping = true;
      stopping.abort();
      wake.ring();
      cancelSweep();
      await unlisten();
      await loop;
      await new Promise<void>((resolve) => {
        const cancel = time.after(boundMs, resolve);
        void Promise.all(running).then(() => {
          cancel();
          resolve();
        });
      });
      return running.size;
    },
  };
}

/** From 0 up to 1: a claim's id is random (UUIDv4). */
const jitterOf = ({ id }: Claim): number => Number.parseInt(id.slice(0, 8), 16) / 2 ** 32;
