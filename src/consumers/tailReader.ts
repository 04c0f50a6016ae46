import { PortError } from '../domain/kernel/portError.ts';
import type { Position } from '../domain/values/ids.ts';
import { backlog, weightOf, type Backlog } from './backlog.ts';
import { bell, type Bell } from './bell.ts';
import { codeOf } from './failure.ts';
import { pause } from './pause.ts';
import { isBefore, type Checkpoint } from './position.ts';
import type { EventFeed, FeedBatch, Filter, Time } from './ports.ts';

export type TailOptions = {
  readonly feed: EventFeed;
  readonly time: Time;
  /** What any consumer of this process reads. */
  readonly filter: Filter;
  /** Called with our own code when the log cannot be read; it goes on trying. */
  readonly onError?: (code: string) => void;
  /** Array elements that wait for one consumer before it holds up the reader. */
  readonly maxWaiting?: number;
  /** Milliseconds that one slow consumer may hold up the others before it reads on its own. */
  readonly patienceMs?: number;
};

/** One consumer's place at the reader. */
export type Member = {
  /** What has been read for it, at most so many events; nothing when there is nothing yet. */
  readonly take: (limit: number) => FeedBatch | undefined;
  /** Our own code, set for good when it cannot be served from where it stands: `beyond_head` after an older backup was restored. */
  readonly failed: () => string | undefined;
  readonly leave: () => void;
};

/**
 * Reads the log once for all consumers of a process (docs/architecture.md). Who is near the head shares one subscription; who lies far
 * behind reads pages of its own until it is near, so that a rebuild holds up nobody and is held up by nobody.
 */
export type TailReader = {
  /** `ready` is called whenever `take` or `failed` may have something new. */
  readonly join: (after: Checkpoint, filter: Filter, ready: () => void) => Member;
  /** Someone waits for a position: moves everyone to the head if nothing that concerns them lies before it. */
  readonly nudge: () => void;
  /** The same, now; answers whether the log holds what the subscription has not brought yet. */
  readonly look: () => Promise<boolean>;
  /** How far the shared subscription has read; undefined while it doesn't run. */
  readonly at: () => Checkpoint | undefined;
  /** Whether it waits for a consumer to take something. */
  readonly heldUp: () => boolean;
  /** Drops the subscription and makes a new one: it has stalled. */
  readonly restart: () => void;
  readonly stop: () => void;
};

type Joined = {
  readonly backlog: Backlog;
  readonly filter: Filter;
  readonly ready: () => void;
  /** Rung when it has taken something or the subscription has moved. */
  readonly moved: Bell;
  state: 'tail' | 'alone' | 'left';
  failed: string | undefined;
};

const PAGE_EVENTS = 500;
const RETRY_MS = 500;
const GATHER_MS = 50;

export function tailReader({ feed, time, filter, onError, maxWaiting = 10_000, patienceMs = 2_000 }: TailOptions): TailReader {
  const members = new Set<Joined>();
  const onTail = (): Joined[] => [...members].filter(({ state }) => state === 'tail');
  const taken = bell(time);
  const recent = recently(maxWaiting / 4);
  const stopped = new AbortController();
  let running: AbortController | undefined;
  let at: Checkpoint = 'start';
  let held = false;
  let nudging: 'no' | 'once' | 'again' = 'no';

  const fail = (member: Joined, code: string): void => {
    member.failed = code;
    member.ready();
  };

  function deliver(batch: FeedBatch): void {
    if (isBefore(at, batch.upTo)) at = batch.upTo;
    recent.add(batch);
    for (const member of members) {
      member.moved.ring();
      if (member.state !== 'tail') continue;
      member.backlog.add(batch);
      member.ready();
    }
  }

  /** A full backlog holds up the subscription, but not for long while another consumer has run dry: then its owner reads alone. */
  async function room(mine: AbortController): Promise<void> {
    const full = (): Joined[] => onTail().filter((member) => member.backlog.weight() >= maxWaiting);
    const until = time.epochMs() + patienceMs;
    for (let slow = full(); slow.length > 0 && !mine.signal.aborted; slow = full()) {
      held = true;
      const left = until - time.epochMs();
      if (left <= 0 && onTail().some((member) => member.backlog.weight() === 0)) for (const member of slow) readAlone(member);
      else await taken.wait(Math.max(left, 50));
    }
    held = false;
  }

  async function follow(mine: AbortController): Promise<void> {
    while (!mine.signal.aborted) {
      try {
        await readOn(mine);
      } catch (error) {
        if (mine.signal.aborted) return;
        if (isFinal(error)) return abandon(codeOf(error));
        onError?.(codeOf(error));
      }
      if (!mine.signal.aborted) await pause(time, RETRY_MS);
    }
  }

  async function readOn(mine: AbortController): Promise<void> {
    for await (const batch of feed.subscribe(at, filter, mine.signal)) {
      if (mine.signal.aborted) return;
      deliver(batch);
      await room(mine);
    }
  }

  function abandon(code: string): void {
    running = undefined;
    for (const member of onTail()) fail(member, code);
  }

  function start(from: Checkpoint): void {
    running?.abort();
    const mine = new AbortController();
    // Consumers that start together mostly stand at the same place; the first one waits for the others.
    const gatherMs = running ? 0 : GATHER_MS;
    running = mine;
    if (at !== from) recent.clear(from);
    at = from;
    time.after(gatherMs, () => void follow(mine));
  }

  function readAlone(member: Joined): void {
    member.state = 'alone';
    void catchUp(member);
  }

  async function catchUp(member: Joined): Promise<void> {
    const alone = (): boolean => member.state === 'alone' && member.failed === undefined && !stopped.signal.aborted;
    let behind = true;
    while (alone()) {
      // Joining with a full backlog would only hold up the others again.
      if (member.backlog.weight() >= maxWaiting / 2) await member.moved.wait(1_000);
      else if (attach(member, !behind)) return;
      else behind = !(await readPage(member));
      // It is ahead of the subscription: that gets the time to come after before it is moved.
      for (const until = time.epochMs() + patienceMs; alone() && !behind && lagsBehind(member) && time.epochMs() < until;)
        await member.moved.wait(100);
    }
  }
  const lagsBehind = (member: Joined): boolean => running !== undefined && isBefore(at, member.backlog.at());

  /** Whether it reached the head. */
  async function readPage(member: Joined): Promise<boolean> {
    try {
      const from = member.backlog.at();
      const page = await feed.readAll(from, member.filter, PAGE_EVENTS);
      member.backlog.add(page);
      member.ready();
      // A node that lags behind the one that serves the subscription has nothing yet.
      if (page.upTo === from) await pause(time, 50);
      return page.caughtUp;
    } catch (error) {
      if (isFinal(error)) fail(member, codeOf(error));
      else {
        onError?.(codeOf(error));
        await pause(time, RETRY_MS);
      }
      return false;
    }
  }

  /** Joins the subscription where the last few batches bridge the gap; one that is at the head moves a subscription that is not. */
  function attach(member: Joined, atHead: boolean): boolean {
    const from = member.backlog.at();
    if (running && !lagsBehind(member) && recent.reachesBack(from, at)) {
      for (const batch of recent.after(from)) member.backlog.add(batch);
    } else if (!running || (atHead && lagsBehind(member))) {
      const slower = onTail();
      start(from);
      for (const other of slower) readAlone(other);
    } else return false;
    member.state = 'tail';
    member.ready();
    return true;
  }

  async function look(): Promise<boolean> {
    const from = at;
    const page = await feed.readAll(from, filter, 1);
    // Events will come by the subscription; it is only silence that has to be broken.
    if (page.events.length === 0 && at === from && running) deliver(page);
    return page.events.length > 0;
  }

  async function nudge(): Promise<void> {
    if (nudging !== 'no') {
      nudging = 'again';
      return;
    }
    do {
      nudging = 'once';
      await look().catch((error: unknown) => onError?.(codeOf(error)));
    } while (stillWanted());
    nudging = 'no';
  }
  const stillWanted = (): boolean => nudging === 'again' && !stopped.signal.aborted;

  return {
    join: (after, wanted, ready) => {
      const member: Joined = {
        backlog: backlog(after, wanted),
        filter: wanted,
        ready,
        moved: bell(time),
        state: 'alone',
        failed: undefined,
      };
      members.add(member);
      void catchUp(member);
      return {
        take: (limit) => {
          const batch = member.backlog.take(limit);
          if (batch) for (const waiting of [taken, member.moved]) waiting.ring();
          return batch;
        },
        failed: () => member.failed,
        leave: () => {
          member.state = 'left';
          members.delete(member);
          taken.ring();
          if (running && onTail().length === 0) {
            running.abort();
            running = undefined;
          }
        },
      };
    },
    nudge: () => void nudge(),
    look,
    at: () => (running ? at : undefined),
    heldUp: () => held,
    restart: () => {
      if (running) start(at);
    },
    stop: () => {
      stopped.abort();
      running?.abort();
      running = undefined;
      taken.ring();
    },
  };
}

/** The store refuses to read from there, now and later. */
const isFinal = (error: unknown): boolean => error instanceof PortError && error.kind === 'invalid';

/** The last batches of the subscription, bounded in weight. */
function recently(maxWeight: number) {
  const batches: { readonly after: Checkpoint; readonly batch: FeedBatch; readonly weight: number }[] = [];
  let [weight, end]: [number, Checkpoint] = [0, 'start'];
  return {
    clear: (from: Checkpoint): void => {
      batches.length = 0;
      [weight, end] = [0, from];
    },
    add: (batch: FeedBatch): void => {
      const own = batch.events.reduce((sum, event) => sum + weightOf(event), 0);
      batches.push({ after: end, batch, weight: own });
      weight += own;
      end = batch.upTo;
      while (weight > maxWeight || batches.length > PAGE_EVENTS) weight -= batches.shift()?.weight ?? 0;
    },
    /** Whether everything after the position, up to where the subscription stands, is still here. */
    reachesBack: (position: Checkpoint, at: Checkpoint): boolean =>
      position === at || batches.some(({ after }) => !isBefore(position, after)),
    after: (position: Checkpoint): FeedBatch[] =>
      batches.map(({ batch }) => batch).filter(({ upTo }: { upTo: Position }) => isBefore(position, upTo)),
  };
}
