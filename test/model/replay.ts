import type { NotificationCommand } from '../../src/domain/notification/notification.ts';
import type { NotificationEvent } from '../../src/domain/notification/events.ts';
import { plusMs, type Instant } from '../../src/domain/values/instant.ts';
import { streamOf } from '../../src/domain/values/streams.ts';
import type { SendResult } from '../../src/processes/dispatch/provider.ts';
import { ACME } from '../support/house.ts';
import type { Row as RealRow } from '../support/memoryActions.ts';
import { BATCH, LONGEST_MS, openCode, type Code } from './code.ts';
import { compare, compareClaims } from './compare.ts';
import { judge, stepsOf } from './explore.ts';
import type { Row } from './protocol.ts';
import { same } from './same.ts';
import { StoppingWorker } from './stoppingWorker.ts';
import { initial, openWorld, tidy, type Act, type Answer, type Config, type State, type Step, type World } from './world.ts';

const [STEP_MS, MOVED_MS] = [300, 500_000];
/** Some ten times as many as a walk has in the mean. */
const MOST_STEPS = 400;

const SAYS: Readonly<Record<Exclude<Answer, 'returned'>, SendResult>> = {
  sent: { outcome: 'accepted' },
  refused: { outcome: 'refused', kind: 'transient', code: 'no' },
  failed: { outcome: 'refused', kind: 'permanent', code: 'no' },
  lost: { outcome: 'unknown', code: 'timeout' },
};
const FAULTS: ReadonlySet<Act['do']> = new Set(['crash', 'runOut', 'redrive', 'cancel']);
const nameOf = (act: Act): string => {
  if (act.do === 'claim') return 'claim';
  return act.do === 'go' ? `${act.from}${act.answer === undefined ? '' : `: ${act.answer}`}` : act.do;
};
/** A claim lasts far longer than anything waits: once it has run out, what a worker has yet to write down of a wait is over as well. */
const passed = ({ act, to }: Step): State => (act.do === 'runOut' ? { ...to, tick: to.tick + 1 } : to);

export type Seen = Map<string, number>;
type Around = { readonly before: State; readonly after: State };

/**
 * A random walk of the model, and the real code beside it: workers stop before every read, declaration, reservation, append and message,
 * and after every append, and go on when the model says so. After every step the log of the code, folded by the code, is what the
 * model says, and so are the table of actions, what the provider took, and where each worker stands. What the model does not know happens
 * too and must change nothing: an append that is not taken at first, one whose answer is lost and that is sent again, a conflict that is
 * met before it is decided again, a crash between two reads.
 */
export class Replay {
  readonly world: World;
  readonly trail: string[] = [];
  readonly #code: Code;
  readonly #below: (most: number) => number;
  readonly #seen: Seen;
  readonly #state: { now: State };
  readonly #workers = new Map<number, StoppingWorker>();
  /** Of a provider that takes keys: those it has taken. */
  readonly #keys = new Set<string>();
  #forced: number | undefined;

  private constructor(code: Code, state: { now: State }, { below, seen }: { below: (most: number) => number; seen: Seen }) {
    this.world = code.world;
    this.#code = code;
    this.#state = state;
    this.#below = below;
    this.#seen = seen;
  }

  static async open(cfg: Config, below: (most: number) => number, seen: Seen): Promise<Replay> {
    const world = openWorld({ ...cfg, backOff: true });
    const state = { now: initial(world) };
    const code = await openCode(world, () => ['inFacts', 'waiting', 'answered'].includes(state.now.optOut));
    return new Replay(code, state, { below, seen });
  }

  /** To its end. Answers after how many steps that was. @throws where none comes. */
  async walk(): Promise<number> {
    for (let steps = 0; steps < MOST_STEPS; steps += 1) {
      const state = this.#state.now;
      const all = stepsOf(this.world, state);
      const bad = judge(this.world, state, all.length === 0);
      if (bad !== undefined) throw new Error(`the model itself breaks ${bad}`);
      const next = this.#possible(all);
      const drawn = next[this.#below(next.length)];
      // Faults are rarer than what goes well, or nobody would get far.
      const step = drawn !== undefined && FAULTS.has(drawn.act.do) ? next[this.#below(next.length)] : drawn;
      if (step === undefined) return steps;
      this.#code.bench.house.clock.advance(STEP_MS);
      if (await this.#beside(step)) continue;
      this.trail.push(step.label);
      this.#note(nameOf(step.act));
      const after = tidy(this.world, passed(step));
      await this.#do(step.act, { before: state, after });
      this.#state.now = after;
      await compare(this.#code, after);
    }
    throw new Error(`it has no end within ${String(MOST_STEPS)} steps`);
  }

  /** What has become of its deliveries, as the code says. */
  async ends(): Promise<readonly string[]> {
    const states = await Promise.all(this.#code.ids.map((id) => this.#code.bench.state(id)));
    return states.flatMap(({ deliveries }) => [...deliveries.values()].map(({ status }) => status));
  }

  #note(what: string): void {
    this.#seen.set(what, (this.#seen.get(what) ?? 0) + 1);
  }

  /** The model leaves open what a clock does not: claims end in the order in which they were taken, and waiting ends before. */
  #possible(steps: readonly Step[]): readonly Step[] {
    if (this.#forced !== undefined) {
      const forced = this.#forced;
      this.#forced = undefined;
      return steps.filter(({ act }) => act.do === 'go' && act.claim === forced);
    }
    const untilOf = (claim: number): Instant | undefined => this.#code.claims.get(claim)?.until;
    const oldest = [...this.#state.now.claims].map(({ claim }) => untilOf(claim)!).sort()[0];
    const waits = steps.some(({ act }) => act.do === 'tick');
    const some = steps.filter(({ act }) => act.do !== 'runOut' || (!waits && untilOf(act.claim) === oldest));
    // Where only the end of a claim is left, and something waits for longer than it, both come.
    return some.length > 0 ? some : steps;
  }

  /** What the model does not see. True: it happened instead of the step. */
  async #beside({ act }: Step): Promise<boolean> {
    if (act.do !== 'go') return false;
    const worker = this.#workers.get(act.claim);
    const stop = worker?.stop;
    if (worker === undefined || stop?.label !== 'append') return false;
    if (this.#below(8) === 0) {
      await worker.isNotTaken();
      this.#note('an append is not taken');
      return true;
    }
    const [write] = stop.writes;
    if (act.from !== 'answered' || stop.writes.length !== 1 || write === undefined || this.#below(2) === 0) return false;
    const events = (await this.#code.bench.house.log.read([write.stream])).get(write.stream) ?? [];
    if (events.length - 1 === write.at) return false;
    await worker.past('append');
    this.#note('a conflict is met');
    return true;
  }

  async #do(act: Act, { before, after }: Around): Promise<void> {
    const { bench, claims, ids } = this.#code;
    switch (act.do) {
      case 'claim':
        return this.#claim(act, { before, after });
      case 'go':
        return this.#go(act, after);
      case 'crash':
        return this.#crash(act.claim, before);
      case 'runOut': {
        const ms = Date.parse(claims.get(act.claim)!.until) - bench.house.clock.epochMs();
        return bench.house.clock.advance(Math.max(0, ms));
      }
      case 'tick':
        // Past everything that anyone can have put off by now, also in answers that are not recorded yet.
        return bench.house.clock.advance(LONGEST_MS);
      case 'consume': {
        const stream = streamOf('notification', ACME, ids[act.notification]!);
        const events = (await bench.house.log.read<NotificationEvent>([stream])).get(stream) ?? [];
        return bench.actions.consume(events.slice(before.read[act.notification], before.read[act.notification]! + 1));
      }
      case 'optOut':
        return before.optOut === 'inFacts' ? compareClaims(this.#code, after) : undefined;
      case 'cancel':
        return act.appended ? this.#command(0, { type: 'CancelNotification', data: { now: this.#now() } }) : undefined;
      case 'reschedule': {
        const at = plusMs(this.#now(), MOVED_MS);
        if (after.logs !== before.logs && after.logs[0] !== before.logs[0])
          return this.#command(0, { type: 'RescheduleNotification', data: { now: this.#now(), schedule: { at }, planAt: at } });
        return undefined;
      }
      case 'redrive':
        return this.#command(act.notification, { type: 'RedriveDeliveries', data: { now: this.#now() } });
      case 'batchFacts':
        bench.batchStates.set(BATCH, { status: after.batch.facts === 'resumed' ? 'open' : after.batch.facts });
        return undefined;
      case 'tell':
        return this.#tell({ before, after });
      case 'pause':
      case 'resume':
      case 'cancelBatch':
        return undefined;
    }
  }

  #now = (): Instant => this.#code.bench.house.clock.now();
  #command = (n: number, command: NotificationCommand): Promise<void> => this.#code.bench.command(this.#code.ids[n]!, command);

  /** What became of their batch, to those whose log the model changed. */
  async #tell({ before, after }: Around): Promise<void> {
    const type = after.batch.log === 'cancelled' ? 'CancelNotification' : 'ReleaseNotification';
    for (const [n, id] of after.logs.entries()) if (id !== before.logs[n]) await this.#command(n, { type, data: { now: this.#now() } });
  }

  #claim({ claim: number, kind }: Extract<Act, { do: 'claim' }>, { before, after }: Around): void {
    const { bench, ids, claims } = this.#code;
    const wanted = after.claims.find(({ claim }) => claim === number)!.rows;
    const rows = before.logs.flatMap((_, n) =>
      this.world.rowsOf(before, n).flatMap((row) => (wanted.includes(`${String(n)}/${row.id}`) ? this.#rowOf(n, row).id : [])),
    );
    const taken = bench.actions.claim(kind, rows)!;
    same('rows that the model gives out and are due', taken.actions.length, rows.length);
    // A drainer gives no promise about their order; the model's is that of the notifications.
    const orderOf = (target: string): number => ids.findIndex((id) => id === target);
    const claim = { ...taken, actions: [...taken.actions].sort((a, b) => orderOf(a.target) - orderOf(b.target)) };
    claims.set(number, claim);
    const onAnswerLost = (): void => this.#note('an answer of the log is lost');
    this.#workers.set(number, new StoppingWorker({ number, claim, bench, cfg: this.world.cfg, onAnswerLost }));
  }

  #rowOf(n: number, { kind, items }: Row): RealRow {
    const { bench, ids, placesOf } = this.#code;
    const wanted = placesOf(items).join();
    const rows = bench.actions.rows().filter((row) => row.target === ids[n] && row.kind === kind && row.items.join() === wanted);
    same(`rows ${kind} ${wanted}`, rows.length, 1);
    return rows[0]!;
  }

  async #go(act: Extract<Act, { do: 'go' }>, after: State): Promise<void> {
    const worker = this.#workers.get(act.claim)!;
    if (act.from === 'done') {
      this.#code.bench.actions.putOff(worker.claim.id);
      this.#workers.delete(act.claim);
      return;
    }
    if (act.from === 'claimed') await worker.begin();
    else if (act.from === 'judged' || act.from === 'answered') await worker.append(() => this.#below(6) === 0);
    else {
      // An answer was lost: the append is sent again before anything else.
      const isThere = act.from === 'started' && worker.hasHeard();
      if (act.from === 'started' && !isThere) while (worker.stop?.label !== 'appended') await worker.past();
      if (act.answer !== undefined && act.answer !== 'returned') {
        if (act.isTaken === true) this.#take(worker);
        worker.answers.push(SAYS[act.answer]);
      }
      if (!isThere) await worker.past();
    }
    const next = after.workers.find(({ claim }) => claim === act.claim);
    if (next === undefined || next.at === 'idle' || next.at === 'done') {
      await worker.toEnd();
      if (next?.at !== 'done') this.#workers.delete(act.claim);
    } else if (await worker.arrive(next.at)) this.#forced = act.claim;
  }

  /** As a provider does: what it takes it writes down, a known key once. */
  #take({ message: { key, deliveryId } }: StoppingWorker): void {
    const { taken, world } = this.#code;
    if (world.cfg.keys !== true || !this.#keys.has(key)) taken.set(deliveryId, (taken.get(deliveryId) ?? 0) + 1);
    this.#keys.add(key);
  }

  async #crash(number: number, before: State): Promise<void> {
    const worker = this.#workers.get(number)!;
    this.#workers.delete(number);
    const { at } = before.workers.find(({ claim }) => claim === number)!;
    if (at !== 'claimed') return;
    // Before anybody could see anything of it: between the reads with which it begins.
    await worker.begin();
    for (let reads = this.#below(4); reads > 0 && !worker.isDone && worker.stop?.label !== 'declare'; reads -= 1) await worker.past();
  }
}
