import { notificationControls } from '../../src/commands/controlNotifications.ts';
import type { EventLog } from '../../src/commands/ports.ts';
import { isRejection } from '../../src/domain/kernel/rejection.ts';
import { WORK, type DeliveryState } from '../../src/domain/notification/delivery.ts';
import { absent, evolve } from '../../src/domain/notification/evolve.ts';
import type { NotificationId } from '../../src/domain/values/ids.ts';
import { plusMs } from '../../src/domain/values/instant.ts';
import { dispatchEffect } from '../../src/processes/dispatch/effects.ts';
import type { DispatchPorts } from '../../src/processes/dispatch/ports.ts';
import type { SendResult } from '../../src/processes/dispatch/provider.ts';
import { openDispatch, type DispatchBench } from '../support/dispatchBench.ts';
import { fakeProvider } from '../support/fakeProvider.ts';
import { caller } from '../support/house.ts';

/** Where a worker can be, from the claim to the end, in order: before it reads, declares, reads facts, appends; behind an append; around its call. */
export const BARRIERS = ['begin', 'read', 'declare', 'facts', 'start', 'started', 'call', 'taken', 'record', 'recorded', 'end'] as const;
export type Barrier = (typeof BARRIERS)[number];
export const isBefore = (a: Barrier, b: Barrier): boolean => BARRIERS.indexOf(a) < BARRIERS.indexOf(b);

/** What comes in between: a command reads the log at one barrier and appends at another, or its expiry passes. */
export type Intruder =
  | { readonly what: 'cancel' | 'reschedule'; readonly reads: Barrier; readonly appends: Barrier }
  | { readonly what: 'expiry'; readonly reads: Barrier };
export const ANSWERS = ['accepted', 'refused for now', 'refused for good', 'lost, taken', 'lost, not taken'] as const;
export type Race = {
  readonly intruders: readonly Intruder[];
  /** What the provider says the first time; whatever comes again it takes. */
  readonly answer: (typeof ANSWERS)[number];
  readonly keys: boolean;
  readonly hold: boolean;
};
export type Outcome = {
  readonly status: DeliveryState;
  readonly taken: number;
  /** What each command was answered: how many were cancelled or moved, or our own code. */
  readonly said: readonly string[];
  /** Barriers at which intruders did what they were to do; `end` if the worker never came there. */
  readonly met: readonly string[];
  readonly wrong: readonly string[];
};

const [EXPIRES_MS, MOVED_MS] = [20_000, 600_000];
const CODE: Readonly<Record<Race['answer'], SendResult>> = {
  accepted: { outcome: 'accepted' },
  'refused for now': { outcome: 'refused', kind: 'transient', code: 'no' },
  'refused for good': { outcome: 'refused', kind: 'permanent', code: 'no' },
  'lost, taken': { outcome: 'unknown', code: 'timeout' },
  'lost, not taken': { outcome: 'unknown', code: 'timeout' },
};

/** A command beside the worker: it stands still where it is told to, and while it waits for what is in flight. */
class Contender {
  readonly intruder: Intruder;
  readonly said: { text: string; cancelled: number } = { text: '', cancelled: 0 };
  hasBegun = false;
  isDone = false;
  standsAt: 'append' | 'pause' | undefined;
  met = '';
  #go: () => void = () => undefined;
  #stood: () => void = () => undefined;

  constructor(intruder: Intruder) {
    this.intruder = intruder;
  }

  /** It stands still, until it is let go on. */
  stand(at: 'append' | 'pause'): Promise<void> {
    this.standsAt = at;
    const gone = new Promise<void>((resolve) => {
      this.#go = resolve;
    });
    this.#stood();
    return gone;
  }
  finish(text: string, cancelled = 0): void {
    Object.assign(this.said, { text, cancelled });
    this.isDone = true;
    this.#stood();
  }
  /** Lets it go on until it stands again or is done. */
  async on(go: () => void = this.#go): Promise<void> {
    this.standsAt = undefined;
    const stood = new Promise<void>((resolve) => {
      this.#stood = resolve;
    });
    go();
    if (!this.isDone) await stood;
  }
}

function begin(bench: DispatchBench, id: NotificationId, contender: Contender): void {
  const { intruder } = contender;
  const { house } = bench;
  if (intruder.what === 'expiry') {
    house.clock.advance(EXPIRES_MS);
    contender.finish('expired');
    return;
  }
  let isFirst = true;
  const log: EventLog = {
    read: (streams) => house.log.read(streams),
    append: async (writes) => {
      if (isFirst) await contender.stand('append');
      isFirst = false;
      return house.log.append(writes);
    },
  };
  const { clock, ids, indexes, subjects } = house;
  const controls = notificationControls({
    log,
    clock,
    ids,
    indexes,
    subjects,
    findByKey: async () => [],
    pause: () => contender.stand('pause'),
  });
  const cancel = async (): Promise<void> => {
    const answer = await controls.cancel(caller(), id);
    contender.finish(
      isRejection(answer) ? answer.rejected : `cancelled ${String(answer.cancelled)}`,
      isRejection(answer) ? 0 : answer.cancelled,
    );
  };
  const reschedule = async (): Promise<void> => {
    const answer = await controls.reschedule(caller(), id, { at: plusMs(clock.now(), MOVED_MS) });
    contender.finish(isRejection(answer) ? answer.rejected : `moved ${String(answer.moved)}`);
  };
  (intruder.what === 'cancel' ? cancel() : reschedule()).catch((error: unknown) => contender.finish(`threw ${String(error)}`));
}

/** One notification, one worker, and what comes in between. */
export async function race({ intruders, answer, keys, hold }: Race): Promise<Outcome> {
  const bench = await openDispatch({ provider: fakeProvider({ takesKeys: keys }) });
  const id = await bench.request({ terms: { unknownOutcome: hold ? 'hold' : 'retry', expiresAfterMs: EXPIRES_MS } });
  const contenders = intruders.map((intruder) => new Contender(intruder));
  const wrong: string[] = [];
  const at = async (barrier: Barrier): Promise<void> => {
    for (const one of contenders) await meet(bench, id, one, barrier);
  };
  let calls = 0;
  const said = async (): Promise<SendResult | undefined> => {
    calls += 1;
    if (contenders.some((one) => one.said.cancelled > 0)) wrong.push('it was called after the answer that it is cancelled');
    return calls === 1 ? CODE[answer] : undefined;
  };
  bench.provider.script = said;
  bench.provider.tookAnyway = () => calls === 1 && answer === 'lost, taken';
  const claim = (await bench.claim('plan'))!;
  await at('begin');
  bench.actions.finish(claim.id, await dispatchEffect(portsOf(bench.ports, at))(claim, new AbortController().signal));
  await at('end');
  for (const one of contenders)
    while (!one.isDone) {
      bench.house.clock.advance(50);
      await one.on();
    }
  await bench.consume();
  for (let rounds = 0; rounds < 20 && bench.actions.rows().length > 0; rounds += 1) {
    await bench.drain();
    await bench.onwards();
  }
  return judged(bench, id, contenders, wrong);
}

/** At its barriers a contender reads and appends; at all others it looks again, if it waits for what is in flight. */
async function meet(bench: DispatchBench, id: NotificationId, one: Contender, barrier: Barrier): Promise<void> {
  const { intruder } = one;
  const appends = intruder.what === 'expiry' ? intruder.reads : intruder.appends;
  const comes = (when: Barrier): boolean => barrier === when || barrier === 'end';
  if (!one.hasBegun && comes(intruder.reads)) {
    one.hasBegun = true;
    one.met = barrier;
    await one.on(() => begin(bench, id, one));
  }
  if (one.standsAt === 'append' && comes(appends)) {
    one.met = `${one.met} ${barrier}`;
    await one.on();
  } else if (one.standsAt === 'pause') await one.on();
}

function portsOf(ports: DispatchPorts, at: (barrier: Barrier) => Promise<void>): DispatchPorts {
  let [reads, appends] = [0, 0];
  const provider = (it: ReturnType<DispatchPorts['providers']['choose']>): typeof it => ({
    ...it,
    send: async (messages) => {
      await at('call');
      const results = await it.send(messages);
      await at('taken');
      return results;
    },
  });
  return {
    ...ports,
    log: {
      read: async (streams) => {
        if (reads++ === 0) await at('read');
        return ports.log.read(streams);
      },
      append: async (writes) => {
        // An answer that meets a conflict is appended again: the barrier before it comes once, the one behind it when it is there.
        const isStart = writes[0]?.envelope.commandId.split(':')[1] === 's';
        if (appends++ < 2) await at(isStart ? 'start' : 'record');
        const results = await ports.log.append(writes);
        if (results.every(({ ok }) => ok)) await at(isStart ? 'started' : 'recorded');
        return results;
      },
    },
    claims: {
      ...ports.claims,
      declare: async (...of) => {
        await at('declare');
        return ports.claims.declare(...of);
      },
    },
    facts: {
      ...ports.facts,
      batches: async (...of) => {
        await at('facts');
        return ports.facts.batches(...of);
      },
    },
    providers: { ...ports.providers, choose: (want) => provider(ports.providers.choose(want)) },
  };
}

const UNSENT: readonly DeliveryState[] = ['cancelled', 'suppressed', 'failed', 'dead'];

async function judged(bench: DispatchBench, id: NotificationId, contenders: readonly Contender[], wrong: string[]): Promise<Outcome> {
  const { status } = [...(await bench.state(id)).deliveries.values()][0]!;
  const taken = bench.provider.ledger.length;
  if (WORK[status] !== undefined) wrong.push(`it ends as ${status}`);
  if (bench.actions.rows().length > 0) wrong.push('something is left to be done');
  if (taken > 0 && UNSENT.includes(status)) wrong.push(`it was taken and ends as ${status}`);
  if (status === 'sent' && taken === 0) wrong.push('it was not taken and ends as sent');
  if (contenders.some((one) => one.said.cancelled > 0) && (status !== 'cancelled' || taken > 0))
    wrong.push(`somebody was told that it is cancelled, and it is ${status}`);
  if (contenders.some((one) => one.said.text.startsWith('threw'))) wrong.push(contenders.map((one) => one.said.text).join());
  const ends = await endsOf(bench, id);
  if (ends.length !== 1) wrong.push(`it has ended ${String(ends.length)} times: ${ends.join()}`);
  return { status, taken, said: contenders.map((one) => one.said.text), met: contenders.map((one) => one.met), wrong };
}

/** The ends that its log tells of, one after the other. */
async function endsOf(bench: DispatchBench, id: NotificationId): Promise<readonly DeliveryState[]> {
  const ends: DeliveryState[] = [];
  let state = absent();
  let last: DeliveryState | undefined;
  for (const event of await bench.events(id)) {
    state = evolve(state, event);
    const status = state.status === 'absent' ? undefined : [...state.deliveries.values()][0]!.status;
    if (status !== undefined && status !== last && WORK[status] === undefined) ends.push(status);
    last = status;
  }
  return ends;
}
