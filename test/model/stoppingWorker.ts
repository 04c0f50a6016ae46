import type { EventWrite, WriteResult } from '../../src/commands/ports.ts';
import { PortError } from '../../src/domain/kernel/portError.ts';
import { dispatchEffect } from '../../src/processes/dispatch/effects.ts';
import type { DispatchPorts } from '../../src/processes/dispatch/ports.ts';
import type { Outgoing, Provider, SendResult } from '../../src/processes/dispatch/provider.ts';
import type { Claim } from '../../src/processes/process.ts';
import type { DispatchBench } from '../support/dispatchBench.ts';
import { RECHECK_MS } from './code.ts';
import { same } from './same.ts';
import type { Config, Worker } from './world.ts';

/** Where a worker of the code stands. `appended`: its append is done, and it has not heard of it. */
type Stop = {
  readonly label: 'read' | 'hash' | 'declare' | 'facts' | 'reserve' | 'append' | 'appended' | 'pause' | 'send';
  readonly writes: readonly EventWrite[];
  readonly hasConflict: boolean;
  readonly go: () => void;
};
type Label = Stop['label'];

/** Where the code stands when the model says this; a worker that was only claimed has not begun. */
const STANDS: Partial<Record<Worker['at'], Label>> = {
  halfway: 'facts',
  ready: 'reserve',
  looking: 'read',
  takingOver: 'reserve',
  judged: 'append',
  started: 'appended',
  calling: 'send',
  answered: 'append',
};
const UNSEEN: ReadonlySet<Label> = new Set(['read', 'hash', 'declare', 'pause', 'appended']);

const away = new PortError('unavailable', 'append_open', 'no answer came in time');
/** Of one claim, one step: an append and all its repeats and new decisions. */
const stepNameOf = ({ writes }: Stop): string => writes[0]?.envelope.commandId.split(':')[1]?.split('.')[0] ?? '';

type Parts = {
  readonly number: number;
  readonly claim: Claim;
  readonly bench: DispatchBench;
  readonly cfg: Config;
  /** Told that it was not told that its append was done. */
  readonly onAnswerLost: () => void;
};

/** The real effect, carrying out one claim: it stops before every call of a port, and after every append, until it is let past. */
export class StoppingWorker {
  readonly number: number;
  readonly claim: Claim;
  /** What the provider says to its next messages. */
  readonly answers: SendResult[] = [];
  isDone = false;
  readonly #parts: Parts;
  readonly #stops: Stop[] = [];
  #wake: () => void = () => undefined;
  #error: unknown;
  /** What its next append meets: nothing is written, or it is written and nobody says so. */
  #fault: 'none' | 'not taken' | 'answer lost' = 'none';
  #message: Outgoing | undefined;
  #stepName: string | undefined;
  /** The step whose append the model has seen. */
  #appended: string | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.number = parts.number;
    this.claim = parts.claim;
  }

  get stop(): Stop | undefined {
    return this.#stops[0];
  }

  /** On its way to the provider. */
  get message(): Outgoing {
    if (this.#message === undefined) throw new Error('the worker has not sent anything');
    return this.#message;
  }

  async begin(): Promise<void> {
    const parked = this.#parked();
    const end = (error?: unknown): void => {
      this.#error = error;
      this.isDone = true;
      this.#wake();
    };
    dispatchEffect(this.#ports())(this.claim, new AbortController().signal).then(() => end(), end);
    await parked;
    this.#complain();
  }

  /** Lets it through the stop at which it stands, up to its next. */
  async past(label?: Label): Promise<void> {
    const stop = this.#stops.shift();
    if (stop === undefined) throw new Error('the worker stands nowhere');
    if (label !== undefined) same('where a worker stands', stop.label, label);
    const parked = this.#parked();
    stop.go();
    await parked;
    this.#complain();
  }

  async to(label: Label): Promise<void> {
    while (!this.isDone && this.stop?.label !== label) await this.past();
  }

  /** Its append is not taken, and sent again. */
  async isNotTaken(): Promise<void> {
    this.#fault = 'not taken';
    await this.past('append');
    await this.to('append');
  }

  /** One append with all that belongs to it: where it meets a conflict it is read, decided and appended again. `draw`: whether its answer is lost. */
  async append(draw: () => boolean): Promise<void> {
    const reloads = this.stop?.label === 'read';
    if (reloads) await this.to('append');
    const first = this.stop;
    if (this.isDone || first === undefined) return;
    const name = this.#stepName ?? stepNameOf(first);
    if (reloads && stepNameOf(first) !== name) return;
    this.#fault = draw() ? 'answer lost' : 'none';
    this.#appended = name;
    for (;;) {
      await this.past();
      const { stop } = this;
      if (this.isDone || stop === undefined) return;
      // Of a start the notifications that met a conflict are dropped; answers are decided again.
      if (stop.label === 'appended' && (!stop.hasConflict || name === 's')) return;
      if (stop.label === 'pause' || stop.label === 'send' || (stop.label === 'append' && stepNameOf(stop) !== name)) return;
    }
  }

  /** A start of its met a conflict in another notification, so it went on to the call, or past it where its claim was over. */
  hasHeard(): boolean {
    return this.stop?.label === 'send' || (this.stop?.label === 'append' && !this.#isRepeat(this.stop));
  }

  /** To its end, through what the model does not see. */
  async toEnd(): Promise<void> {
    this.#complain();
    for (let { stop } = this; !this.isDone && stop !== undefined; stop = this.stop) {
      if (!this.#isUnseen(stop)) throw new Error(`the code is at ${stop.label} and the model at its end`);
      await this.past();
    }
  }

  /** On to where the model sees it, through what it does not see. Answers whether it is further: the model has to follow at once. */
  async arrive(at: Worker['at']): Promise<boolean> {
    this.#complain();
    // Its answer was lost, so it has not even heard that it may call.
    if (at === 'started' && this.stop?.label === 'pause') return false;
    if (at === 'started' && this.hasHeard()) return true;
    const wanted = STANDS[at];
    for (let { stop } = this; stop !== undefined && (stop.label !== wanted || this.#isRepeat(stop)); stop = this.stop) {
      if (!this.#isUnseen(stop)) throw new Error(`the code is at ${stop.label} and the model at ${at}`);
      await this.past();
    }
    if (this.isDone) throw new Error(`the code is done and the model is at ${at}`);
    if (wanted === 'append' && this.stop !== undefined) this.#stepName = stepNameOf(this.stop);
    return false;
  }

  #complain(): void {
    if (this.#error !== undefined) throw new Error('a worker threw', { cause: this.#error });
  }

  #parked = (): Promise<void> =>
    new Promise((resolve) => {
      this.#wake = resolve;
    });

  /** The model has no step for it; of appends, those that are sent again since their answer was lost. */
  #isUnseen(stop: Stop): boolean {
    // Between two sub-batches it looks whether its batch is paused.
    const isWatching = stop.label === 'facts' && this.#appended !== undefined;
    return UNSEEN.has(stop.label) || isWatching || this.#isRepeat(stop);
  }

  /** Of an append that the model has seen. */
  #isRepeat = (stop: Stop): boolean => stop.label === 'append' && stepNameOf(stop) === this.#appended;

  #halt = (label: Label, more: Partial<Stop> = {}): Promise<void> =>
    new Promise((go) => {
      this.#stops.push({ label, writes: [], hasConflict: false, ...more, go });
      this.#wake();
    });

  async #append(writes: readonly EventWrite[]): Promise<readonly WriteResult[]> {
    await this.#halt('append', { writes });
    const fault = this.#fault;
    this.#fault = 'none';
    if (fault === 'not taken') return writes.map(() => ({ ok: false, conflict: false, error: away }));
    const results = await this.#parts.bench.ports.log.append(writes);
    const isWhole = results.every(({ ok }) => ok);
    if (fault === 'answer lost' && isWhole) {
      this.#parts.onAnswerLost();
      return writes.map(() => ({ ok: false, conflict: false, error: away }));
    }
    if (results.some(({ ok }) => ok)) await this.#halt('appended', { writes, hasConflict: !isWhole });
    return results;
  }

  async #send(messages: readonly Outgoing[]): Promise<readonly SendResult[]> {
    const results: SendResult[] = [];
    for (const message of messages) {
      this.#message = message;
      await this.#halt('send');
      results.push(this.answers.shift() ?? { outcome: 'unknown', code: 'nobody_asked' });
    }
    return results;
  }

  #ports(): DispatchPorts {
    const { bench, cfg } = this.#parts;
    const { ports, provider: fake } = bench;
    const provider: Provider = { ...fake, takesKeys: cfg.keys === true, window: 2 * cfg.subBatch, send: (them) => this.#send(them) };
    const before = async <T>(label: Label, go: () => Promise<T>): Promise<T> => {
      await this.#halt(label);
      return go();
    };
    return {
      ...ports,
      pauseRecheckMs: RECHECK_MS,
      pause: () => this.#halt('pause'),
      log: { read: (streams) => before('read', () => ports.log.read(streams)), append: (writes) => this.#append(writes) },
      indexes: { ...ports.indexes, hash: (...of) => before('hash', () => ports.indexes.hash(...of)) },
      claims: { ...ports.claims, declare: (...of) => before('declare', () => ports.claims.declare(...of)) },
      facts: { ...ports.facts, batches: (...of) => before('facts', () => ports.facts.batches(...of)) },
      reservations: { reserve: (...of) => before('reserve', () => ports.reservations.reserve(...of)) },
      providers: { ...ports.providers, choose: () => provider },
    };
  }
}
