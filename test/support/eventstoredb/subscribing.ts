import { randomUUID } from 'node:crypto';
import { fail } from './appending.ts';
import { streamDeleted, thrown, tooSlow, type Failure } from './failures.ts';
import { everything, filterOf, type EventFilter } from './filter.ts';
import type { Ledger, RecordedEvent } from './ledger.ts';
import { caughtUpResponse, checkpointResponse, confirmationResponse, eventResponse, nameOf } from './messages.ts';
import { saysCaughtUp, type Mood } from './mood.ts';
import { indexFrom, positionIn, type ReadCall, type ReadOptions, type ReadResp } from './reading.ts';
import { tombstoneType } from './streamRules.ts';

/** One subscription that is open. `stall`: nothing more comes of it, and nothing says so. */
export type OpenSubscription = { readonly stall: () => void; readonly end: (failure: Failure) => void };

/** `liveBuffer`: how many events may wait for a client that takes none before it is cut. */
export type Subscribing = {
  readonly ledger: Ledger;
  readonly mood: Mood;
  readonly subscriptions: Set<OpenSubscription>;
  readonly liveBuffer: number;
};

/** Thrown where a subscription is over, whoever ended it. */
class Over extends Error {}

/** What a subscription reads: the log or a stream, in order, as far as it has come. */
type Source = {
  /** The events from this index on; indexes do not change. */
  readonly events: () => readonly RecordedEvent[];
  readonly filter: EventFilter;
  /** False for a stream that does not exist yet: it has not been caught up with. */
  readonly exists: () => boolean;
  /** What the subscription ends with once this event is out, if it does. */
  readonly last: (event: RecordedEvent) => Failure | undefined;
};

type Line = {
  readonly send: (response: ReadResp, behind?: () => number) => Promise<void>;
  readonly grown: (isNews: () => boolean) => Promise<void>;
  readonly end: (failure: Failure) => void;
};

export async function subscribe(subscribing: Subscribing, call: ReadCall, options: ReadOptions): Promise<void> {
  const line = lineOf(subscribing, call);
  try {
    await (options.hasAll() ? toAll(subscribing, call, options, line) : toStream(subscribing, call, options, line));
  } catch (error) {
    if (!(error instanceof Over)) fail(call, thrown());
  }
}

async function toAll({ ledger, mood }: Subscribing, call: ReadCall, options: ReadOptions, line: Line): Promise<void> {
  const from = options.getAll()!;
  const at = positionIn(ledger, from);
  if (at === undefined) return fail(call, thrown());
  const source = { events: () => ledger.all, filter: filterOf(options.getFilter()), exists: () => true, last: () => undefined };
  // Exclusive; past the end it goes on with whatever is written next, also below it.
  const start = from.hasPosition() ? indexFrom(ledger.all, at + 1n) : indexFrom(ledger.all, at);
  await run(source, start, mood, line);
}

async function toStream({ ledger, mood }: Subscribing, call: ReadCall, options: ReadOptions, line: Line): Promise<void> {
  const from = options.getStream()!;
  const stream = nameOf(from.getStreamIdentifier());
  if (ledger.view(stream).kind === 'deleted') return fail(call, streamDeleted(stream));
  const records = ledger.recordsOf(stream).length;
  const start = from.hasEnd() ? records : from.hasRevision() ? Number(from.getRevision()) + 1 : 0;
  const passes = (event: RecordedEvent): boolean => {
    const view = ledger.view(stream);
    return event.type === tombstoneType || (view.kind === 'found' && event.revision >= (view.events[0]?.revision ?? 0n));
  };
  const source: Source = {
    events: () => ledger.recordsOf(stream),
    filter: { ...everything, passes },
    exists: () => from.hasEnd() || ledger.view(stream).kind !== 'missing',
    last: ({ type }) => (type === tombstoneType ? streamDeleted(stream) : undefined),
  };
  await run(source, start, mood, line);
}

async function run(source: Source, start: number, mood: Mood, line: Line): Promise<void> {
  await line.send(confirmationResponse(randomUUID()));
  const { passes, interval } = source.filter;
  const deliver = async (event: RecordedEvent, behind?: () => number): Promise<void> => {
    await line.send(eventResponse(event), behind);
    const failure = source.last(event);
    if (failure === undefined) return;
    line.end(failure);
    throw new Over();
  };
  let [at, examined] = [start, 0];
  // History, in pages: a checkpoint stands behind a page, never behind the one that reaches the end.
  for (;;) {
    if (!source.exists()) await line.grown(source.exists);
    const page = pageFrom(source, at);
    let last = source.events()[at]?.position;
    for (const event of page.passed) {
      await deliver(event);
      last = event.position;
    }
    at = page.next;
    examined += page.examined;
    if (at >= source.events().length) break;
    if (interval === 0 || examined < interval || last === undefined) continue;
    examined %= interval;
    await line.send(checkpointResponse(last));
  }
  if (saysCaughtUp(mood)) await line.send(caughtUpResponse());
  const waitingIn = (): number => source.events().slice(at).filter(passes).length;
  for (;;) {
    const event = source.events()[at];
    if (event === undefined) {
      await line.grown(() => source.events().length > at);
      continue;
    }
    at += 1;
    examined += 1;
    if (passes(event)) await deliver(event, waitingIn);
    if (interval === 0 || examined < interval) continue;
    examined = 0;
    await line.send(checkpointResponse(event.position), waitingIn);
  }
}

type Page = { readonly passed: readonly RecordedEvent[]; readonly next: number; readonly examined: number };

function pageFrom({ events, filter }: Source, start: number): Page {
  const [all, passed]: [readonly RecordedEvent[], RecordedEvent[]] = [events(), []];
  let at = start;
  while (at < all.length && at - start < filter.window && passed.length < everything.window) {
    const event = all[at]!;
    if (filter.passes(event)) passed.push(event);
    at += 1;
  }
  return { passed, next: at, examined: at - start };
}

function lineOf({ ledger, subscriptions, liveBuffer }: Subscribing, call: ReadCall): Line {
  let [stalled, over] = [false, false];
  const wakes = new Set<() => void>();
  const wake = (): void => [...wakes].forEach((each) => each());
  const subscription: OpenSubscription = {
    stall: () => (stalled = true),
    end: (failure) => {
      fail(call, failure);
      finish();
    },
  };
  const finish = (): void => {
    over = true;
    subscriptions.delete(subscription);
    forgetGrowth();
    wake();
  };
  const forgetGrowth = ledger.onGrowth(wake);
  subscriptions.add(subscription);
  for (const event of ['cancelled', 'close', 'error']) call.on(event, finish);
  call.on('drain', wake);

  const until = (holds: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (!over && !holds()) return;
        wakes.delete(look);
        resolve();
      };
      wakes.add(look);
      look();
    });

  return {
    end: subscription.end,
    send: async (response, behind) => {
      if (stalled) await until(() => false);
      if (over) throw new Over();
      if (call.write(response)) return;
      let drained = false;
      call.once('drain', () => (drained = true));
      await until(() => drained || !call.writableNeedDrain || (behind !== undefined && behind() > liveBuffer));
      if (over) throw new Over();
      if (drained || !call.writableNeedDrain) return;
      subscription.end(tooSlow());
      throw new Over();
    },
    grown: async (isNews) => {
      await until(isNews);
      if (over) throw new Over();
    },
  };
}
