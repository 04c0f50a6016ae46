import { expect, test } from 'vitest';
import { deliveryIdOf, WORK } from '../../../src/domain/notification/delivery.ts';
import type { NotificationEvent } from '../../../src/domain/notification/events.ts';
import type { DeliveryId, NotificationId } from '../../../src/domain/values/ids.ts';
import { dispatchEffect } from '../../../src/processes/dispatch/effects.ts';
import type { DispatchPorts } from '../../../src/processes/dispatch/ports.ts';
import type { Outgoing, Provider, SendResult } from '../../../src/processes/dispatch/provider.ts';
import type { Claim } from '../../../src/processes/process.ts';
import { fakeProvider, openDispatch, type DispatchBench } from '../../support/dispatchBench.ts';
import { workOf } from '../../support/memoryActions.ts';

/**
 * Random walks of the real code over the protocol of mechanics.md §5 to §7: workers stop before every append, read, declaration and
 * call; what goes on, who crashes or stands still past the end of its claim, which answers get lost, what is refused, when somebody
 * cancels, opts out or redrives is drawn. I2 to I6 of the model hold after every step, and at the end all is done. A failing walk says its
 * seed: `TIDINGS_WALK=<seed>` walks it alone.
 */
const WALKS = 120;

/** Mulberry32: the same walk for the same seed. */
function drawing(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

type Worker = {
  readonly claim: Claim;
  /** Stops it before its next step; undefined: it is on its way. */
  resume: (() => void) | undefined;
  isDone: boolean;
  isDead: boolean;
  /** Started by it and not recorded. */
  readonly inFlight: Set<DeliveryId>;
};
type Config = {
  readonly keys: boolean;
  readonly hold: boolean;
  readonly window: number;
  readonly people: number;
  readonly notifications: number;
};

type Move = readonly [string, () => Promise<void> | void];
const nameOf = ({ claim }: Worker): string => claim.id.slice(-3);

class Walk {
  readonly bench: DispatchBench;
  readonly draw: (below: number) => number;
  readonly config: Config;
  readonly may = { crash: 2, freeze: 2, loss: 2, refusal: 3, final: 1, cancel: 1, optOut: 1, redrive: 2 };
  readonly trail: string[] = [];
  readonly workers = new Set<Worker>();
  readonly ids: NotificationId[] = [];
  readonly taken = new Map<DeliveryId, number>();
  readonly keysTaken = new Set<string>();
  readonly hit = new Map<DeliveryId, number>();
  readonly recordedSent = new Set<DeliveryId>();
  saidCancelled: readonly DeliveryId[] = [];
  cancelled: NotificationId | undefined;
  isAnswered = false;
  isCalm = false;

  constructor(bench: DispatchBench, draw: (below: number) => number, config: Config) {
    Object.assign(this, { bench, draw, config });
    this.bench = bench;
    this.draw = draw;
    this.config = config;
  }

  async #stop(worker: Worker): Promise<void> {
    if (this.isCalm) return;
    await new Promise<void>((resolve) => {
      worker.resume = resolve;
    });
  }

  #hit(delivery: DeliveryId): void {
    this.hit.set(delivery, (this.hit.get(delivery) ?? 0) + 1);
  }

  async #call(worker: Worker, message: Outgoing): Promise<SendResult> {
    await this.#stop(worker);
    const { deliveryId, key } = message;
    if (this.saidCancelled.includes(deliveryId)) throw new Fault(`I4: ${deliveryId} is called after an answer "cancelled"`);
    const take = (): void => {
      if (this.config.keys && this.keysTaken.has(key)) return;
      this.keysTaken.add(key);
      this.taken.set(deliveryId, (this.taken.get(deliveryId) ?? 0) + 1);
    };
    const isKnown = this.config.keys && this.keysTaken.has(key);
    const fate = this.isCalm ? 9 : this.draw(6);
    if (fate === 0 && this.may.refusal > 0) {
      this.may.refusal -= 1;
      return { outcome: 'refused', kind: this.draw(2) === 0 ? 'transient' : 'throttled', code: 'no' };
    }
    if (fate === 1 && this.may.final > 0 && !isKnown) {
      this.may.final -= 1;
      return { outcome: 'refused', kind: 'permanent', code: 'no' };
    }
    if (fate === 2 && this.may.loss > 0) {
      this.may.loss -= 1;
      this.#hit(deliveryId);
      if (this.draw(2) === 0) take();
      return { outcome: 'unknown', code: 'timeout' };
    }
    take();
    return { outcome: 'accepted' };
  }

  /** The ports of one worker, each stopping it. */
  #portsOf(worker: Worker): DispatchPorts {
    const { ports } = this.bench;
    const send = async (messages: readonly Outgoing[]): Promise<readonly SendResult[]> => {
      const results: SendResult[] = [];
      for (const message of messages) results.push(await this.#call(worker, message));
      return results;
    };
    const provider: Provider = { ...this.bench.provider, takesKeys: this.config.keys, window: this.config.window, send };
    return {
      ...ports,
      log: {
        read: async (streams) => {
          await this.#stop(worker);
          return ports.log.read(streams);
        },
        append: async (writes) => {
          await this.#stop(worker);
          const results = await ports.log.append(writes);
          for (const [place, { events }] of writes.entries())
            if (results[place]?.ok === true) for (const event of events as readonly NotificationEvent[]) this.#appended(worker, event);
          return results;
        },
      },
      claims: {
        ...ports.claims,
        declare: async (...of) => {
          await this.#stop(worker);
          return ports.claims.declare(...of);
        },
      },
      providers: { ...ports.providers, choose: () => provider },
    };
  }

  #appended(worker: Worker, event: NotificationEvent): void {
    if (event.type === 'HandOffStarted')
      for (const { items } of event.data.started) for (const n of items) worker.inFlight.add(deliveryIdOf(event.data.notificationId, n));
    if (event.type !== 'HandOffRecorded') return;
    for (const { items, result } of event.data.results)
      for (const n of items) {
        const id = deliveryIdOf(event.data.notificationId, n);
        worker.inFlight.delete(id);
        if (result === 'sent') this.recordedSent.add(id);
      }
  }

  begin(claim: Claim): Worker {
    const worker: Worker = { claim, resume: undefined, isDone: false, isDead: false, inFlight: new Set() };
    this.workers.add(worker);
    dispatchEffect(this.#portsOf(worker))(claim, new AbortController().signal).then(
      (position) => {
        if (worker.isDead) return;
        this.bench.actions.finish(claim.id, position);
        worker.isDone = true;
        this.workers.delete(worker);
      },
      (error: unknown) => {
        this.fault ??= error;
        worker.isDone = true;
        this.workers.delete(worker);
      },
    );
    return worker;
  }
  fault: unknown;
  #judged = '';

  #isOver = (worker: Worker): boolean => worker.claim.until <= this.bench.house.clock.now();

  /** What can happen now, each as often as it is likely; one of it does. */
  moves(): readonly Move[] {
    const { bench, may } = this;
    const waiting = [...this.workers].filter(({ resume, isDead }) => resume !== undefined && !isDead);
    const due = bench.actions.due();
    const moves: Move[] = [['the consumer reads', () => bench.consume()], ...this.#faults(waiting)];
    const often = (times: number, label: string, move: Move[1]): void => {
      for (let time = 0; time < times; time += 1) moves.push([label, move]);
    };
    // Who has stood still takes its time, so that others do what it left.
    for (const worker of waiting) often(this.#isOver(worker) ? 1 : 6, `${nameOf(worker)} goes on`, () => this.#goOn(worker));
    if ([...this.workers].filter((one) => !one.isDead && !this.#isOver(one)).length < 2)
      for (const { kind, id } of due) {
        const group = due.filter((row) => row.kind === kind).map((row) => row.id);
        often(2, `claims ${kind}`, () => this.#claim(kind, this.draw(2) === 0 ? [id] : group));
      }
    const next = bench.actions.nextDue();
    if (next !== undefined && waiting.every((one) => this.#isOver(one)))
      often(2, 'time goes by', () => this.#advance(Math.max(0, Date.parse(next) - bench.house.clock.epochMs())));
    if (may.cancel > 0) moves.push(['somebody cancels', () => this.#cancel()]);
    if (may.optOut > 0) moves.push(['p0 opts out', () => this.#optOut()]);
    if (may.redrive > 0) moves.push(['an operator redrives', () => this.#redrive()]);
    return moves;
  }

  /** Nothing is being done, nor ever will be. */
  isQuiet = (): boolean => this.workers.size === 0 && this.bench.actions.rows().length === 0 && this.may.redrive === 0;

  #faults(waiting: readonly Worker[]): readonly Move[] {
    return waiting.flatMap((worker): Move[] => {
      const times = worker.inFlight.size > 0 ? 2 : this.draw(4) === 0 ? 1 : 0;
      const [crash, freeze] = [this.may.crash > 0, this.may.freeze > 0 && !this.#isOver(worker)];
      return Array.from({ length: times }, (): Move[] => [
        ...(crash ? [[`${nameOf(worker)} CRASHES`, () => this.#crash(worker)] as const] : []),
        ...(freeze ? [[`${nameOf(worker)} STANDS STILL`, () => this.#freeze(worker)] as const] : []),
      ]).flat();
    });
  }

  #goOn(worker: Worker): void {
    const { resume } = worker;
    worker.resume = undefined;
    resume?.();
  }
  #claim(kind: Claim['kind'], rows: readonly string[]): void {
    const claim = this.bench.actions.claim(kind, rows);
    if (claim !== undefined) this.begin(claim);
  }
  #crash(worker: Worker): void {
    this.may.crash -= 1;
    if (!this.#isOver(worker)) for (const id of worker.inFlight) this.#hit(id);
    worker.isDead = true;
    this.workers.delete(worker);
  }
  /** Its claim runs out while it stands; those of the others too, if they are older. */
  #freeze(worker: Worker): void {
    this.may.freeze -= 1;
    const now = this.bench.house.clock.epochMs();
    this.#advance(Math.max(0, Date.parse(worker.claim.until) - now));
  }
  /** Everyone whose claim ends meanwhile has stood still. */
  #advance(ms: number): void {
    const alive = [...this.workers].filter((one) => !one.isDead && !this.#isOver(one));
    this.bench.house.clock.advance(ms);
    for (const one of alive) if (this.#isOver(one)) for (const id of one.inFlight) this.#hit(id);
  }
  async #cancel(): Promise<void> {
    this.may.cancel -= 1;
    const [id] = this.ids;
    try {
      await this.bench.command(id!, { type: 'CancelNotification', data: { now: this.bench.house.clock.now() } });
      this.cancelled = id;
    } catch {
      this.isAnswered = true; // 409: nothing to cancel
    }
  }
  #optOut(): void {
    this.may.optOut -= 1;
    this.isOptedOut = true;
  }
  isOptedOut = false;
  async #redrive(): Promise<void> {
    const id = this.ids.at(-1)!;
    const dead = [...(await this.bench.state(id)).deliveries.values()].filter(({ status }) =>
      ['failed', 'dead', 'unknown'].includes(status),
    );
    if (dead.length === 0) return;
    this.may.redrive -= 1;
    for (const { n } of dead) this.#hit(deliveryIdOf(id, n));
    this.redriven = true;
    await this.bench.command(id, { type: 'RedriveDeliveries', data: { now: this.bench.house.clock.now() } });
  }
  redriven = false;

  /** Until every worker stands at its next step, or is done. */
  async settle(): Promise<void> {
    for (let turns = 0; turns < 100; turns += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      if ([...this.workers].every(({ resume, isDead }) => resume !== undefined || isDead)) return;
    }
    throw new Error('a worker neither goes on nor stops');
  }

  async judge(): Promise<void> {
    if (this.fault !== undefined) throw new Fault('a worker threw', { cause: this.fault });
    // Only the log and the provider say anything new; a wait for the answer to a cancellation looks at the clock too.
    const seen = `${await this.bench.house.store.head()} ${String([...this.taken.values()].reduce((sum, one) => sum + one, 0))}`;
    if (seen === this.#judged && (this.cancelled === undefined || this.isAnswered)) return;
    this.#judged = seen;
    const { keys, hold } = this.config;
    for (const id of this.ids) {
      const { deliveries } = await this.bench.state(id);
      for (const it of deliveries.values()) {
        const delivery = deliveryIdOf(id, it.n);
        const taken = this.taken.get(delivery) ?? 0;
        const most = 1 + (keys || (hold && !this.redriven) ? 0 : (this.hit.get(delivery) ?? 0));
        if (taken > most) throw new Fault(`I2: ${delivery} was taken ${String(taken)} times, ${String(most)} are allowed`);
        if (taken > 0 && ['cancelled', 'suppressed', 'failed', 'dead'].includes(it.status))
          throw new Fault(`I4: ${delivery} was taken and is ${it.status}`);
        if (this.recordedSent.has(delivery) && it.status !== 'sent') throw new Fault(`I5: ${delivery} was accepted and is ${it.status}`);
      }
      if (id === this.cancelled && !this.isAnswered) {
        const now = this.bench.house.clock.now();
        const open = [...deliveries.values()].filter(({ status, until }) => status === 'open' && until !== undefined && until > now);
        if (open.length > 0) continue;
        this.isAnswered = true;
        this.saidCancelled = [...deliveries.values()].filter(({ status }) => status === 'cancelled').map(({ n }) => deliveryIdOf(id, n));
      }
    }
  }

  /** I6, once the consumer has read everything. */
  async judgeTable(): Promise<void> {
    await this.bench.consume();
    const left: string[] = [];
    for (const id of this.ids)
      for (const it of (await this.bench.state(id)).deliveries.values())
        if (WORK[it.status] !== undefined) left.push(`${id} ${WORK[it.status] ?? ''} ${String(it.n)} ${it.until ?? ''}`);
    const table = this.bench.actions.rows().flatMap((row) => workOf([row]).map((text) => `${row.target} ${text}`));
    expect(table.sort(), 'I6').toStrictEqual(left.sort());
  }

  async finish(): Promise<void> {
    this.isCalm = true;
    for (const worker of this.workers) this.#goOn(worker);
    for (let rounds = 0; rounds < 60; rounds += 1) {
      for (let turns = 0; turns < 100 && this.workers.size > 0; turns += 1) await new Promise((resolve) => setImmediate(resolve));
      await this.judge();
      await this.bench.consume();
      const [row] = this.bench.actions.due();
      const next = this.bench.actions.nextDue();
      if (row !== undefined)
        this.#claim(
          row.kind,
          this.bench.actions
            .due()
            .filter(({ kind }) => kind === row.kind)
            .map(({ id }) => id),
        );
      else if (next !== undefined) this.#advance(Math.max(0, Date.parse(next) - this.bench.house.clock.epochMs()));
      else return;
    }
    throw new Fault('I3: it never comes to an end');
  }

  async judgeEnd(): Promise<void> {
    for (const id of this.ids)
      for (const it of (await this.bench.state(id)).deliveries.values()) {
        const isEnded = WORK[it.status] === undefined && (it.status !== 'unknown' || it.starts > 0);
        if (!isEnded) throw new Fault(`I3: ${deliveryIdOf(id, it.n)} is ${it.status} at the end`);
        if (it.status === 'sent' && !this.taken.has(deliveryIdOf(id, it.n)))
          throw new Fault(`${deliveryIdOf(id, it.n)} is said to be sent`);
      }
    // A dead worker's claim ends with its time.
    this.bench.house.clock.advance(30_000);
    if (this.bench.actions.rows().length + this.bench.actions.live().size > 0) throw new Fault('I3: something is left to be done');
  }
}
class Fault extends Error {}

async function walk(seed: number): Promise<Walk> {
  const draw = drawing(seed);
  const config: Config = {
    keys: draw(2) === 0,
    hold: draw(3) === 0,
    window: 2 * (1 + draw(2)),
    people: 1 + draw(3),
    notifications: 1 + draw(2),
  };
  const bench = await openDispatch({
    provider: fakeProvider(),
    allowlist: (_, address) => !(it.isOptedOut && address === 'p0@example.com'),
  });
  const it: Walk = new Walk(bench, draw, config);
  for (let count = 0; count < config.notifications; count += 1)
    it.ids.push(await bench.request({ people: config.people, terms: { unknownOutcome: config.hold ? 'hold' : 'retry' } }));
  await bench.consume();
  try {
    for (let steps = 0; steps < 90; steps += 1) {
      const moves = it.moves();
      if (it.isQuiet()) break;
      const [label, move] = moves[draw(moves.length)]!;
      it.trail.push(label);
      await move();
      await it.settle();
      await it.judge();
      if (steps % 15 === 0) await it.judgeTable();
    }
    await it.finish();
    await it.judgeEnd();
    await it.judgeTable();
  } catch (error) {
    throw new Error(`seed ${String(seed)} ${JSON.stringify(config)}: ${String(error)}\n${it.trail.join('\n')}`, { cause: error });
  }
  return it;
}

test(
  'two workers, crashes, stand-stills, lost answers, refusals, a cancellation, an opt-out: I2 to I6 hold',
  { timeout: 300_000 },
  async () => {
    const only = process.env['TIDINGS_WALK'];
    const first = only === undefined ? 1 : Number(only);
    const seen: Record<string, number> = {};
    for (let seed = first; seed < first + (only === undefined ? WALKS : 1); seed += 1) {
      const { bench, ids, trail } = await walk(seed);
      for (const id of ids) for (const status of Object.values(await bench.statuses(id))) seen[status] = (seen[status] ?? 0) + 1;
      for (const label of trail) {
        const what = label.replace(/^\S{3} (?=CRASH|STANDS)/, '');
        if (/^[A-Z]/.test(what)) seen[what] = (seen[what] ?? 0) + 1;
      }
    }
    // The walks get everywhere: every end, every fault.
    if (only === undefined)
      expect(Object.keys(seen).sort()).toStrictEqual(['CRASHES', 'STANDS STILL', 'cancelled', 'failed', 'sent', 'suppressed', 'unknown']);
  },
);
