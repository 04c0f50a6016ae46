import { isDeepStrictEqual } from 'node:util';
import { RETRY } from '../../src/domain/policy/retry.ts';
import { PortError } from '../../src/domain/kernel/portError.ts';
import type { NotificationCommand } from '../../src/domain/notification/notification.ts';
import { deliveryIdOf, type Delivery as RealDelivery } from '../../src/domain/notification/delivery.ts';
import type { BatchId, DeliveryId, KeyedHash, NotificationId } from '../../src/domain/values/ids.ts';
import { plusMs, type Instant } from '../../src/domain/values/instant.ts';
import { streamOf } from '../../src/domain/values/streams.ts';
import type { EventWrite, WriteResult } from '../../src/commands/ports.ts';
import type { NotificationEvent } from '../../src/domain/notification/events.ts';
import { dispatchEffect } from '../../src/processes/dispatch/effects.ts';
import type { DispatchPorts } from '../../src/processes/dispatch/ports.ts';
import type { Outgoing, Provider, SendResult } from '../../src/processes/dispatch/provider.ts';
import type { Claim } from '../../src/processes/process.ts';
import { fakeProvider, openDispatch, type DispatchBench } from '../support/dispatchBench.ts';
import { ACME } from '../support/house.ts';
import type { Row as RealRow } from '../support/memoryActions.ts';
import { judge, stepsOf } from './explore.ts';
import { WORK, type Delivery, type Row } from './protocol.ts';
import { initial, openWorld, tidy, type Act, type Answer, type Config, type State, type Step, type Worker, type World } from './world.ts';

/**
 * A random walk of the model, and the real code beside it: workers stop before every read, declaration, reservation, append and message,
 * and after every append, and go on when the model says so. After every step the log of the code, folded by the code, is what the
 * model says, and so are the table of actions, what the provider took, and where each worker stands. What the model does not know happens
 * too and must change nothing: an append that is not taken at first, one whose answer is lost and that is sent again, a conflict that is
 * met before it is decided again, a crash between two reads.
 */
const [STEP_MS, LEASE_MS, RECHECK_MS, MOVED_MS] = [300, 1_000_000_000, 1_000_000, 500_000];
/** Short enough for a tick to pass many times within a claim; as long for the third as for the first, since the model counts no tries. */
const RETRIES = { ...RETRY, baseMs: 500_000, capMs: 500_000 };
const LONGEST_MS = RETRY.capMs + RECHECK_MS;

/** Where a real worker stands. `appended`: its append is done, and it has not heard of it. */
type Stop = {
  readonly label: 'read' | 'hash' | 'declare' | 'facts' | 'reserve' | 'append' | 'appended' | 'pause' | 'send';
  readonly writes: readonly EventWrite[];
  readonly hasConflict: boolean;
  readonly go: () => void;
};
type RealWorker = {
  readonly number: number;
  readonly claim: Claim;
  stops: Stop[];
  wake: () => void;
  isDone: boolean;
  /** What its next append meets: nothing is written, or it is written and nobody says so. */
  fault: 'none' | 'not taken' | 'answer lost';
  answers: SendResult[];
};
/** Where the code stands when the model says this; a worker that was only claimed has not begun. */
const STANDS: Partial<Record<Worker['at'], Stop['label']>> = {
  halfway: 'facts',
  ready: 'reserve',
  looking: 'read',
  takingOver: 'reserve',
  judged: 'append',
  started: 'appended',
  calling: 'send',
  answered: 'append',
};
const CODE: Readonly<Record<Exclude<Answer, 'returned'>, SendResult>> = {
  sent: { outcome: 'accepted' },
  refused: { outcome: 'refused', kind: 'transient', code: 'no' },
  failed: { outcome: 'refused', kind: 'permanent', code: 'no' },
  lost: { outcome: 'unknown', code: 'timeout' },
};
/** A claim lasts far longer than anything waits: once it has run out, what a worker has yet to write down of a wait is over as well. */
const passed = ({ act, to }: Step): State => (act.do === 'runOut' ? { ...to, tick: to.tick + 1 } : to);
const away = new PortError('unavailable', 'append_open', 'no answer came in time');
/** Of one claim, one step: an append and all its repeats and new decisions. */
const stepNameOf = ({ writes }: Stop): string => writes[0]?.envelope.commandId.split(':')[1]?.split('.')[0] ?? '';

export type Seen = Map<string, number>;
export type Walked = { readonly steps: number; readonly trail: readonly string[] };

export class Replay {
  readonly world: World;
  state: State;
  readonly trail: string[] = [];
  readonly #bench: DispatchBench;
  readonly #below: (most: number) => number;
  readonly #seen: Seen;
  readonly #ids: readonly NotificationId[];
  readonly #workers = new Map<number, RealWorker>();
  /** Real claims by the model's numbers, as long as something names them. */
  readonly #claims = new Map<number, Claim>();
  readonly #taken = new Map<DeliveryId, number>();
  readonly #keys = new Set<string>();
  #forced: number | undefined;

  private constructor(parts: {
    world: World;
    bench: DispatchBench;
    below: (most: number) => number;
    seen: Seen;
    ids: readonly NotificationId[];
  }) {
    this.world = parts.world;
    this.state = initial(parts.world);
    this.#bench = parts.bench;
    this.#below = parts.below;
    this.#seen = parts.seen;
    this.#ids = parts.ids;
  }

  static async open(cfg: Config, below: (most: number) => number, seen: Seen): Promise<Replay> {
    const world = openWorld({ ...cfg, backOff: true });
    const covered = new Set(cfg.deliveries.filter((_, d) => world.isCovered(d)).map(({ address }) => mailOf(address)));
    const holder: { replay?: Replay } = {};
    let claims = 0;
    const isOptedOut = (): boolean => ['inFacts', 'waiting', 'answered'].includes(holder.replay?.state.optOut ?? 'none');
    const bench = await openDispatch({
      provider: fakeProvider({ deadlineMs: 0 }),
      // Far apart, so that the end of one claim is not that of the next.
      leaseMs: () => LEASE_MS * ++claims,
      retry: { ...RETRIES, maxTries: cfg.maxTries ?? 99, maxStarts: cfg.maxStarts ?? 99 },
      ...(cfg.optOut === undefined ? {} : { allowlist: (_: unknown, address: string) => !(isOptedOut() && covered.has(address)) }),
    });
    const ids: NotificationId[] = [];
    for (const n of new Set(cfg.deliveries.map(({ notification }) => notification))) ids.push(await request(bench, cfg, n));
    holder.replay = new Replay({ world, bench, below, seen, ids });
    return holder.replay;
  }

  /** To the end, or for so many steps. */
  async walk(most = 400): Promise<Walked> {
    for (let steps = 0; steps < most; steps += 1) {
      const all = stepsOf(this.world, this.state);
      const bad = judge(this.world, this.state, all.length === 0);
      if (bad !== undefined) throw new Error(`the model itself breaks ${bad}`);
      const next = this.#possible(all);
      const drawn = next[this.#below(next.length)];
      // Faults are rarer than what goes well, or nobody would get far.
      const step = drawn !== undefined && FAULTS.has(drawn.act.do) ? next[this.#below(next.length)] : drawn;
      if (step === undefined) return { steps, trail: this.trail };
      this.#bench.house.clock.advance(STEP_MS);
      if (await this.#beside(step)) continue;
      this.trail.push(step.label);
      this.#note(nameOf(step.act));
      const after = tidy(this.world, passed(step));
      await this.#do(step.act, { before: this.state, after });
      this.state = after;
      await this.#compare();
    }
    return { steps: most, trail: this.trail };
  }

  /** What has become of its deliveries, as the code says. */
  async ends(): Promise<readonly string[]> {
    const states = await Promise.all(this.#ids.map((id) => this.#bench.state(id)));
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
    const oldest = [...this.state.claims].map(({ claim }) => this.#claims.get(claim)!.until).sort()[0];
    const waits = steps.some(({ act }) => act.do === 'tick');
    const some = steps.filter(({ act }) => act.do !== 'runOut' || (!waits && this.#claims.get(act.claim)?.until === oldest));
    // Where only the end of a claim is left, and something waits for longer than it, both come.
    return some.length > 0 ? some : steps;
  }

  /** What the model does not see. True: it happened instead of the step. */
  async #beside({ act }: Step): Promise<boolean> {
    if (act.do !== 'go') return false;
    const worker = this.#workers.get(act.claim);
    const [stop] = worker?.stops ?? [];
    if (worker === undefined || stop?.label !== 'append') return false;
    if (this.#below(8) === 0) {
      worker.fault = 'not taken';
      await this.#past(worker, 'append');
      await this.#to(worker, ['append']);
      this.#note('an append is not taken');
      return true;
    }
    const [write] = stop.writes;
    if (act.from !== 'answered' || stop.writes.length !== 1 || write === undefined || this.#below(2) === 0) return false;
    const events = (await this.#bench.house.log.read([write.stream])).get(write.stream) ?? [];
    if (events.length - 1 === write.at) return false;
    await this.#past(worker, 'append');
    this.#note('a conflict is met');
    return true;
  }

  async #do(act: Act, { before, after }: { readonly before: State; readonly after: State }): Promise<void> {
    switch (act.do) {
      case 'claim':
        return this.#claim(act, before, after);
      case 'go':
        return this.#go(act, after);
      case 'crash':
        return this.#crash(act.claim, before);
      case 'runOut': {
        const ms = Date.parse(this.#claims.get(act.claim)!.until) - this.#bench.house.clock.epochMs();
        return this.#bench.house.clock.advance(Math.max(0, ms));
      }
      case 'tick':
        return this.#tick();
      case 'consume': {
        const stream = streamOf('notification', ACME, this.#ids[act.notification]!);
        const events = (await this.#bench.house.log.read<NotificationEvent>([stream])).get(stream) ?? [];
        return this.#bench.actions.consume(events.slice(before.read[act.notification], before.read[act.notification]! + 1));
      }
      case 'optOut':
        return before.optOut === 'inFacts' ? this.#compareClaims(after) : undefined;
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
        this.#bench.batchStates.set(BATCH, { status: after.batch.facts === 'resumed' ? 'open' : after.batch.facts });
        return undefined;
      case 'tell':
        for (const [n, id] of after.logs.entries())
          if (id !== before.logs[n])
            await this.#command(n, {
              type: after.batch.log === 'cancelled' ? 'CancelNotification' : 'ReleaseNotification',
              data: { now: this.#now() },
            });
        return undefined;
      case 'pause':
      case 'resume':
      case 'cancelBatch':
        return undefined;
    }
  }

  #now = (): Instant => this.#bench.house.clock.now();
  #command = (n: number, command: NotificationCommand): Promise<void> => this.#bench.command(this.#ids[n]!, command);

  #claim({ claim: number, kind }: Extract<Act, { do: 'claim' }>, before: State, after: State): void {
    const wanted = after.claims.find(({ claim }) => claim === number)!.rows;
    const rows = before.logs.flatMap((_, n) =>
      this.world.rowsOf(before, n).flatMap((row) => (wanted.includes(`${String(n)}/${row.id}`) ? this.#rowOf(n, row).id : [])),
    );
    const taken = this.#bench.actions.claim(kind, rows)!;
    same('rows that the model gives out and are due', taken.actions.length, rows.length);
    // A drainer gives no promise about their order; the model's is that of the notifications.
    const placeOf = (target: string): number => this.#ids.findIndex((id) => id === target);
    const claim = { ...taken, actions: [...taken.actions].sort((a, b) => placeOf(a.target) - placeOf(b.target)) };
    this.#claims.set(number, claim);
    this.#workers.set(number, { number, claim, stops: [], wake: () => undefined, isDone: false, fault: 'none', answers: [] });
  }

  #rowOf(n: number, { kind, items }: Row): RealRow {
    const wanted = this.#places(items).join();
    const rows = this.#bench.actions
      .rows()
      .filter((row) => row.target === this.#ids[n] && row.kind === kind && row.items.join() === wanted);
    same(`rows ${kind} ${wanted}`, rows.length, 1);
    return rows[0]!;
  }

  /** Numbers within a notification: everyone has one channel. */
  #places = (items: readonly number[]): readonly number[] => items.map((d) => this.#place(d)).sort((a, b) => a - b);
  #place = (d: number): number =>
    8 * this.world.cfg.deliveries.filter((it, other) => other < d && it.notification === this.world.nOf(d)).length;
  #deliveryId = (d: number): DeliveryId => deliveryIdOf(this.#ids[this.world.nOf(d)]!, this.#place(d));

  #begin(worker: RealWorker): Promise<void> {
    const parked = this.#parked(worker);
    dispatchEffect(this.#portsOf(worker))(worker.claim, new AbortController().signal).then(
      () => {
        worker.isDone = true;
        worker.wake();
      },
      (error: unknown) => {
        this.#fault ??= error;
        worker.isDone = true;
        worker.wake();
      },
    );
    return parked;
  }
  #fault: unknown;

  #parked = (worker: RealWorker): Promise<void> =>
    new Promise((resolve) => {
      worker.wake = resolve;
    });

  /** Lets it through the stop at which it stands, up to its next. */
  async #past(worker: RealWorker, label?: Stop['label']): Promise<void> {
    const stop = worker.stops.shift();
    if (stop === undefined) throw new Error('the worker stands nowhere');
    if (label !== undefined) same('where a worker stands', stop.label, label);
    const parked = this.#parked(worker);
    stop.go();
    await parked;
  }

  async #to(worker: RealWorker, labels: readonly Stop['label'][]): Promise<void> {
    while (!worker.isDone && !labels.includes(worker.stops[0]!.label)) await this.#past(worker);
  }

  async #go(act: Extract<Act, { do: 'go' }>, after: State): Promise<void> {
    const worker = this.#workers.get(act.claim)!;
    const next = after.workers.find(({ claim }) => claim === act.claim);
    if (act.from === 'done') {
      this.#bench.actions.putOff(worker.claim.id);
      this.#workers.delete(act.claim);
      return;
    }
    if (act.from === 'claimed') await this.#begin(worker);
    else if (act.from === 'judged' || act.from === 'answered') await this.#append(worker);
    else {
      // An answer was lost: the append is sent again before anything else.
      const isThere = act.from === 'started' && this.#hasHeard(worker);
      if (act.from === 'started' && !isThere) while (worker.stops[0]?.label !== 'appended') await this.#past(worker);
      if (act.answer !== undefined && act.answer !== 'returned')
        worker.answers.push(this.#answer(worker, CODE[act.answer], act.isTaken === true));
      if (!isThere) await this.#past(worker);
    }
    await this.#arrive(worker, next);
  }

  /** As a provider does: what it takes it writes down, a known key once. */
  #answer(worker: RealWorker, result: SendResult, isTaken: boolean): SendResult {
    const { key, deliveryId } = this.#message.get(worker)!;
    const isKnown = this.world.cfg.keys === true && this.#keys.has(key);
    if (isTaken && !isKnown) this.#taken.set(deliveryId, (this.#taken.get(deliveryId) ?? 0) + 1);
    if (isTaken) this.#keys.add(key);
    return result;
  }
  readonly #message = new Map<RealWorker, Outgoing>();

  /** One append with all that belongs to it: where it meets a conflict it is read, decided and appended again. */
  async #append(worker: RealWorker): Promise<void> {
    const reloads = worker.stops[0]!.label === 'read';
    if (reloads) await this.#to(worker, ['append']);
    const [first] = worker.stops;
    if (worker.isDone || first === undefined) return;
    const name = this.#stepName.get(worker) ?? stepNameOf(first);
    if (reloads && stepNameOf(first) !== name) return;
    worker.fault = this.#below(6) === 0 ? 'answer lost' : 'none';
    this.#appended.set(worker, name);
    for (;;) {
      await this.#past(worker);
      const [stop] = worker.stops;
      if (worker.isDone || stop === undefined) return;
      // Of a start the notifications that met a conflict are dropped; answers are decided again.
      if (stop.label === 'appended' && (!stop.hasConflict || name === 's')) return;
      if (stop.label === 'pause' || stop.label === 'send' || (stop.label === 'append' && stepNameOf(stop) !== name)) return;
    }
  }
  readonly #stepName = new Map<RealWorker, string>();

  /** On to where the model sees it, through what it does not see. */
  async #arrive(worker: RealWorker, next: Worker | undefined): Promise<void> {
    if (this.#fault !== undefined) throw new Error('a worker threw', { cause: this.#fault });
    if (next === undefined || next.at === 'idle' || next.at === 'done') {
      while (!worker.isDone) {
        if (!this.#isUnseen(worker)) throw new Error(`the code is at ${worker.stops[0]!.label} and the model at its end`);
        await this.#past(worker);
      }
      if (next?.at !== 'done') this.#workers.delete(worker.number);
      return;
    }
    const wanted = STANDS[next.at];
    const [stop] = worker.stops;
    // Its answer was lost, so it has not even heard that it may call.
    if (next.at === 'started' && stop?.label === 'pause') return;
    if (next.at === 'started' && this.#hasHeard(worker)) {
      this.#forced = worker.number;
      return;
    }
    for (let it = worker.stops[0]; it !== undefined && (it.label !== wanted || this.#isRepeat(worker)); it = worker.stops[0]) {
      if (!this.#isUnseen(worker)) throw new Error(`the code is at ${it.label} and the model at ${next.at}`);
      await this.#past(worker);
    }
    if (worker.isDone) throw new Error(`the code is done and the model is at ${next.at}`);
    if (wanted === 'append' && worker.stops[0] !== undefined) this.#stepName.set(worker, stepNameOf(worker.stops[0]));
  }

  /** The model has no step for it; of appends, those that are sent again since their answer was lost. */
  #isUnseen(worker: RealWorker): boolean {
    const stop = worker.stops[0]!;
    // Between two sub-batches it looks whether its batch is paused.
    const isWatching = stop.label === 'facts' && this.#appended.has(worker);
    return UNSEEN.has(stop.label) || isWatching || this.#isRepeat(worker);
  }

  /** A start of its met a conflict in another notification, so it went on to the call, or past it where its claim was over. */
  #hasHeard(worker: RealWorker): boolean {
    const [stop] = worker.stops;
    return stop?.label === 'send' || (stop?.label === 'append' && !this.#isRepeat(worker));
  }

  /** Of an append that the model has seen. */
  #isRepeat(worker: RealWorker): boolean {
    const stop = worker.stops[0]!;
    return stop.label === 'append' && stepNameOf(stop) === this.#appended.get(worker);
  }
  /** The step whose append the model has seen. */
  readonly #appended = new Map<RealWorker, string>();

  async #crash(number: number, before: State): Promise<void> {
    const worker = this.#workers.get(number)!;
    this.#workers.delete(number);
    const { at } = before.workers.find(({ claim }) => claim === number)!;
    if (at !== 'claimed') return;
    // Before anybody could see anything of it: between the reads with which it begins.
    await this.#begin(worker);
    for (let reads = this.#below(4); reads > 0 && !worker.isDone && worker.stops[0]?.label !== 'declare'; reads -= 1)
      await this.#past(worker);
  }

  /** Past everything that anyone can have put off by now, also in answers that are not recorded yet. */
  #tick(): void {
    this.#bench.house.clock.advance(LONGEST_MS);
  }

  #portsOf(worker: RealWorker): DispatchPorts {
    const { ports, provider: fake } = this.#bench;
    const stop = (label: Stop['label'], more: Partial<Stop> = {}): Promise<void> =>
      new Promise((go) => {
        worker.stops.push({ label, writes: [], hasConflict: false, ...more, go });
        worker.wake();
      });
    const append = async (writes: readonly EventWrite[]): Promise<readonly WriteResult[]> => {
      await stop('append', { writes });
      const { fault } = worker;
      worker.fault = 'none';
      if (fault === 'not taken') return writes.map(() => ({ ok: false, conflict: false, error: away }));
      const results = await ports.log.append(writes);
      const isWhole = results.every(({ ok }) => ok);
      if (fault === 'answer lost' && isWhole) {
        this.#note('an answer of the log is lost');
        return writes.map(() => ({ ok: false, conflict: false, error: away }));
      }
      if (results.some(({ ok }) => ok)) await stop('appended', { writes, hasConflict: !isWhole });
      return results;
    };
    const send = async (messages: readonly Outgoing[]): Promise<readonly SendResult[]> => {
      const results: SendResult[] = [];
      for (const message of messages) {
        this.#message.set(worker, message);
        await stop('send');
        results.push(worker.answers.shift() ?? { outcome: 'unknown', code: 'nobody_asked' });
      }
      return results;
    };
    const provider: Provider = { ...fake, takesKeys: this.world.cfg.keys === true, window: 2 * this.world.cfg.subBatch, send };
    const before = async <T>(label: Stop['label'], go: () => Promise<T>): Promise<T> => {
      await stop(label);
      return go();
    };
    return {
      ...ports,
      pauseRecheckMs: RECHECK_MS,
      pause: () => stop('pause'),
      log: { read: (streams) => before('read', () => ports.log.read(streams)), append },
      indexes: { ...ports.indexes, hash: (...of) => before('hash', () => ports.indexes.hash(...of)) },
      claims: { ...ports.claims, declare: (...of) => before('declare', () => ports.claims.declare(...of)) },
      facts: { ...ports.facts, batches: (...of) => before('facts', () => ports.facts.batches(...of)) },
      reservations: { reserve: (...of) => before('reserve', () => ports.reservations.reserve(...of)) },
      providers: { ...ports.providers, choose: () => provider },
    };
  }

  async #compareClaims(after: State): Promise<void> {
    const { optOut } = this.world.cfg;
    const subject = await this.#bench.subject(optOut!.subject);
    const keys =
      optOut!.address === undefined ? [] : await this.#bench.house.indexes.hash(ACME, 'address', [`email:${mailOf(optOut!.address)}`]);
    const live = [...this.#bench.actions.live()].filter(
      ([, it]) => it.subjects.includes(subject) || it.addresses.some((key) => keys.includes(key as never)),
    );
    const found = after.waitsFor.map((claim) => this.#claims.get(claim)!.id).sort();
    same('claims that an opt-out finds', live.map(([id]) => id).sort(), found);
  }

  /** Logs, table, provider, reservations: the code's against the model's. */
  async #compare(): Promise<void> {
    const { state, world } = this;
    for (const [n, id] of this.#ids.entries()) {
      const { deliveries } = await this.#bench.state(id);
      const view = world.protocol.page(state.logs[n]!).view;
      const own = view.of.flatMap((it, d) => (it === undefined ? [] : [[d, it] as const]));
      const folded = own.map(([d]) => seen(deliveries.get(this.#place(d))!));
      same(
        'the log',
        folded,
        own.map(([, it]) => this.#meant(it)),
      );
      for (const [d, it] of own) {
        const { until } = deliveries.get(this.#place(d))!;
        const isDue = it.at <= state.tick && WORK[it.status] !== 'recover';
        if (isDue && until !== undefined) same(`d${String(d)} is due`, until <= this.#now(), true);
        const isLater = it.at > state.tick && WORK[it.status] !== undefined && WORK[it.status] !== 'recover';
        if (isLater) same(`d${String(d)} has to wait`, until !== undefined && until > this.#now(), true);
      }
      const rows = world.rowsOf(state, n).flatMap(({ kind, items }) => this.#places(items).map((place) => `${kind} ${String(place)}`));
      const real = this.#bench.actions.rows().filter(({ target }) => target === id);
      same('the table', real.flatMap(({ kind, items }) => items.map((place) => `${kind} ${String(place)}`)).sort(), rows.sort());
    }
    const took = world.cfg.deliveries.map((_, d) => this.#taken.get(this.#deliveryId(d)) ?? 0);
    same('what the provider took', took, state.taken);
    const held = [...this.#bench.reservations.held.values()].map(({ delivery }) => delivery).sort();
    same(
      'reservations',
      held,
      Object.values(state.reserved)
        .map((d) => this.#deliveryId(d))
        .sort(),
    );
  }

  #meant = ({ status, attempt, tries, starts, spent, by, doubt, unwanted, held }: Delivery): object => ({
    status,
    attempt,
    tries,
    starts,
    spent,
    doubt,
    unwanted,
    held,
    claim: by === 0 ? null : this.#claims.get(by)?.id,
  });
}

function same(what: string, code: unknown, model: unknown): void {
  if (!isDeepStrictEqual(code, model)) throw new Error(`${what}: the code has ${JSON.stringify(code)}, the model ${JSON.stringify(model)}`);
}
const nameOf = (act: Act): string => {
  if (act.do === 'claim') return 'claim';
  return act.do === 'go' ? `${act.from}${act.answer === undefined ? '' : `: ${act.answer}`}` : act.do;
};
const FAULTS: ReadonlySet<Act['do']> = new Set(['crash', 'runOut', 'redrive', 'cancel']);
const UNSEEN: ReadonlySet<Stop['label']> = new Set(['read', 'hash', 'declare', 'pause', 'appended']);
const BATCH = '01890000-0000-7000-8000-000000000001' as BatchId;
const mailOf = (address: string): string => `at${address.slice(1)}@example.com`;

const seen = ({ status, attempt, tries, starts, spent, doubt, unwanted, code, claim }: RealDelivery): object => ({
  status,
  attempt,
  tries,
  starts,
  spent,
  doubt,
  unwanted,
  held: status === 'deferred' && code === 'batch_paused',
  claim: claim ?? null,
});

async function request(bench: DispatchBench, cfg: Config, n: number): Promise<NotificationId> {
  const own = cfg.deliveries.filter(({ notification }) => notification === n);
  const key = own[0]?.key;
  return bench.request({
    people: own.map(({ subject, address }) => ({ name: subject, person: { email: mailOf(address) } })),
    terms: {
      unknownOutcome: cfg.hold === true ? 'hold' : 'retry',
      ...(key === undefined ? {} : { dedup: { key: key as KeyedHash, windowMs: 1_000_000_000_000 } }),
    },
    ...(cfg.batch === undefined ? {} : { data: { batch: { batchId: BATCH, chunk: 0 } } }),
  });
}
